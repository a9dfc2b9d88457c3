"""Unplugged at any byte: nothing partial, at most one chunk read again."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import RecorderGone
from agent.model import CHUNK_BYTES, Clip
from agent.offload.contact_pull import READ_STEP
from agent.spool.probes import PIECE, PROBE
from agent.spool.states import State
from tests.spool.age import FORMS, cipher_for
from tests.spool.places import Place

from .docks import Dock
from .recorders import MemoryRecorder

FOOTAGE = {
    "A.MP4": Random(1).randbytes(1_200_003),
    "B.MP4": Random(2).randbytes(3 * READ_STEP),
    "C.JPG": Random(3).randbytes(999),
}
TOTAL = sum(map(len, FOOTAGE.values()))
SEEN_BYTES = 2 * 65_536 + 4 * 16_384
"""What a docking reads at most of a clip that is here already."""


@pytest.fixture(params=FORMS)
def dock(tmp_path: Path, request: pytest.FixtureRequest) -> Dock:
    return Dock(Place(tmp_path, cipher=cipher_for(request.param)))


def unplugged(dock: Dock, recorder: MemoryRecorder, after: int) -> None:
    recorder.unplug_after = recorder.fed + after
    with pytest.raises(RecorderGone):
        dock.pull(recorder)
    recorder.replug()


def whole(dock: Dock) -> bool:
    return all(dock.content(path) == content for path, content in FOOTAGE.items())


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=30)
@given(unplugs=st.lists(st.integers(1, TOTAL), min_size=1, max_size=4))
def test_each_unplug_costs_at_most_one_chunk(
    tmp_path_factory: pytest.TempPathFactory, form: str, unplugs: list[int]
) -> None:
    dock = Dock(Place(tmp_path_factory.mktemp("dock"), cipher=cipher_for(form)))
    recorder = MemoryRecorder(dict(FOOTAGE))
    known: set[str] = set()  # each docking looks at what is here already by head and tail
    looked_at = 0
    count = 0
    for after in unplugs:
        looked_at += sum(SEEN_BYTES for _ in known)
        recorder.unplug_after = recorder.fed + after
        try:
            dock.pull(recorder)
        except RecorderGone:
            count += 1
        for (path, _), entry in dock.entries().items():
            assert entry.state is not State.SPOOLED or dock.content(path) == FOOTAGE[path]
            if entry.state is State.SPOOLED:
                known.add(path)
        recorder.replug()
    looked_at += sum(SEEN_BYTES for _ in known)
    assert dock.pull(recorder).complete
    assert whole(dock)
    assert recorder.fed <= TOTAL + count * CHUNK_BYTES + looked_at
    assert dock.place.incoming() == []
    dock.place.close()


def test_the_worst_unplug_costs_exactly_one_chunk(dock: Dock) -> None:
    """One byte short of a step's end: the step was sent and never arrived."""
    recorder = MemoryRecorder({"A.MP4": FOOTAGE["A.MP4"]})
    unplugged(dock, recorder, 3 * READ_STEP)
    recorder.reads.clear()
    dock.pull(recorder)
    assert recorder.reads[3] == ("A.MP4", 2 * READ_STEP - PIECE, READ_STEP)
    assert recorder.fed == len(FOOTAGE["A.MP4"]) + READ_STEP + PROBE
    assert READ_STEP + PROBE == CHUNK_BYTES


def test_a_clip_that_changed_meanwhile_is_read_from_its_start(dock: Dock) -> None:
    recorder = MemoryRecorder({"A.MP4": FOOTAGE["A.MP4"]})
    unplugged(dock, recorder, 3 * READ_STEP)
    recorder.contents["A.MP4"] = FOOTAGE["A.MP4"][::-1]
    recorder.reads.clear()
    assert dock.pull(recorder).complete
    assert recorder.reads[1] == ("A.MP4", 0, READ_STEP)
    assert dock.content("A.MP4") == FOOTAGE["A.MP4"][::-1]


def test_an_unplug_while_the_probe_is_read_keeps_what_was_kept(dock: Dock) -> None:
    recorder = MemoryRecorder({"A.MP4": FOOTAGE["A.MP4"]})
    unplugged(dock, recorder, 3 * READ_STEP)
    unplugged(dock, recorder, 1)
    recorder.reads.clear()
    assert dock.pull(recorder).complete
    assert recorder.reads[3][1] == 2 * READ_STEP - PIECE
    assert dock.content("A.MP4") == FOOTAGE["A.MP4"]


def test_trouble_while_the_probe_is_read_begins_anew(dock: Dock) -> None:
    recorder = MemoryRecorder({"A.MP4": FOOTAGE["A.MP4"]})
    unplugged(dock, recorder, 3 * READ_STEP)
    recorder.before_read = lambda *_: b"short"
    assert not dock.pull(recorder).complete
    assert dock.place.incoming() == []
    recorder.before_read = lambda *_: None
    assert dock.pull(recorder).complete


def test_stopping_keeps_what_came_and_says_so(dock: Dock) -> None:
    recorder = MemoryRecorder(dict(FOOTAGE))

    def answer(_clip: Clip, offset: int, _size: int) -> None:
        if offset >= 2 * READ_STEP:
            dock.stop.set()

    recorder.before_read = answer
    result = dock.pull(recorder)
    assert (result.ended, result.complete, result.pulled) == ("stopped", False, 0)
    dock.stop.clear()
    recorder.before_read = lambda *_: None
    recorder.reads.clear()
    assert dock.pull(recorder).complete
    assert recorder.reads[3][1] == 3 * READ_STEP - PIECE
    assert whole(dock)


def test_stopped_before_it_began_a_pull_reads_nothing(dock: Dock) -> None:
    recorder = MemoryRecorder(dict(FOOTAGE))
    dock.stop.set()
    assert dock.pull(recorder).ended == "stopped"
    assert recorder.reads == []


def test_a_restart_of_the_daemon_begins_the_clip_anew(dock: Dock) -> None:
    recorder = MemoryRecorder(dict(FOOTAGE))
    unplugged(dock, recorder, 3 * READ_STEP)
    dock.restart()
    assert dock.place.incoming() == []
    recorder.reads.clear()
    assert dock.pull(recorder).complete
    assert recorder.reads[0] == ("A.MP4", 0, READ_STEP)
    assert whole(dock)


def test_what_was_begun_and_is_not_on_the_recorder_any_more_is_dropped(dock: Dock) -> None:
    recorder = MemoryRecorder(dict(FOOTAGE))
    unplugged(dock, recorder, 3 * READ_STEP)
    del recorder.contents["A.MP4"]
    assert dock.pull(recorder).complete
    assert dock.place.incoming() == []
    assert dock.entry("A.MP4").state is State.SEEN, "it is still known to be missing"


def test_an_older_clip_does_not_lose_what_was_begun(dock: Dock) -> None:
    recorder = MemoryRecorder({"B.MP4": FOOTAGE["B.MP4"]})
    unplugged(dock, recorder, 2 * READ_STEP)
    recorder.contents["A.MP4"] = FOOTAGE["A.MP4"]
    recorder.recorded["A.MP4"] = "19990101T000000"
    recorder.reads.clear()
    assert dock.pull(recorder).complete
    resumed = [offset for path, offset, _ in recorder.reads if path == "B.MP4"]
    assert resumed[3] == READ_STEP - PIECE
