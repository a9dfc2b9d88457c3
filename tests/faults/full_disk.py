"""A dock on a disk of a few megabytes, in a process that has it mounted for itself alone."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from random import Random

from agent.clock import SystemClock
from agent.errors import SpoolFull
from agent.model import ClipId
from agent.offload.pull import Offload, Pulled
from agent.spool.files import Spool
from agent.spool.recovery import open_ledger, recover
from agent.spool.states import State
from tests.offload.recorders import IDENTITY, MemoryRecorder
from tests.spool.places import RECEIPT

MEGABYTE = 1 << 20
FLOOR = 2 * MEGABYTE
FOOTAGE = {f"{n}.MP4": Random(n).randbytes(MEGABYTE) for n in range(12)}


class SmallDock:
    def __init__(self, disk: Path) -> None:
        self.disk = disk
        self.open()
        self.recorder = MemoryRecorder(dict(FOOTAGE))

    def open(self) -> None:
        self.ledger = open_ledger(self.disk / "spool", SystemClock())
        self.spool = Spool(
            self.disk / "spool",
            self.ledger,
            quota=1 << 40,
            floor=FLOOR,
            digests=frozenset({"sha256"}),
            hold_seconds=0,
            random=Random(1),
        )
        recover(self.spool)

    def close(self) -> None:
        self.spool.close()
        self.ledger.close()

    def pull(self) -> Pulled:
        contact = self.ledger.begin_contact("3", IDENTITY, None, None)
        result = Offload(self.spool, self.ledger).pull(
            self.recorder, IDENTITY, "3", contact, stop=threading.Event(), wait=lambda _full: False
        )
        self.ledger.end_contact(contact, "test")
        return result

    def spooled(self) -> list[ClipId]:
        entries = self.ledger.entries(state=State.SPOOLED)
        return [entry.clip for entry in reversed(entries)]

    def free(self) -> int:
        disk = os.statvfs(self.disk)
        return disk.f_bavail * disk.f_frsize

    def fill_up(self) -> None:
        """Somebody else takes all the rest."""
        with (self.disk / "junk").open("wb", buffering=0) as junk, suppress(OSError):
            while True:
                junk.write(bytes(4096))


def intake_pauses_and_receipts_still_commit(dock: SmallDock) -> None:
    result = dock.pull()
    assert "no room" in result.ended, result
    assert 0 < result.pulled < len(FOOTAGE)
    assert dock.free() >= FLOOR - 64 * 1024, dock.free()
    reads = len(dock.recorder.reads)
    held = dock.spooled()
    assert not dock.pull().complete
    assert all(size <= 65_536 for _, _, size in dock.recorder.reads[reads:]), "heads and tails"
    for clip in held:
        dock.spool.verify(clip)
        dock.ledger.offered(clip)
        dock.ledger.receipted(clip, RECEIPT)
    assert dock.ledger.counts()[State.RECEIPTED][0] == len(held)


def intake_goes_on_alone_when_there_is_room_again(dock: SmallDock) -> None:
    while not dock.pull().complete:
        for clip in dock.spooled():
            dock.spool.verify(clip)
            dock.ledger.receipted(clip, RECEIPT)
    counts = dock.ledger.counts()
    assert sum(number for number, _ in counts.values()) == len(FOOTAGE)
    assert counts[State.DAMAGED] == counts[State.SEEN] == (0, 0)


def a_disk_that_others_filled_is_a_typed_error_and_passes(dock: SmallDock) -> None:
    dock.recorder = MemoryRecorder({"late.MP4": bytes(MEGABYTE)})
    dock.fill_up()
    noted = 0
    try:
        for clip in [entry.clip for entry in dock.ledger.entries()] * 200:
            dock.ledger.note(clip, "x" * 5000 + str(noted))
            noted += 1
    except SpoolFull:
        pass
    else:
        raise AssertionError("the ledger never ran out of room")
    (dock.disk / "junk").unlink()
    for clip in dock.spooled():
        dock.spool.verify(clip)
    dock.ledger.note(clip, "works again")
    dock.close()
    dock.open()
    assert dock.ledger.entries()


def main(disk: Path) -> None:
    dock = SmallDock(disk)
    intake_pauses_and_receipts_still_commit(dock)
    intake_goes_on_alone_when_there_is_room_again(dock)
    a_disk_that_others_filled_is_a_typed_error_and_passes(dock)
    dock.close()
    print("all held")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
