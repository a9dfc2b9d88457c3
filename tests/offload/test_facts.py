"""What is told of a clip goes into the ledger with it, from the contact that first listed it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.model import Clip, ClipFacts
from agent.spool.states import State
from tests.spool.places import Place

from .docks import Dock
from .recorders import MemoryRecorder


class Teller:
    """Tells the same of every clip, and keeps whom it was asked about."""

    def __init__(self, officer: str) -> None:
        self.officer = officer
        self.asked: list[str] = []

    def __call__(self, clip: Clip) -> ClipFacts:
        self.asked.append(clip.path)
        kind = "log" if clip.path.startswith("LOG/") else "footage"
        return ClipFacts(kind=kind, officer=self.officer)


@pytest.fixture
def dock(tmp_path: Path) -> Dock:
    return Dock(Place(tmp_path))


CONTENTS = {"DCIM/A.mp4": b"one" * 100, "LOG/ops.txt": b"on, off"}


def test_a_recorders_log_is_pulled_like_a_clip_and_told_apart(dock: Dock) -> None:
    dock.tell = Teller("000001")
    assert dock.pull(MemoryRecorder(CONTENTS)).pulled == 2
    found = {path: entry.facts for (path, _), entry in dock.entries().items()}
    assert found == {
        "DCIM/A.mp4": ClipFacts(officer="000001"),
        "LOG/ops.txt": ClipFacts(kind="log", officer="000001"),
    }
    assert dock.content("LOG/ops.txt") == b"on, off"


def test_what_is_not_pulled_yet_is_told_all_the_same(dock: Dock) -> None:
    dock.tell = Teller("000001")
    dock.stop.set()
    dock.pull(MemoryRecorder(CONTENTS))
    assert {entry.state for entry in dock.entries().values()} == {State.SEEN}
    assert {entry.facts.officer for entry in dock.entries().values()} == {"000001"}
    dock.stop.clear()
    dock.tell = Teller("000002")  # its clock was set since, its clip renamed: the first word stays
    dock.pull(MemoryRecorder(CONTENTS))
    assert {entry.facts.officer for entry in dock.entries().values()} == {"000001"}


def test_nobody_is_asked_about_what_is_here(dock: Dock) -> None:
    dock.pull(MemoryRecorder(CONTENTS))
    dock.tell = again = Teller("000001")
    assert dock.pull(MemoryRecorder(CONTENTS)).known == 2
    assert again.asked == []
    assert {entry.facts for entry in dock.entries().values()} == {ClipFacts()}


def test_other_footage_under_the_same_name_is_told_anew(dock: Dock) -> None:
    for officer, content in (("000001", b"one"), ("000002", b"two")):
        dock.tell = Teller(officer)
        dock.pull(MemoryRecorder({"DCIM/A.mp4": content}))
    assert dock.entry("DCIM/A.mp4", 0).facts.officer == "000001"
    assert dock.entry("DCIM/A.mp4", 1).facts.officer == "000002"


def test_the_teller_gets_words_that_can_be_kept(dock: Dock) -> None:
    dock.tell = teller = Teller("x")
    recorder = MemoryRecorder({"DCIM/\ud800.mp4": b"one"})
    dock.pull(recorder)
    assert set(teller.asked) == {"DCIM/\\ud800.mp4"}
    assert replace(dock.entry("DCIM/\\ud800.mp4").facts, officer="") == ClipFacts()
