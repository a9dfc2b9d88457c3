"""A pull: everything new comes in whole, nothing twice, and one clip's trouble stays its own."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from agent.errors import (
    BodydockError,
    RecorderBusy,
    RecorderGone,
    RecorderMisbehaved,
    RecorderRefused,
    SpoolBroken,
    SpoolFull,
)
from agent.model import CHUNK_BYTES, Clip
from agent.offload.contact_pull import READ_STEP
from agent.spool import sidecar
from agent.spool.probes import PROBE
from agent.spool.states import State
from tests.spool.places import RECEIPT, Place

from .docks import Dock
from .recorders import MemoryRecorder

RANDOM = Random(20260804)
BIG = RANDOM.randbytes(1_000_001)
SMALL = RANDOM.randbytes(70_000)
TINY = b"a photo"


@pytest.fixture
def dock(tmp_path: Path) -> Dock:
    return Dock(Place(tmp_path))


def test_everything_comes_in_whole_and_the_oldest_first(dock: Dock) -> None:
    recorder = MemoryRecorder({"B.MP4": BIG, "A.MP4": SMALL, "C.JPG": TINY, "EMPTY.WAV": b""})
    recorder.recorded |= {"C.JPG": "20260801T000000"}
    result = dock.pull(recorder)
    assert (result.pulled, result.known, result.complete) == (4, 0, True)
    assert result.bytes == sum(map(len, recorder.contents.values()))
    for path, content in recorder.contents.items():
        assert dock.content(path) == content
        assert dock.entry(path).state is State.SPOOLED
    order = sorted(dock.entries().values(), key=lambda entry: entry.seq)
    assert [each.sighting.path for each in order] == ["C.JPG", "A.MP4", "B.MP4", "EMPTY.WAV"]
    spooled = [path for path, _ in dict.fromkeys(dock.progress)]
    assert list(dict.fromkeys(spooled)) == ["C.JPG", "A.MP4", "B.MP4"]


def test_progress_is_told_after_each_step(dock: Dock) -> None:
    dock.pull(MemoryRecorder({"A": BIG}))
    assert [done for _, done in dock.progress] == [
        *range(READ_STEP, len(BIG), READ_STEP),
        len(BIG),
    ]


def test_a_second_docking_pulls_nothing_and_reads_only_samples(dock: Dock) -> None:
    recorder = MemoryRecorder({"A": BIG, "B": SMALL, "C": TINY, "D": b""})
    dock.pull(recorder)
    before = dock.entries()
    recorder.reads.clear()
    result = dock.pull(recorder)
    assert (result.pulled, result.known, result.bytes) == (0, 4, 0)
    assert dock.entries() == before
    head = sidecar.FINGERPRINT_BYTES
    assert recorder.reads == [
        ("A", 0, head),
        ("A", len(BIG) - head, head),
        *(("A", *place) for place in sidecar.places(len(BIG), before["A", 0].clip)[2:]),
        ("B", 0, head),
        ("B", len(SMALL) - head, head),
        ("C", 0, len(TINY)),
        ("D", 0, 0),
    ]


@pytest.mark.parametrize("state", [State.OFFERED, State.REFUSED, State.RECEIPTED, State.RELEASED])
def test_a_clip_is_known_however_far_it_went(dock: Dock, state: State) -> None:
    recorder = MemoryRecorder({"A": BIG})
    dock.pull(recorder)
    ledger, clip = dock.place.ledger, dock.entry("A").clip
    ledger.offered(clip)
    if state is State.REFUSED:
        ledger.refused(clip, "no", dock.place.clock.now())
    if state in (State.RECEIPTED, State.RELEASED):
        ledger.receipted(clip, RECEIPT)
    if state is State.RELEASED:
        dock.place.spool.release(clip)
    assert dock.pull(recorder).known == 1
    assert dock.entry("A").state is state


@pytest.mark.parametrize("at", [0, len(BIG) - 1])
def test_other_footage_under_a_known_name_is_pulled_too(dock: Dock, at: int) -> None:
    """A recorder whose clock and numbering began again: same path, size and time."""
    recorder = MemoryRecorder({"A": BIG})
    dock.pull(recorder)
    other = bytearray(BIG)
    other[at] ^= 1
    recorder.contents["A"] = bytes(other)
    assert dock.pull(recorder).pulled == 1
    assert dock.content("A", 0) == BIG
    assert dock.content("A", 1) == other
    assert dock.pull(recorder).known == 1
    recorder.contents["A"] = BIG
    assert dock.pull(recorder).known == 1, "the first is still known"
    recorder.contents["A"] = bytes(len(BIG))
    assert dock.pull(recorder).pulled == 1
    assert dock.content("A", 2) == bytes(len(BIG))


def test_a_damaged_copy_is_pulled_again(dock: Dock) -> None:
    recorder = MemoryRecorder({"A": BIG})
    dock.pull(recorder)
    dock.place.spool.quarantine(dock.entry("A").clip, "rot")
    result = dock.pull(recorder)
    assert (result.pulled, result.known) == (1, 0)
    assert dock.entry("A").state is State.SPOOLED
    assert dock.content("A") == BIG


def test_a_damaged_copy_whose_original_changed_is_pulled_and_said(dock: Dock) -> None:
    recorder = MemoryRecorder({"A": BIG})
    dock.pull(recorder)
    before = dock.entry("A").sealed
    assert before is not None
    dock.place.spool.quarantine(dock.entry("A").clip, "rot")
    middle = bytearray(BIG)
    middle[len(BIG) // 2] ^= 1
    recorder.contents["A"] = bytes(middle)
    assert dock.pull(recorder).pulled == 1
    assert before.digests.blake3 in dock.entry("A").reason


def test_a_damaged_copy_whose_name_was_used_again_is_another_clip(dock: Dock) -> None:
    recorder = MemoryRecorder({"A": BIG})
    dock.pull(recorder)
    dock.place.spool.quarantine(dock.entry("A").clip, "rot")
    recorder.contents["A"] = bytes(len(BIG))
    assert dock.pull(recorder).pulled == 1
    assert dock.entry("A", 0).state is State.DAMAGED
    assert dock.entry("A", 1).state is State.SPOOLED


TROUBLES: dict[str, BodydockError] = {
    "misbehaves": RecorderMisbehaved("answered nonsense"),
    "refuses": RecorderRefused("said no"),
    "is busy": RecorderBusy("recording"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("after", [0, 2 * READ_STEP])
def test_one_clips_trouble_is_noted_and_stops_no_other(
    dock: Dock, trouble: str, after: int
) -> None:
    recorder = MemoryRecorder({"A": SMALL, "B": BIG, "C": TINY})
    error = TROUBLES[trouble]

    def answer(clip: Clip, offset: int, _size: int) -> None:
        if clip.path == "B" and offset >= after:
            raise error

    recorder.before_read = answer
    result = dock.pull(recorder)
    assert (result.pulled, result.failed, result.complete) == (2, [("B", error)], False)
    entry = dock.entry("B")
    assert entry.state is State.SEEN
    assert entry.reason == f"{type(error).__name__}: {error}"
    assert dock.place.incoming() == []
    recorder.before_read = lambda *_: None
    assert dock.pull(recorder).pulled == 1
    assert dock.entry("B").reason == ""


def test_a_busy_recorder_is_given_time(dock: Dock) -> None:
    recorder = MemoryRecorder({"A": BIG})
    busy = iter([True, True, False, True, False])

    def answer(*_: object) -> None:
        if next(busy, False):
            raise RecorderBusy("wait")

    recorder.before_read = answer
    assert dock.pull(recorder).complete
    assert len(dock.naps) > 0
    assert dock.content("A") == BIG


@pytest.mark.parametrize("wrong", [b"", b"x", BIG])
def test_an_answer_of_another_length_is_never_footage(dock: Dock, wrong: bytes) -> None:
    recorder = MemoryRecorder({"A": BIG, "B": TINY})
    recorder.before_read = lambda clip, offset, _size: wrong if offset == READ_STEP else None
    result = dock.pull(recorder)
    ((path, error),) = result.failed
    assert path == "A"
    assert isinstance(error, RecorderMisbehaved)
    assert result.pulled == 1


@pytest.mark.parametrize("declared", [len(SMALL) - 1, len(SMALL) + 1, 10 * len(BIG)])
def test_a_size_that_is_not_true_is_no_clip(dock: Dock, declared: int) -> None:
    recorder = MemoryRecorder({"A": SMALL, "B": TINY})
    recorder.declared["A"] = declared
    recorder.before_read = lambda clip, _offset, _size: SMALL if clip.path == "A" else None
    result = dock.pull(recorder)
    assert [path for path, _ in result.failed] == ["A"]
    assert dock.entry("A").state is State.SEEN


@pytest.mark.parametrize("size", [-1, 2**63, 2**64 - 1])
def test_a_size_that_no_file_has_is_refused_at_once(dock: Dock, size: int) -> None:
    recorder = MemoryRecorder({"A": SMALL, "B": TINY})
    recorder.declared["A"] = size
    result = dock.pull(recorder)
    assert isinstance(result.failed[0][1], RecorderMisbehaved)
    assert result.pulled == 1
    assert recorder.reads == [("B", 0, len(TINY)), ("B", len(TINY), 1)]


def test_a_clip_larger_than_the_whole_spool_does_not_hold_up_the_others(tmp_path: Path) -> None:
    dock = Dock(Place(tmp_path, quota=500_000))
    recorder = MemoryRecorder({"A": BIG, "B": TINY})
    result = dock.pull(recorder)
    assert result.pulled == 1
    assert isinstance(result.failed[0][1], SpoolFull)
    assert dock.full == []
    assert "more than the whole spool" in dock.entry("A").reason


def test_names_of_any_kind_come_in(dock: Dock) -> None:
    names = [
        "../../etc/passwd",
        "/etc/passwd",
        "a\x00b",
        "\ud800lone",
        "\u202egpj.exe",
        "执法/视频_001.MP4",
        "x" * 4096,
        "A'; DROP TABLE clip; --",
        "",
    ]
    recorder = MemoryRecorder({name: name.encode("utf-8", "replace") for name in names})
    assert dock.pull(recorder).pulled == len(names)
    assert dock.pull(recorder).known == len(names)


def test_a_name_without_end_is_refused(dock: Dock) -> None:
    result = dock.pull(MemoryRecorder({"x" * 4097: TINY, "B": TINY}))
    assert (result.pulled, len(result.failed)) == (1, 1)


def test_one_clip_listed_twice_is_one_clip(dock: Dock) -> None:
    recorder = MemoryRecorder({"A": BIG})
    listed = list(recorder.clips())
    recorder.clips = lambda: iter(listed * 3)  # type: ignore[method-assign]
    result = dock.pull(recorder)
    assert (result.pulled, result.known) == (1, 2)


def test_a_listing_that_breaks_off_gives_what_it_gave(dock: Dock) -> None:
    recorder = MemoryRecorder({"A": BIG, "B": TINY})
    listed = list(recorder.clips())

    def broken() -> object:
        yield listed[1]
        raise RecorderMisbehaved("a handle points at itself")

    recorder.clips = broken  # type: ignore[method-assign, assignment]
    result = dock.pull(recorder)
    assert (result.pulled, result.complete) == (1, False)


def test_what_is_listed_is_known_of_even_if_the_plug_is_pulled_at_once(dock: Dock) -> None:
    recorder = MemoryRecorder({"A": BIG, "B": TINY})
    recorder.unplug_after = 0
    with pytest.raises(RecorderGone):
        dock.pull(recorder)
    assert {entry.state for entry in dock.entries().values()} == {State.SEEN}
    assert len(dock.entries()) == 2


def test_a_full_spool_pauses_and_goes_on_by_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "agent.offload")
    dock = Dock(Place(tmp_path, quota=1_500_000, hold_seconds=0))
    recorder = MemoryRecorder({"A": BIG, "B": BIG[::-1]})
    reads_while_paused: list[int] = []

    def wait(full: SpoolFull) -> bool:
        assert dock.offload.paused == str(full)
        reads_while_paused.append(len(recorder.reads))
        if len(reads_while_paused) == 3:  # the archive took the first clip meanwhile
            dock.place.ledger.receipted(dock.entry("A").clip, RECEIPT)
        return True

    dock.wait = wait  # type: ignore[method-assign]
    result = dock.pull(recorder)
    assert result.complete
    assert len(reads_while_paused) == 3
    assert len(set(reads_while_paused)) == 1, "the recorder is left alone meanwhile"
    assert dock.entry("A").state is State.RELEASED
    assert dock.content("B") == BIG[::-1]
    assert dock.offload.paused == ""
    words = [each.getMessage() for each in caplog.records]
    assert sum("paused" in each for each in words) == 1, "said once, not at every try"
    assert sum("goes on" in each for each in words) == 1


def test_a_pause_that_is_given_up_ends_the_pull_and_says_so(tmp_path: Path) -> None:
    dock = Dock(Place(tmp_path, quota=1_500_000))
    recorder = MemoryRecorder({"A": BIG, "B": BIG, "C": TINY})
    result = dock.pull(recorder)
    assert (result.pulled, result.complete) == (1, False)
    assert result.ended == str(dock.full[0])
    assert dock.entry("B").reason == result.ended
    assert dock.offload.paused == ""


def test_a_disk_that_fails_ends_the_pull_and_the_recorder_keeps_its_clip(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("agent.spool.streams.write_all", fail)
        with pytest.raises(SpoolBroken):
            dock.pull(MemoryRecorder({"A": BIG}))
    assert dock.entry("A").state is State.SEEN
    assert dock.place.incoming() == []
    assert dock.pull(MemoryRecorder({"A": BIG})).complete


def test_a_fault_of_a_driver_leaves_nothing_behind(dock: Dock) -> None:
    recorder = MemoryRecorder({"A": BIG})

    def answer(_clip: Clip, offset: int, _size: int) -> None:
        if offset:
            raise ZeroDivisionError

    recorder.before_read = answer
    with pytest.raises(ZeroDivisionError):
        dock.pull(recorder)
    assert dock.place.incoming() == []


def test_a_step_and_a_probe_are_one_chunk() -> None:
    assert READ_STEP + PROBE == CHUNK_BYTES
