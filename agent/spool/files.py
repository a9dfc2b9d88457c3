"""The spool: clips as files, each durable and proved before anybody is told of it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random

from blake3 import blake3

from agent.errors import ClipDamaged, Malformed, WrongState
from agent.model import CHUNK_BYTES, ClipId
from agent.spool import sidecar
from agent.spool.aside import Aside
from agent.spool.cipher import Cipher
from agent.spool.claims import Claims
from agent.spool.durable import allocate, closing_file, medium, sync_folder, write_new
from agent.spool.entry import Sealed
from agent.spool.forms import remeasure, rooms, sums_of, taken
from agent.spool.hashing import Measured
from agent.spool.intake import Intake
from agent.spool.layout import SUMS, Layout
from agent.spool.ledger import Ledger
from agent.spool.quarantine import held, move_aside
from agent.spool.readers import Readers, lost
from agent.spool.recall import candidates, recall
from agent.spool.room import Room
from agent.spool.states import NEXT, State
from agent.spool.streams import stream

log = logging.getLogger(__name__)


class Spool:
    """All clips under one root, shared by all bays and the uplink.

    `quota` is how many bytes the spool may fill, `floor` how many must stay free on its file
    system, `digests` which of "sha256" and "sm3" to make beside BLAKE3, `hold_seconds` how long
    (in running time) a clip stays after its receipt; `cipher` encrypts clips as they come in.
    Run `recovery.recover` before using it. Methods raise `SpoolBroken` where the disk fails.
    """

    def __init__(
        self,
        root: Path,
        ledger: Ledger,
        *,
        quota: int,
        floor: int,
        digests: frozenset[str],
        hold_seconds: float,
        random: Random,
        cipher: Cipher | None = None,
    ) -> None:
        self.layout = Layout(root)
        self.layout.make()
        self.ledger = ledger
        self.room = Room(root, quota=quota, floor=floor, aside=partial(held, self.layout))
        self.aside = Aside()
        self.digests = digests
        self._cipher = cipher
        self._hold_seconds = hold_seconds
        self._random = random
        self._readers = Readers(self._open)
        self._claims = Claims()
        self._settling = threading.Lock()
        self._releasing = threading.Lock()

    # Clips coming in.

    def could_hold(self, size: int) -> bool:
        """Whether a clip of `size` bytes would fit if nothing else were here."""
        return self.room.ever(sum(rooms(size, self._cipher)))

    def intake(self, clip: ClipId, size: int) -> Intake:
        """Reserve room for a clip and begin to take it in.

        Raises `SpoolFull` with the numbers where it does not fit, `RecorderBusy` while another
        bay has this very clip (two recorders with one serial), `WrongState` for a clip that is
        here already.
        """
        need = sum(lengths := rooms(size, self._cipher))
        with self._claiming(clip):
            self.make_room(need)
            self._remove_stranger(clip)
            part = self._part(".part")
            file = self.room.reserve(need, partial(allocate, part, lengths[0]))
        return Intake(
            clip,
            size,
            part=part,
            file=file,
            stream=stream(file, clip, size, self.digests, self._cipher),
            layout=self.layout,
            kept=partial(self._finished, need),
            gone=partial(self._given_up, clip, need),
        )

    def settle(self, clip: ClipId) -> bool:
        """Commit a clip whose intake is finished; whether there was one.

        Raises `SpoolFull` where the ledger has no room: the file stays, to be settled later.
        """
        with self._settling:
            if (sealed := self._claims.finished(clip)) is None:
                return False
            if (entry := self.ledger.find(clip)) is None or entry.state is State.SEEN:
                self.ledger.spooled(sealed)
            self._claims.settled(clip)
            return True

    def recall(self, clip: ClipId, size: int, seen_as: Callable[[], str]) -> bool:
        """Take a clip that this ledger never had back from the quarantine, if it lies there whole
        and with the fingerprint that `seen_as` reads from its recorder; then it is to be settled.
        Raises as `intake`."""
        if self.ledger.had_copy(clip) or not candidates(self.layout, clip, size):
            return False
        with self._claiming(clip):
            self._remove_stranger(clip)
            sealed = recall(self.layout, clip, size, self.digests, seen_as)
        if sealed:
            self._claims.finish(sealed)
        else:
            self._claims.drop(clip)
        return sealed is not None

    def make_room(self, need: int) -> int:
        """Under pressure only: release receipted clips whose hold is over, the oldest first, then
        interrupted intakes, until `need` bytes fit. Returns the bytes released."""
        released = 0
        with self._releasing:
            if not self.room.ever(need):
                return 0
            while self.room.lacking(need) > 0:
                if entries := self.ledger.releasable(self._hold_seconds, 1):
                    with suppress(WrongState):  # a bay began to clear it this very moment
                        released += self.release(entries[0].clip)
                elif not self.aside.drop_oldest():
                    break
        return released

    # Clips going out.

    def read_chunk(self, clip: ClipId, index: int) -> bytes:
        """Chunk number `index` as the disk gives it; the digests say whether it is right.

        Raises `ClipDamaged` where the file is gone, of another size or unreadable.
        """
        with lost(clip):
            data = self._readers.read(clip, index * CHUNK_BYTES, CHUNK_BYTES)
        if not data:
            raise ClipDamaged(f"clip {clip} has no chunk {index}")
        return data

    def chunk_digests(self, clip: ClipId) -> tuple[bytes, ...]:
        """The clip's chunk digests, from its sidecar; a damaged sidecar is made anew.

        Raises `ClipDamaged` where that shows that the clip is damaged too.
        """
        sealed = self._sealed(clip)
        try:
            chunks = sidecar.read(self.layout.sums(clip), sealed.file_size)
            if blake3(chunks).hexdigest() != sealed.file_digests.chunks:
                raise Malformed("sidecar: of another clip")
        except Malformed as error:
            log.warning("clip %s: %s; making it anew", clip, error)
            chunks = self.mend(clip)
        return sidecar.split(chunks)

    def verify(self, clip: ClipId) -> None:
        """Read the whole clip from the disk; raises `ClipDamaged` where a digest differs."""
        self._prove(clip, self._sealed(clip))

    def mend(self, clip: ClipId) -> bytes:
        """Write the sidecar anew, once the clip itself was proved; its chunk digests.

        Raises `ClipDamaged` where the clip is not what the ledger says.
        """
        sealed = self._sealed(clip)
        found = self._prove(clip, sealed)
        part = self._part(SUMS)
        write_new(part, sums_of(sealed, found.chunks))
        with medium("naming a sidecar"):
            part.replace(self.layout.sums(clip))
        sync_folder(self.layout.folder(clip))
        return found.chunks

    # Clips leaving.

    def release(self, clip: ClipId, reason: str = "") -> int:
        """Give up the dock's copy: the tombstone is committed first, then the file goes.

        Returns the bytes freed. Raises `WrongState` unless the clip is receipted.
        """
        self.ledger.released(clip, reason)
        log.info("clip %s: released", clip)
        return self.unlink(clip)

    def unlink(self, clip: ClipId) -> int:
        """Remove the files of a clip whose tombstone is committed; the bytes freed."""
        self._readers.forget(clip)
        freed = 0
        for path in (self.layout.clip(clip), self.layout.sums(clip)):
            with medium(f"removing {path.name}"), suppress(FileNotFoundError):
                size = path.lstat().st_size
                path.unlink()
                freed += size
        sync_folder(self.layout.folder(clip))
        self.room.free(freed)
        return freed

    def quarantine(self, clip: ClipId, reason: str) -> Path | None:
        """The dock's copy is not to be trusted: it lies in quarantine from here on.

        A clip without a receipt becomes DAMAGED, so that it is wanted from its recorder again; one
        with a receipt is released, since the archive has it; in other states only the files move.
        Returns where the clip lies now, or None where there was no file.
        """
        entry = self.ledger.find(clip)
        if entry and entry.state is State.RECEIPTED:
            self.ledger.released(clip, f"quarantined: {reason}")
        elif entry and State.DAMAGED in NEXT[entry.state]:
            self.ledger.damaged(clip, reason)
        log.error("clip %s: in quarantine: %s", clip, reason)
        self._readers.forget(clip)
        self._claims.settled(clip)
        moved = move_aside(self.layout, (self.layout.clip(clip), self.layout.sums(clip)))
        return next((path for path in moved if path.suffix != SUMS), None)

    def close(self) -> None:
        """Give up what is still coming in and close all files."""
        while self.aside.drop_oldest():
            pass
        self._readers.close()

    # Inside.

    def _sealed(self, clip: ClipId) -> Sealed:
        entry = self.ledger.find(clip)
        if entry is None or entry.sealed is None:
            raise WrongState(f"clip {clip[:64]} is not in the spool")
        return entry.sealed

    def _prove(self, clip: ClipId, sealed: Sealed) -> Measured:
        with lost(clip), closing_file(self._open(clip)) as file:
            found = remeasure(file, sealed)
        if (found.size, found.digests) != (sealed.file_size, sealed.file_digests):
            raise ClipDamaged(f"clip {clip} no longer has the bytes that its digests promise")
        return found

    def _open(self, clip: ClipId) -> int:
        sealed = self._sealed(clip)
        file = os.open(self.layout.clip(clip), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        if (size := os.fstat(file).st_size) != sealed.file_size:
            os.close(file)
            raise ClipDamaged(f"clip {clip} is {size} bytes long, not {sealed.file_size}")
        return file

    def _part(self, suffix: str) -> Path:
        """A name for a temporary that no recorder can influence."""
        return self.layout.incoming / f"{self._random.getrandbits(64):016x}{suffix}"

    @contextmanager
    def _claiming(self, clip: ClipId) -> Iterator[None]:
        """The claim comes first and outlives the block, unless that ends with an error. The ledger
        is asked before, for a clear answer, and again under the claim, for one that holds."""
        self._insist_wanted(clip)
        self._claims.take(clip)
        try:
            self._insist_wanted(clip)
            yield
        except BaseException:
            self._claims.drop(clip)
            raise

    def _insist_wanted(self, clip: ClipId) -> None:
        if (entry := self.ledger.find(clip)) and entry.state is not State.SEEN:
            raise WrongState(f"clip {clip} is {entry.state.value}, not to be pulled")

    def _finished(self, need: int, sealed: Sealed) -> None:
        self._claims.finish(sealed)
        self.room.keep(need, taken(sealed))

    def _given_up(self, clip: ClipId, need: int) -> None:
        self._claims.drop(clip)
        self.room.give_back(need)

    def _remove_stranger(self, clip: ClipId) -> None:
        """A file under this name that the ledger does not know is not overwritten."""
        paths = (self.layout.clip(clip), self.layout.sums(clip))
        if any(path.exists() for path in paths):
            log.warning("clip %s: a file of that name was here, moved to quarantine", clip)
            self._readers.forget(clip)
            move_aside(self.layout, paths)
