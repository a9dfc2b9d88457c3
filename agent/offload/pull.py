"""Pull: everything new on a recorder into the spool.

A clip is known again by its id and by the fingerprint of its first and last 64 KiB, so that other
footage under a reused name is never taken for what is here already: it becomes the next
generation of that id.

What an unplug costs: reading goes in steps of 240 KiB, so at most one step is under way and lost;
the next docking begins 16 KiB before the end of what was kept, to see that it is the same clip.
240 + 16 = 256 KiB: at most one chunk is read again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from agent.errors import (
    BodydockError,
    ClipDamaged,
    RecorderError,
    RecorderGone,
    RecorderMisbehaved,
    SpoolFull,
)
from agent.model import CHUNK_BYTES, Clip, ClipId, Identity, printable
from agent.recorder.base import Recorder
from agent.spool.entry import Sighting
from agent.spool.files import Spool
from agent.spool.intake import Intake
from agent.spool.ledger import Ledger
from agent.spool.rows import storable
from agent.spool.states import State

log = logging.getLogger(__name__)

PROBE = 16 * 1024
READ_STEP = CHUNK_BYTES - PROBE
PAUSE_SECONDS = 10.0
"""How often a bay that waits for room looks again."""


@dataclass(slots=True)
class Pulled:
    """What a pull did so far."""

    pulled: int = 0
    """Clips that came in whole."""
    known: int = 0
    """Clips that were here already."""
    bytes: int = 0
    """Read from the recorder for clips that came or come in."""
    failed: list[tuple[str, BodydockError]] = field(default_factory=list)
    """Paths of clips that did not come in, and why; they are tried again at the next docking."""
    ended: str = ""
    """Why the pull ended before its end; empty where it did not."""

    @property
    def complete(self) -> bool:
        """Whether everything on the recorder is on the dock."""
        return not self.failed and not self.ended


Progress = Callable[[Pulled, Clip, int], None]
"""Called after each step: the pull so far, the clip that is being read, how much of it is here."""

Wait = Callable[[SpoolFull], bool]
"""Called where the spool is full: waits as long as it likes; False ends the pull."""


class Offload:
    """What pulls of all bays share."""

    def __init__(self, spool: Spool, ledger: Ledger) -> None:
        self.spool = spool
        self.ledger = ledger
        self._paused: dict[str, str] = {}

    @property
    def paused(self) -> str:
        """Why a bay waits for room in the spool; empty while clips are taken in."""
        return next(iter(self._paused.values()), "")

    def pull(
        self,
        recorder: Recorder,
        identity: Identity,
        bay: str,
        contact: int,
        *,
        stop: threading.Event,
        progress: Progress = lambda _pulled, _clip, _done: None,
        wait: Wait | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> Pulled:
        """Pull every clip that is not here, the oldest first. `contact` is open in the ledger.

        One clip's trouble is noted and does not stop the others. Where the spool is full, the
        recorder is left alone, `paused` says why, and after `wait` it is tried again (None: looks
        again every 10 s until `stop` is set). `sleep` is for a recorder that is busy. A clip cut
        short by `stop` or an unplug goes on at the next docking where it ended.

        Raises `RecorderGone` when it is unplugged, `SpoolBroken` and `LedgerBroken` where this
        dock fails.
        """

        def rest(seconds: float) -> None:
            stop.wait(seconds)

        wait = wait or (lambda _full: not stop.wait(PAUSE_SECONDS))
        source = Source(recorder, sleep or rest)
        pull = _Pull(self, recorder, source, identity, bay, contact, stop, progress, wait)
        try:
            pull.run()
        finally:
            self.pausing(bay, "")
        return pull.result

    def pausing(self, bay: str, reason: str) -> None:
        """A bay waits for room, or (empty) no longer does."""
        if reason:
            self._paused[bay] = reason
        else:
            self._paused.pop(bay, None)


@dataclass(slots=True)
class _Pull:
    """One pull in one contact."""

    offload: Offload
    recorder: Recorder
    source: Source
    identity: Identity
    bay: str
    contact: int
    stop: threading.Event
    progress: Progress
    wait: Wait
    result: Pulled = field(default_factory=Pulled)

    @property
    def spool(self) -> Spool:
        return self.offload.spool

    @property
    def ledger(self) -> Ledger:
        return self.offload.ledger

    @property
    def serial(self) -> str:
        return storable(self.identity.serial)

    def run(self) -> None:
        clips = self.listed()
        self.announce(clips)
        for clip in clips:
            if self.stop.is_set():
                self.result.ended = "stopped"
            if self.result.ended:
                return
            try:
                self.take(clip)
            except RecorderGone:
                raise
            except (RecorderError, ClipDamaged) as error:
                self.fail(clip, error)
        self.spool.aside.drop(self.serial)  # of a clip that is not on the recorder any more

    def listed(self) -> list[Clip]:
        """The recorder's clips, the oldest first; what was listed before an error counts."""
        clips: list[Clip] = []
        try:
            clips.extend(self.recorder.clips())
        except RecorderGone:
            raise
        except RecorderError as error:
            log.warning("bay %s: listing: %s", self.bay, printable(str(error)))
            self.result.failed.append(("", error))
        return sorted(clips, key=lambda clip: (clip.recorded, clip.path))

    def announce(self, clips: list[Clip]) -> None:
        """Let the ledger know all that is new, in one commit: footage that is still out on an
        unplugged recorder is known of."""
        new = [self.sighting(clip, 0) for clip in clips if not wrong_with(clip)]
        self.ledger.see_all(each for each in new if self.ledger.find(each.clip) is None)

    def take(self, clip: Clip) -> None:
        """Find out whether the clip is here; pull it if not."""
        if wrong := wrong_with(clip):
            raise RecorderMisbehaved(wrong)
        seen_as = ""
        for generation in count():
            sighting = self.sighting(clip, generation)
            entry = self.ledger.find(sighting.clip)
            if entry is None or entry.sealed is None:
                break
            seen_as = seen_as or self.source.fingerprint(clip)
            if seen_as == entry.sealed.fingerprint:
                return self.again(clip, sighting, entry.state, entry.sealed)
            log.warning("bay %s: other footage under the name of clip %s", self.bay, entry.clip)
        self.pull(clip, sighting)
        return None

    def again(self, clip: Clip, sighting: Sighting, state: State, before: Sealed) -> None:
        """The clip was here before; it is pulled again only where the dock's copy is lost."""
        if state is not State.DAMAGED:
            self.result.known += 1
            return
        self.ledger.wanted_again(sighting.clip)
        self.pull(clip, sighting)
        now = self.ledger.find(sighting.clip)
        if now and now.sealed and now.sealed.digests.blake3 != before.digests.blake3:
            changed = (
                f"its recorder now gives other bytes than before (BLAKE3 {before.digests.blake3})"
            )
            log.error("bay %s: clip %s: %s", self.bay, sighting.clip, changed)
            self.ledger.note(sighting.clip, changed)

    def pull(self, clip: Clip, sighting: Sighting) -> None:
        """Pull one clip, waiting for room where there is none."""
        self.ledger.see(sighting)
        if not self.spool.could_hold(clip.size):
            full = SpoolFull(f"{clip.size} bytes are more than the whole spool may hold")
            self.ledger.note(sighting.clip, full.what)
            return self.fail(clip, full)
        while not self.result.ended:
            try:
                return self.read_in(clip, sighting.clip)
            except SpoolFull as full:
                self.pause(sighting.clip, full)
            except RecorderGone:
                raise
            except RecorderError as error:
                self.ledger.note(sighting.clip, f"{type(error).__name__}: {error}")
                raise
        return None

    def pause(self, clip: ClipId, full: SpoolFull) -> None:
        log.warning("bay %s: paused: %s", self.bay, full)
        self.offload.pausing(self.bay, str(full))
        if not self.wait(full):
            self.ledger.note(clip, str(full))
            self.result.ended = "stopped" if self.stop.is_set() else str(full)

    def read_in(self, clip: Clip, clip_id: ClipId) -> None:
        """Read a clip to its end and commit it; or keep what came, for the next docking."""
        intake = self.begun(clip, clip_id) or self.spool.intake(clip_id, clip.size)
        self.offload.pausing(self.bay, "")
        with self.keeping(intake):
            while intake.written < clip.size:
                if self.stop.is_set():
                    self.result.ended = "stopped"
                    return self.spool.aside.put(self.serial, intake)
                self.store(intake, clip, self.source.read(clip, intake.written, READ_STEP))
            sealed = intake.finish()
        self.ledger.spooled(sealed)
        self.result.pulled += 1
        log.info("bay %s: clip %s is spooled, %d bytes", self.bay, clip_id, clip.size)
        return None

    def begun(self, clip: Clip, clip_id: ClipId) -> Intake | None:
        """The intake that an earlier docking began, if the recorder still has that very clip."""
        if (intake := self.spool.aside.take(self.serial, clip_id)) is None:
            return None
        with self.keeping(intake):
            probe = intake.tail(PROBE)
            data = self.source.read(clip, intake.written - len(probe), READ_STEP)
            if data.startswith(probe):
                self.store(intake, clip, data[len(probe) :])
                return intake
            intake.abandon()
        log.warning("bay %s: clip %s is not what was begun; from its start", self.bay, clip_id)
        return None

    @contextmanager
    def keeping(self, intake: Intake) -> Iterator[None]:
        """An unplug leaves the intake for the next docking; any other error ends it."""
        try:
            yield
        except RecorderGone:
            if intake.written:
                self.spool.aside.put(self.serial, intake)
            else:
                intake.abandon()
            raise
        except BaseException:
            intake.abandon()
            raise

    def store(self, intake: Intake, clip: Clip, data: bytes) -> None:
        intake.write(data)
        self.result.bytes += len(data)
        self.progress(self.result, clip, intake.written)

    def sighting(self, clip: Clip, generation: int) -> Sighting:
        """The clip's facts as the ledger keeps them, its id over the same words."""
        kept = facts(clip)
        return Sighting(
            clip=kept.id_on(self.serial, generation),
            contact=self.contact,
            identity=self.identity,
            bay=self.bay,
            storage=kept.storage,
            path=kept.path,
            size=kept.size,
            recorded=kept.recorded,
            marked=kept.marked,
            generation=generation,
        )

    def fail(self, clip: Clip, error: BodydockError) -> None:
        path = printable(clip.path[:LONGEST_TEXT])
        log.warning("bay %s: %s: %s", self.bay, path, printable(str(error)))
        self.result.failed.append((clip.path, error))
