"""What a session leaves on the recorder, and what it writes down about that."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import RecorderBusy, RecorderRefused
from agent.log_entry import Kind
from agent.model import Clip
from agent.offload.source import LONGEST_TEXT
from agent.spool.clearance import Clearance
from agent.spool.states import State
from tests.spool.places import sighting_of

from .docks import HOUR, STORE, ClearingDock, Erasable

A, B = "DCIM/A.MP4", "DCIM/B.MP4"


@pytest.fixture
def dock(tmp_path: Path) -> ClearingDock:
    return ClearingDock(tmp_path)


def kept_because(dock: ClearingDock, path: str) -> list[str]:
    entries = dock.ledger.journal.of(dock.clip(path))
    return [each.what["reason"] for each in entries if each.kind is Kind.KEPT]


def test_why_a_clip_was_kept_is_written_down(dock: ClearingDock) -> None:
    """What the recorder said, though no answer of it decides anything."""
    recorder = Erasable({A: b"a", B: b"b"})

    def delete(clip: Clip) -> None:
        if clip.path == A:
            raise RecorderRefused("it is locked")

    dock.ripe(recorder)
    recorder.on_delete = delete
    dock.clear(recorder)
    assert "it is locked" in kept_because(dock, A)[0]
    assert kept_because(dock, B) == ["its recorder says that it deleted it"]
    recorder.on_delete = recorder.forget
    dock.clear(recorder)
    recorder.contents = {B: b"b"}
    dock.clear(recorder)
    assert kept_because(dock, B)[1:] == ["it is listed again after it was cleared"]


def test_a_clip_that_goes_by_itself_is_not_begun(dock: ClearingDock) -> None:
    """Gone between its hash and the last listing: no intent and no command for it, and the others
    have their turn."""
    recorder = Erasable({A: b"a", B: b"b"})
    dock.ripe(recorder)

    def vanish(clip: Clip, offset: int, _size: int) -> bytes | None:
        if clip.path == A and offset == clip.size:
            del recorder.contents[A]
            return b""
        return None

    recorder.before_read = vanish
    done = dock.clear(recorder)
    assert (done.cleared, done.kept) == (1, 0)
    assert recorder.deleted == [B]
    assert dock.step(A) is Clearance.PROVED
    assert Kind.CLEARING not in dock.kinds(A)


def test_a_storage_that_goes_ends_the_session(dock: ClearingDock) -> None:
    """What lies on the other storage waits for a session in which nothing of that kind happens."""
    slots = (replace(STORE, id="1"), replace(STORE, id="2"))
    recorder = TwoSlots({"1/A.MP4": b"a", "2/B.MP4": b"b"})
    recorder.storages = slots
    dock.ripe(recorder)

    def delete(clip: Clip) -> None:
        recorder.forget(clip)
        recorder.storages = slots[1:]

    recorder.on_delete = delete
    done = dock.clear(recorder)
    assert (done.cleared, done.kept) == (0, 0)
    assert recorder.deleted == ["1/A.MP4"]
    assert dock.step("1/A.MP4") is Clearance.CLEARING
    assert dock.step("2/B.MP4") is Clearance.PROVED


class TwoSlots(Erasable):
    """The storage is the first letter of the path."""

    def clips(self):  # type: ignore[no-untyped-def]  # an iterator of clips
        for clip in super().clips():  # type: ignore[no-untyped-call]
            yield replace(clip, storage=clip.path[0])


def test_a_damaged_copy_is_quarantined_and_the_recorder_left_in_peace(dock: ClearingDock) -> None:
    recorder = Erasable({A: b"a"})
    dock.ripe(recorder)
    dock.place.file(dock.clip(A)).write_bytes(b"?")
    asked: list[str] = []
    recorder.before_call = asked.append
    assert dock.clear(recorder).cleared == 0
    assert b"?" in dock.place.quarantined()
    assert dock.place.entry(dock.clip(A)).state is State.RELEASED
    assert asked.count("clips") == 1
    assert "read" not in asked


def test_what_cannot_be_a_clip_stays_even_if_it_is_known(dock: ClearingDock) -> None:
    """A pull takes no such clip; a ledger may know one all the same."""
    path = "A" * (LONGEST_TEXT + 1)
    recorder = Erasable({path: b"a"})
    [listed] = recorder.clips()  # type: ignore[no-untyped-call]
    clip = dock.ledger.see(sighting_of(listed, dock.contact(recorder))).clip
    dock.ledger.spooled(dock.place.write(clip, b"a"))
    dock.receipt()
    dock.place.clock.advance(73 * HOUR)
    dock.ledger.want_proof(clip)
    assert dock.prove() == 1
    assert dock.clear(recorder).cleared == 0
    assert recorder.deleted == []


def test_nothing_goes_while_one_byte_of_the_reserve_lacks(dock: ClearingDock) -> None:
    recorder = Erasable({A: b"a"})
    dock.ripe(recorder)
    room = dock.place.spool.room
    room._quota = 0
    room._quota = room.lacking(0) - 1
    assert dock.clear(recorder).cleared == 0
    room._quota += 1
    assert dock.clear(recorder).cleared == 1


def test_a_busy_recorder_is_waited_for(dock: ClearingDock) -> None:
    """The wait is the session's: it is over when that is."""

    class Waits(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout)
            return False

    waits: list[float | None] = []
    recorder = Erasable({A: b"a"})
    dock.ripe(recorder)
    dock.over, busy = Waits(), iter([True, True])

    def answer(*_: object) -> None:
        if next(busy, False):
            raise RecorderBusy("recording")

    recorder.before_read = answer
    assert dock.clear(recorder).cleared == 1
    assert len(waits) == 1, "asked, asked at once with patience, waited, asked again"


@pytest.mark.parametrize("letters", [1, 150])
def test_what_else_went_is_named_as_far_as_there_is_room(dock: ClearingDock, letters: int) -> None:
    """Eight of them at most, in a thousand characters at most."""
    others = [f"{number}{'x' * letters}" for number in range(9)]
    recorder = Erasable({A: b"a"} | dict.fromkeys(others, b"b"))
    recorder.contents = {A: b"a"}
    dock.ripe(recorder)
    recorder.contents |= dict.fromkeys(others, b"b")
    recorder.on_delete = lambda _: recorder.contents.clear()
    dock.clear(recorder)
    [finding] = dock.ledger.findings()
    assert finding.change.after == ", ".join(others[:8])[:1000]
    assert (len(finding.change.after) == 1000) == (letters == 150)
