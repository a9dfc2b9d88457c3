"""Sealed: a dock that encrypts is killed at random moments, again and again; then its disk is read
raw, and nothing of what its recorder holds may be found there.

Clips are full of markers, plain text of their own. The dock lives on a small ext4 image, with
ledger, log and all; what the raw image is searched for are the markers as they are, in hexadecimal,
and in base64. A control run, with encryption off, must find them: else the search proves nothing.
"""

from __future__ import annotations

import base64
import logging
import mmap
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from agent.clock import SystemClock
from agent.errors import RecorderGone
from agent.model import ClipId
from agent.offload.pull import Offload
from agent.spool.entry import Entry
from agent.spool.files import Spool
from agent.spool.recovery import open_ledger, recover
from agent.spool.states import State
from tests.offload.recorders import IDENTITY, MemoryRecorder
from tests.spool.age import cipher_for, opened
from tests.spool.places import RECEIPT

from .full_disk import small_disk
from .outcome import Run

MIB = 1024 * 1024
DISK = 40 * MIB
EVERY = 4096
"""Bytes of a clip for each marker, about."""
KILLS = 3
LONGEST_LIFE = 0.4
"""Seconds; an undisturbed day takes about half of that."""
FINISH_SECONDS = 60.0
LOG = "dock.log"


@dataclass(frozen=True, slots=True)
class Day:
    """One dock's day: what its recorder holds, and whether it encrypts."""

    clips: dict[str, bytes]
    form: str

    def work(self, root: Path, random: Random) -> None:
        """Pull with a loose plug until all is in, then do what a dock does to clips. The log, on
        the same disk, tells everything."""
        logging.basicConfig(filename=root / LOG, level=logging.DEBUG, force=True)
        dock = _Dock(root, self.form, random)
        recorder = MemoryRecorder(dict(self.clips))
        for _ in range(random.randrange(3)):
            recorder.unplug_after = recorder.fed + random.randrange(1, 4 * MIB)
            dock.pull(recorder)
            recorder.replug()
        dock.pull(recorder)
        for entry in dock.spool.ledger.entries():
            dock.handle(entry, random)
        dock.pull(recorder)
        dock.close()


class _Dock:
    """Opened as the daemon opens it."""

    def __init__(self, root: Path, form: str, random: Random) -> None:
        self.ledger = open_ledger(root, SystemClock())
        self.spool = Spool(
            root,
            self.ledger,
            quota=1 << 40,
            floor=0,
            digests=frozenset({"sha256"}),
            hold_seconds=0,
            random=random,
            cipher=cipher_for(form),
        )
        recover(self.spool)

    def pull(self, recorder: MemoryRecorder) -> None:
        contact = self.ledger.begin_contact("1", IDENTITY, None, None)
        with suppress(RecorderGone):
            Offload(self.spool, self.ledger).pull(
                recorder, IDENTITY, "1", contact, stop=threading.Event(), wait=lambda _full: False
            )
        self.ledger.end_contact(contact, "unplugged")

    def handle(self, entry: Entry, random: Random) -> None:
        """One of the things that happen to a clip that is here."""
        if entry.state is not State.SPOOLED:
            return
        clip = entry.clip
        what = random.choice(["verify", "mend", "receipt", "release", "rot", "nothing"])
        if what == "verify":
            self.spool.verify(clip)
        elif what == "mend":
            self.spool.mend(clip)
        elif what in ("receipt", "release"):
            self.ledger.offered(clip)
            self.ledger.receipted(clip, RECEIPT)
            if what == "release":
                self.spool.release(clip)
        elif what == "rot":
            self.spool.quarantine(clip, "said to be rotten")

    def close(self) -> None:
        self.spool.close()
        self.ledger.close()


def footage(random: Random, mark: bytes) -> dict[str, bytes]:
    """Clips of noise, with a marker about every 4 KiB, at any place."""
    made = {}
    for number in range(random.randint(3, 5)):
        data = bytearray(random.randbytes(random.randint(1, 2 * MIB)))
        for start in range(0, max(1, len(data) - EVERY), EVERY):
            at = start + random.randrange(EVERY - len(mark))
            data[at : at + len(mark)] = mark
        made[f"DCIM/{number}.MP4"] = bytes(data)
    return made


def one_sealed(run: Run, form: str = "age", kind: str = "ext4") -> None:
    """A dock on its own disk, killed up to three times, let finish, and read raw."""
    random = Random(run.seed)
    mark = b"PLAIN FOOTAGE %032x" % random.getrandbits(128)
    day = Day(footage(random, mark), form)
    disk = run.folder / "disk"
    if kind == "ext4":
        with small_disk(disk, DISK, kind):
            _live(run, day, disk, random)
        raw = [disk.with_suffix(".image")]
    else:
        disk.mkdir()
        _live(run, day, disk, random)
        raw = [path for path in disk.rglob("*") if path.is_file()]
    found = sum(_count(path, mark) for path in raw)
    run.counts["MiB searched"] += sum(path.stat().st_size for path in raw) // MIB
    run.counts["markers planted"] += sum(data.count(mark) for data in day.clips.values())
    run.counts["markers found"] += found
    run.must(bool(found) == (form == "plain"), f"{found} markers found with form {form}")


def _live(run: Run, day: Day, disk: Path, random: Random) -> None:
    for number in range(random.randint(1, KILLS)):
        life = random.random() * LONGEST_LIFE
        ended = _apart(lambda: day.work(disk, Random(random.random())), life)
        run.note(f"life {number} of {life:.3f} s ended with {ended}")
        run.must(ended in (0, -signal.SIGKILL), "the dock ended by itself")
        run.counts["kills" if ended else "days that ended before"] += 1
    ended = _apart(lambda: day.work(disk, Random(0)), FINISH_SECONDS)
    run.must(ended == 0, f"the last day ended with {ended}, see {LOG}")
    run.check(_wrong(day, disk), "at the end")
    run.counts["clips"] += len(day.clips)


def _apart(work: Callable[[], None], seconds: float) -> int:
    """Do it in a process of its own, and kill that after so long; its exit status."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            work()
            code = 0
        except Exception:
            logging.exception("the day broke")
        finally:
            os._exit(code)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _wrong(day: Day, disk: Path) -> Iterator[str]:
    """Whatever is not as it should be: each clip is here, whole, or was released."""
    dock = _Dock(disk, day.form, Random(0))
    for entry in dock.ledger.entries():
        path = dock.spool.layout.clip(ClipId(entry.clip))
        if entry.state is State.RELEASED:
            continue
        if not path.exists():
            yield f"clip {entry.sighting.path}, {entry.state.value}, is not here"
            continue
        lies = path.read_bytes()
        plain = opened(lies) if day.form == "age" else lies
        if plain != day.clips[entry.sighting.path]:
            yield f"clip {entry.sighting.path} has other bytes"
    if len(dock.ledger.entries()) != len(day.clips):
        yield "not every clip is known"
    dock.close()


def shapes(mark: bytes) -> list[bytes]:
    """How a marker may stand somewhere: as it is, in hexadecimal, in base64 at any alignment."""
    coded = [base64.b64encode(b"x" * shift + mark) for shift in range(3)]
    inner = [text[4:-4] for text in coded]  # what does not depend on what stands around it
    return [mark, mark.hex().encode(), mark.hex().upper().encode(), *inner]


def _count(path: Path, mark: bytes) -> int:
    """How often a marker stands in a file."""
    if not path.stat().st_size:
        return 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        return sum(_occurrences(raw, shape) for shape in shapes(mark))


def _occurrences(raw: mmap.mmap, shape: bytes) -> int:
    number, at = 0, raw.find(shape)
    while at >= 0:
        number, at = number + 1, raw.find(shape, at + 1)
    return number
