"""Footage is only taken for a clip that it is, and a commit that fails costs no second reading."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from agent.errors import RecorderGone, RecorderMisbehaved, SpoolFull
from agent.model import Identity
from agent.offload.pull import Offload
from agent.spool import sidecar
from agent.spool.entry import Sealed
from agent.spool.probes import PIECE, PROBE, probes
from agent.spool.states import State
from tests.spool.age import FORMS, cipher_for
from tests.spool.places import Place

from . import docks
from .docks import Dock
from .recorders import MemoryRecorder

FOOTAGE = Random(4).randbytes(1_000_000)


@pytest.fixture(params=FORMS)
def dock(tmp_path: Path, request: pytest.FixtureRequest) -> Dock:
    return Dock(Place(tmp_path, cipher=cipher_for(request.param)))


def begun(dock: Dock, recorder: MemoryRecorder) -> None:
    recorder.unplug_after = recorder.fed + 600_000
    with pytest.raises(RecorderGone):
        dock.pull(recorder)
    recorder.replug()


def test_common_padding_before_the_cut_does_not_join_two_clips(dock: Dock) -> None:
    first, second = (mark * 300_000 + bytes(600_000) + mark * 100_000 for mark in (b"X", b"Y"))
    recorder = MemoryRecorder({"A.MP4": first})
    begun(dock, recorder)
    recorder.contents["A.MP4"] = second
    assert dock.pull(recorder).complete
    assert dock.content("A.MP4") == second


@pytest.mark.parametrize("written", [1, PROBE, PROBE + 1, PROBE + 2, 245_760, 10**9])
def test_the_probes_are_16_kib_of_what_was_written(written: int) -> None:
    chosen = probes(written, "id")
    assert sum(length for _, length in chosen) == min(written, PROBE)
    ends = [0]
    for offset, length in chosen:
        assert offset >= ends[-1]
        ends.append(offset + length)
    assert (chosen[0][0], ends[-1]) == (0, written)
    assert chosen == probes(written, "id")
    assert len(chosen) == 1 or {length for _, length in chosen} == {PIECE}


def test_another_model_under_the_serial_does_not_go_on_with_a_clip(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = MemoryRecorder({"A.MP4": FOOTAGE})
    begun(dock, recorder)
    monkeypatch.setattr(docks, "IDENTITY", Identity("Maker", "Other", "S0001", "1.0"))
    recorder.reads.clear()
    assert dock.pull(recorder).complete
    assert recorder.reads[0] == ("A.MP4", 0, 245_760)


def test_another_middle_under_the_same_name_is_other_footage(dock: Dock) -> None:
    end = b"h" * 65_536
    recorder = MemoryRecorder({"A.MP4": end + b"1" * 100_000 + end})
    dock.pull(recorder)
    recorder.contents["A.MP4"] = end + b"2" * 100_000 + end
    assert dock.pull(recorder).pulled == 1
    assert dock.content("A.MP4", 1) == recorder.contents["A.MP4"]


@pytest.mark.parametrize("declared", [0, 5000, 8999])
def test_a_clip_that_was_declared_too_small_is_not_spooled(dock: Dock, declared: int) -> None:
    recorder = MemoryRecorder({"A.MP4": b"x" * 9000, "B.MP4": b"y"})
    recorder.declared["A.MP4"] = declared
    result = dock.pull(recorder)
    assert [type(error) for _, error in result.failed] == [RecorderMisbehaved]
    entry = dock.entry("A.MP4")
    assert entry.state is State.SEEN
    assert f"more than the {declared} bytes it declared" in entry.reason
    assert dock.entry("B.MP4").state is State.SPOOLED


def test_an_unplug_at_the_very_end_keeps_what_came(dock: Dock) -> None:
    recorder = MemoryRecorder({"A.MP4": FOOTAGE})

    def gone(_clip: object, offset: int, _size: int) -> None:
        if offset == len(FOOTAGE):
            raise RecorderGone("unplugged")

    recorder.before_read = gone
    with pytest.raises(RecorderGone):
        dock.pull(recorder)
    recorder.before_read = lambda *_: None
    recorder.fed = 0
    assert dock.pull(recorder).complete
    assert recorder.fed == PROBE
    assert dock.content("A.MP4") == FOOTAGE


def test_a_full_ledger_at_the_commit_costs_neither_a_copy_nor_a_reading(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = MemoryRecorder({"A.MP4": FOOTAGE})

    def full(_: Sealed) -> None:
        raise SpoolFull("no space left to write the ledger")

    with monkeypatch.context() as patch:
        patch.setattr(dock.place.ledger, "spooled", full)
        for _ in range(3):
            assert "no space left" in dock.pull(recorder).ended
    assert recorder.fed == len(FOOTAGE)
    assert dock.pull(recorder).complete
    assert dock.entry("A.MP4").state is State.SPOOLED
    assert dock.content("A.MP4") == FOOTAGE
    assert dock.place.quarantined() == []


@pytest.mark.parametrize("verb", ["see_all", "see", "note"])
def test_a_full_ledger_pauses_the_pull(
    dock: Dock, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    recorder = MemoryRecorder({"A.MP4": FOOTAGE})

    def full(*_: object) -> None:
        raise SpoolFull("no space left to write the ledger")

    with monkeypatch.context() as patch:
        patch.setattr(dock.place.ledger, verb, full)
        if verb == "note":
            patch.setattr(dock.place.spool, "intake", full)
        assert "no space left" in dock.pull(recorder).ended
    assert dock.pull(recorder).complete


def test_one_unreadable_row_stops_no_other_clip(dock: Dock) -> None:
    recorder = MemoryRecorder({"A.MP4": FOOTAGE})
    dock.pull(recorder)
    dock.place.ledger._database.change("UPDATE clip SET seen_at = 'x'")
    recorder.contents["B.MP4"] = b"new"
    recorder.recorded["B.MP4"] = "20260804T110000"
    result = dock.pull(recorder)
    assert ([path for path, _ in result.failed], result.pulled) == (["A.MP4"], 1)


def test_after_a_lost_ledger_clips_come_back_from_the_quarantine(tmp_path: Path) -> None:
    dock = Dock(Place(tmp_path, quota=1_200_000))
    recorder = MemoryRecorder({"A.MP4": FOOTAGE})
    dock.pull(recorder)
    dock.place.close()
    for path in tmp_path.glob("ledger.db*"):
        path.unlink()
    dock.place.open()
    dock.offload = Offload(dock.place.spool, dock.place.ledger)
    stored = dock.place.spool.room.stored
    recorder.contents["B.MP4"] = FOOTAGE[:-1]
    assert f"{stored} bytes in quarantine" in _full(dock, recorder, "B.MP4")
    del recorder.contents["B.MP4"]
    assert dock.pull(recorder).complete
    assert dock.entry("A.MP4").state is State.SPOOLED
    assert (dock.content("A.MP4"), dock.place.quarantined()) == (FOOTAGE, [])
    assert dock.place.spool.room.stored == stored
    dock.place.spool.verify(dock.entry("A.MP4").clip)


def _full(dock: Dock, recorder: MemoryRecorder, path: str) -> str:
    recorder.recorded[path] = "19990101T000000"
    return dock.pull(recorder).ended


def test_a_damaged_file_in_quarantine_stays_there(dock: Dock) -> None:
    recorder = MemoryRecorder({"A.MP4": FOOTAGE})
    dock.pull(recorder)
    clip = dock.entry("A.MP4").clip
    with dock.place.file(clip).open("r+b") as file:
        file.seek(500_000)
        file.write(b"rot")
    dock.place.close()
    for path in dock.place.root.glob("ledger.db*"):
        path.unlink()
    dock.place.open()
    dock.offload = Offload(dock.place.spool, dock.place.ledger)
    assert dock.pull(recorder).complete
    assert dock.content("A.MP4") == FOOTAGE
    assert len(dock.place.quarantined()) == 2


def test_other_bytes_than_before_are_said_also_after_an_unplug(dock: Dock) -> None:
    recorder = MemoryRecorder({"A.MP4": FOOTAGE})
    dock.pull(recorder)
    before = dock.entry("A.MP4")
    assert before.sealed
    dock.place.spool.quarantine(before.clip, "rot")
    sampled = sidecar.places(len(FOOTAGE), before.clip)
    at = max(offset + length for offset, length in sampled[2:])
    changed = bytearray(FOOTAGE)
    changed[at] ^= 1
    recorder.contents["A.MP4"] = bytes(changed)
    begun(dock, recorder)
    assert dock.pull(recorder).complete
    assert dock.content("A.MP4") == changed
    assert before.sealed.digests.blake3 in dock.entry("A.MP4").reason


def test_a_path_that_grows_too_long_in_the_ledger_is_refused(dock: Dock) -> None:
    result = dock.pull(MemoryRecorder({"\ud800" * 2000 + ".MP4": b"x"}))
    assert [type(error) for _, error in result.failed] == [RecorderMisbehaved]
    assert dock.entries() == {}
