"""A pull hands whole listings to the ledger, and only those."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import RecorderMisbehaved
from agent.model import Clip
from tests.spool.places import Place

from .docks import Dock
from .recorders import MemoryRecorder

CONTENTS = {f"{letter}.MP4": letter.encode() * 5000 for letter in "ABCDE"}


@pytest.fixture
def dock(tmp_path: Path) -> Dock:
    return Dock(Place(tmp_path))


def kinds(dock: Dock) -> list[str]:
    return sorted(each.change.kind for each in dock.place.ledger.findings())


class Cut(MemoryRecorder):
    """Its listing ends in an error behind the second clip."""

    cut = True

    def clips(self) -> Iterator[Clip]:
        for number, clip in enumerate(super().clips()):
            if self.cut and number == 2:
                raise RecorderMisbehaved("cannot be listed")
            yield clip


def test_a_listing_that_was_cut_short_concludes_nothing(dock: Dock) -> None:
    recorder = Cut(dict(CONTENTS))
    recorder.cut = False
    dock.pull(recorder)
    recorder.cut = True
    dock.pull(recorder)
    assert kinds(dock) == []
    recorder.cut = False
    del recorder.contents["E.MP4"]
    dock.pull(recorder)
    assert kinds(dock) == ["vanished-kept"]


def test_a_clip_with_a_size_that_cannot_be_is_no_part_of_it(dock: Dock) -> None:
    recorder = MemoryRecorder(dict(CONTENTS))
    recorder.declared["A.MP4"] = -5
    dock.pull(recorder)
    del recorder.declared["A.MP4"]
    del recorder.contents["A.MP4"]
    dock.pull(recorder)
    assert kinds(dock) == []


def test_never_pulled_and_gone(dock: Dock) -> None:
    """The pull was stopped in front of it, and the next docking misses it."""
    recorder = MemoryRecorder(dict(CONTENTS))

    def stop(clip: Clip, _offset: int, _size: int) -> bytes | None:
        if clip.path == "C.MP4":
            dock.stop.set()
        return None

    recorder.before_read = stop
    dock.pull(recorder)
    dock.stop.clear()
    recorder.before_read = lambda *_: None
    del recorder.contents["E.MP4"]
    del recorder.contents["A.MP4"]
    dock.pull(recorder)
    assert kinds(dock) == ["vanished", "vanished-kept"]


def test_other_bytes_under_the_same_facts_are_told_once(dock: Dock) -> None:
    recorder = MemoryRecorder(dict(CONTENTS))
    assert dock.pull(recorder).complete
    recorder.contents["B.MP4"] = b"b" * 5000
    for _ in range(3):
        assert dock.pull(recorder).complete
    assert kinds(dock) == ["rewritten"]
    assert dock.content("B.MP4", 1) == b"b" * 5000
    assert dock.content("B.MP4", 0) == b"B" * 5000


def test_the_order_of_a_listing_is_no_finding(dock: Dock) -> None:
    """As where a recorder gives its objects other handles."""
    recorder = MemoryRecorder(dict(CONTENTS))
    dock.pull(recorder)
    recorder.contents = dict(reversed(CONTENTS.items()))
    dock.pull(recorder)
    assert kinds(dock) == []
