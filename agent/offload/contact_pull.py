"""Pull: everything new on a recorder into the spool.

A clip is known again by its id and by its fingerprint (`spool.sidecar.places`), so that other
footage under a reused name is never taken for what is here already: it becomes the next
generation of that id.

What an unplug costs: reading goes in steps of 240 KiB, so at most one step is under way and lost;
the next docking reads 16 KiB of what was kept again (`probes`), to see that it is the same clip.
240 + 16 = 256 KiB: at most one chunk is read again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import TypeVar

from agent.errors import (
    BodydockError,
    ClipDamaged,
    RecorderError,
    RecorderGone,
    RecorderMisbehaved,
    SpoolFull,
    WrongState,
)
from agent.model import CHUNK_BYTES, Clip, ClipFacts, ClipId, Identity, printable
from agent.offload.result import Progress, Pulled, Wait
from agent.offload.source import LONGEST_TEXT, Source, facts, wrong_with
from agent.recorder.base import Recorder
from agent.spool.entry import Owned, Sighting
from agent.spool.files import Spool
from agent.spool.intake import Intake
from agent.spool.ledger import Ledger
from agent.spool.probes import PROBE
from agent.spool.rows import storable
from agent.spool.states import State

log = logging.getLogger(__name__)

T = TypeVar("T")
Whose = Callable[[Clip, ClipFacts], Owned | None]
"""Whose a clip is, of which so much is told."""

READ_STEP = CHUNK_BYTES - PROBE


@dataclass(slots=True)
class ContactPull:
    """One pull in one contact."""

    spool: Spool
    ledger: Ledger
    recorder: Recorder
    source: Source
    identity: Identity
    bay: str
    contact: int
    stop: threading.Event
    progress: Progress
    wait: Wait
    pausing: Callable[[str], None]
    tell: Callable[[Clip], ClipFacts]
    whose: Whose
    result: Pulled = field(default_factory=Pulled)
    paused: bool = False

    @property
    def serial(self) -> str:
        return storable(self.identity.serial)

    def run(self) -> None:
        clips = self.listed()
        self.announce(clips)
        if not self.result.failed:  # a listing that an error cut short concludes nothing
            whole = [clip for clip in clips if not wrong_with(clip)]
            self.patiently("", lambda: self.ledger.listed(self.contact, whole))
        for clip in clips:
            if self.stop.is_set():
                self.result.ended = "stopped"
            if self.result.ended:
                return
            try:
                self.take(clip)
            except RecorderGone:
                raise
            except (RecorderError, ClipDamaged, WrongState) as error:
                self.fail(clip, error)
        if self.result.complete:
            self.spool.aside.drop(self.serial)  # begun, but not on the recorder any more

    def listed(self) -> list[Clip]:
        """The recorder's clips, the oldest first; what was listed before an error counts."""
        clips: list[Clip] = []
        try:
            clips.extend(self.recorder.clips())
        except RecorderGone:
            raise
        except RecorderError as error:
            self.result.failed.append(("", error))
        return sorted(clips, key=lambda clip: (clip.recorded, clip.path))

    def announce(self, clips: list[Clip]) -> None:
        """Let the ledger know all that is new, in one commit: footage that is still out on an
        unplugged recorder is known of."""
        listed = ((clip, self.sighting(clip, 0)) for clip in clips if not wrong_with(clip))
        new = [self.told(clip, each) for clip, each in listed if self.is_new(each.clip)]
        self.patiently("", lambda: self.ledger.see_all(new))

    def is_new(self, clip: ClipId) -> bool:
        try:
            return self.ledger.find(clip) is None
        except ClipDamaged:
            return False  # `take` meets it again, and notes it as failed

    def take(self, clip: Clip) -> None:
        """Find out whether the clip is here; pull it if not."""
        if wrong := wrong_with(clip):
            raise RecorderMisbehaved(wrong)
        other: ClipId | None = None
        for generation in count():
            sighting = self.sighting(clip, generation)
            self.settle(sighting.clip)
            if self.result.ended:
                return None
            entry = self.ledger.find(sighting.clip)
            if entry is None or entry.sealed is None:
                break
            if self.source.fingerprint(clip, sighting.clip) == entry.sealed.fingerprint:
                return self.again(clip, sighting, entry.state)
            log.warning("bay %s: other footage under the name of clip %s", self.bay, entry.clip)
            other = entry.clip
        if other is not None and entry is None:
            before = other
            self.patiently(before, lambda: self.ledger.rewritten(self.contact, before, clip.size))
        return self.pull(clip, sighting)

    def again(self, clip: Clip, sighting: Sighting, state: State) -> None:
        """The clip was here before; it is pulled again only where the dock's copy is lost."""
        if state is not State.DAMAGED:
            self.result.known += 1
            return
        self.patiently(sighting.clip, lambda: self.ledger.wanted_again(sighting.clip))
        self.pull(clip, sighting)

    def pull(self, clip: Clip, sighting: Sighting) -> None:
        """Pull one clip, waiting for room where there is none."""
        told = self.told(clip, sighting)
        self.patiently(sighting.clip, lambda: self.ledger.see(told))
        if self.result.ended:
            return None
        if not self.spool.could_hold(clip.size):
            full = SpoolFull(f"{clip.size} bytes are more than the whole spool may hold")
            self.note(sighting.clip, full.what)
            return self.fail(clip, full)
        try:
            self.patiently(sighting.clip, lambda: self.read_in(clip, sighting.clip))
        except RecorderGone:
            raise
        except RecorderError as error:
            self.note(sighting.clip, f"{type(error).__name__}: {error}")
            raise
        if not self.result.ended:
            self.settle(sighting.clip)
        return None

    def settle(self, clip: ClipId) -> None:
        """Commit a clip whose file is whole, now or since an earlier docking: where the ledger has
        no room for that, only the commit is tried again."""
        if self.patiently(clip, lambda: self.spool.settle(clip)):
            self.result.pulled += 1
            log.info("bay %s: clip %s is spooled", self.bay, clip)

    def patiently(self, clip: ClipId | str, act: Callable[[], T]) -> T | None:
        """Do it, and wait for room as long as there is none; None where that was in vain."""
        while not self.result.ended:
            try:
                done = act()
            except SpoolFull as full:
                self.pause(clip, full)
            else:
                self.resume()
                return done
        return None

    def pause(self, clip: ClipId | str, full: SpoolFull) -> None:
        if not self.paused:  # said once, however often it is tried again
            log.warning("bay %s: paused: %s", self.bay, full)
        self.paused = True
        self.pausing(str(full))
        if not self.wait(full):
            self.note(clip, str(full))
            self.result.ended = "stopped" if self.stop.is_set() else str(full)

    def resume(self) -> None:
        if self.paused:
            log.info("bay %s: goes on, there is room again", self.bay)
        self.paused = False
        self.pausing("")

    def note(self, clip: ClipId | str, reason: str) -> None:
        """Keep the words with the clip, if there is one and the ledger has room for them."""
        try:
            if clip:
                self.ledger.note(ClipId(clip), reason)
        except SpoolFull as full:
            log.warning("bay %s: clip %s: %s; not noted: %s", self.bay, clip, reason, full)

    def read_in(self, clip: Clip, clip_id: ClipId) -> None:
        """Read a clip to its end, to be settled; or keep what came, for the next docking."""
        intake = self.begun(clip, clip_id)
        if not intake:
            if self.spool.recall(
                clip_id, clip.size, partial(self.source.fingerprint, clip, clip_id)
            ):
                return None
            intake = self.spool.intake(clip_id, clip.size)
        self.resume()
        with self.keeping(intake):
            while intake.written < clip.size:
                if self.stop.is_set():
                    self.result.ended = "stopped"
                    return self.spool.aside.put(self.serial, self.identity, intake)
                self.store(intake, clip, self.source.read(clip, intake.written, READ_STEP))
            self.source.insist_end(clip)
            intake.finish()
        return None

    def begun(self, clip: Clip, clip_id: ClipId) -> Intake | None:
        """The intake that an earlier docking began, if the recorder still has that very clip."""
        intake = self.spool.aside.take(self.serial, self.identity, clip_id)
        if intake is None:
            return None
        with self.keeping(intake):
            *before, (last, size) = intake.probes()
            same = all(intake.fits(at, self.source.read(clip, at, length)) for at, length in before)
            data = self.source.read(clip, last, READ_STEP) if same else b""
            if same and intake.fits(last, data[:size]):
                self.store(intake, clip, data[size:])
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
                self.spool.aside.put(self.serial, self.identity, intake)
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

    def told(self, clip: Clip, sighting: Sighting) -> Sighting:
        """The sighting with what the clip's name and this contact's clock tell, and its owner."""
        kept = facts(clip)
        told = self.tell(kept)
        return replace(sighting, facts=told, owned=self.whose(kept, told))

    def fail(self, clip: Clip, error: BodydockError) -> None:
        path = printable(clip.path[:LONGEST_TEXT])
        log.debug("bay %s: %s: %s", self.bay, path, printable(str(error)))
        self.result.failed.append((path, error))
