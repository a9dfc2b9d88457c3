"""A dock at work that something is going to kill, and what must be true of it afterwards.

`work` pulls clips from a recorder, has some receipted, one released and one quarantined. What was
acknowledged is noted in shared memory, so that noting needs no call that could fail or be counted.
"""

from __future__ import annotations

import mmap
import sys
import threading
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from random import Random

from agent.clock import SystemClock
from agent.errors import BodydockError
from agent.model import Clip, ClipId
from agent.offload.pull import Offload
from agent.spool.cipher import Cipher
from agent.spool.files import Spool
from agent.spool.layout import SUMS
from agent.spool.ledger import Ledger
from agent.spool.recovery import Report, open_ledger, recover
from agent.spool.states import State
from tests.offload.recorders import IDENTITY, MemoryRecorder
from tests.spool.age import opened
from tests.spool.places import RECEIPT

TYPED_ERROR = 10
"""Exit code of a process that ended with an error of ours; any other error is a fault of ours."""

FOOTAGE = {
    "1-released.MP4": Random(1).randbytes(600_000),
    "2-receipted.MP4": Random(2).randbytes(262_144),
    "3-quarantined.MP4": Random(3).randbytes(5_000),
    "4-offered.MP4": Random(4).randbytes(300_000),
    "5-empty.MP4": b"",
}
PATHS = list(FOOTAGE)

CIPHERS: list[Cipher | None] = [None]
"""The last one says how docks store from here on; children inherit it."""


class Said(IntEnum):
    """What somebody was told of a clip."""

    NOTHING = 0
    SPOOLED = 1
    RECEIPTED = 2
    RELEASING = 3
    """The release was asked for; it may or may not have happened."""
    QUARANTINING = 4
    """As above."""


IN_SPOOL = {State.SPOOLED, State.OFFERED, State.REFUSED, State.RECEIPTED}


POSSIBLE: dict[Said, set[State | None]] = {
    Said.NOTHING: {None, State.SEEN, *IN_SPOOL},
    Said.SPOOLED: {*IN_SPOOL},
    Said.RECEIPTED: {State.RECEIPTED},
    Said.RELEASING: {State.RECEIPTED, State.RELEASED},
    Said.QUARANTINING: {State.SPOOLED, State.DAMAGED},
}
"""The states that a clip may be found in after what was said of it."""


class Notes:
    """One byte per clip, in memory shared by a file."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(len(PATHS)))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), len(PATHS))

    def say(self, path: str, said: Said) -> None:
        self._map[PATHS.index(path)] = said

    def said(self, path: str) -> Said:
        return Said(self._map[PATHS.index(path)])


class Dock:
    """Opened as the daemon opens it."""

    def __init__(self, root: Path) -> None:
        self.ledger: Ledger = open_ledger(root, SystemClock())
        self.spool = Spool(
            root,
            self.ledger,
            quota=1 << 30,
            floor=0,
            digests=frozenset({"sha256"}),
            hold_seconds=0,
            random=Random(),
            cipher=CIPHERS[-1],
        )
        self.report: Report = recover(self.spool)

    def pull(self, recorder: MemoryRecorder, after_each: Callable[[str], None]) -> bool:
        """Whether all came in; `after_each` hears of a clip once its commit has returned."""
        contact = self.ledger.begin_contact("3", IDENTITY, None, None)
        told: set[str] = set()
        tries = iter([True, True])

        def progress(*_: object) -> None:
            for entry in self.ledger.entries():
                if entry.state in IN_SPOOL and entry.sighting.path not in told:
                    told.add(entry.sighting.path)
                    after_each(entry.sighting.path)

        recorder.before_read = progress
        result = Offload(self.spool, self.ledger).pull(
            recorder,
            IDENTITY,
            "3",
            contact,
            stop=threading.Event(),
            wait=lambda _full: next(tries, False),
            sleep=lambda _seconds: None,
        )
        progress()
        self.ledger.end_contact(contact, "unplugged")
        return result.complete

    def close(self) -> None:
        self.spool.close()
        self.ledger.close()


def recorder() -> MemoryRecorder:
    return MemoryRecorder(dict(FOOTAGE))


def plain(lies: bytes) -> bytes:
    return opened(lies) if CIPHERS[-1] else lies


def clip_id(path: str) -> ClipId:
    return Clip("SD", path, len(FOOTAGE[path]), "20260804T100000").id_on(IDENTITY.serial)


def work(root: Path, notes: Notes) -> None:
    """A day in the life of a dock."""
    dock = Dock(root)
    dock.pull(recorder(), lambda path: notes.say(path, Said.SPOOLED))
    for path in PATHS[:2]:
        dock.ledger.offered(clip_id(path))
        dock.ledger.receipted(clip_id(path), RECEIPT)
        notes.say(path, Said.RECEIPTED)
    notes.say(PATHS[0], Said.RELEASING)
    dock.spool.release(clip_id(PATHS[0]))
    notes.say(PATHS[2], Said.QUARANTINING)
    dock.spool.quarantine(clip_id(PATHS[2]), "rot")
    dock.ledger.offered(clip_id(PATHS[3]))
    dock.close()


def check(root: Path, notes: Notes) -> None:
    """Nothing that was acknowledged is lost, nothing is claimed that is not there, and the dock
    goes on by itself."""
    dock = Dock(root)
    for path in PATHS:
        check_clip(dock, path, notes.said(path))
    assert list(dock.spool.layout.incoming.iterdir()) == []
    dock.close()
    dock = Dock(root)
    assert dock.report == Report(), "the second start finds nothing left to do"
    assert dock.pull(recorder(), lambda _path: None)
    for path, content in FOOTAGE.items():
        entry = dock.ledger.find(clip_id(path))
        assert entry is not None
        if entry.state is not State.RELEASED:
            assert plain(dock.spool.layout.clip(entry.clip).read_bytes()) == content
    dock.close()


def check_clip(dock: Dock, path: str, said: Said) -> None:
    entry = dock.ledger.find(clip_id(path))
    state = entry.state if entry else None
    assert state in POSSIBLE[said], f"{path}: {said.name} was said, it is {state}"
    if state in IN_SPOOL:
        dock.spool.verify(clip_id(path))
        size = dock.spool.layout.clip(clip_id(path)).stat().st_size
        assert len(dock.spool.chunk_digests(clip_id(path))) == -(-size // 262_144)
    if state is State.DAMAGED:
        kept = [each for each in dock.spool.layout.quarantine.iterdir() if each.suffix != SUMS]
        lies = [plain(each.read_bytes()) for each in kept]
        assert FOOTAGE[path] in lies, "what goes to quarantine lies there"


if __name__ == "__main__":
    try:
        work(Path(sys.argv[1]), Notes(Path(sys.argv[2])))
    except BodydockError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(TYPED_ERROR)
