"""What a deletion that was cut short is believed to be: what the next whole listing shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import RecorderGone
from agent.log_entry import Kind
from agent.model import Clip
from agent.offload.clearing.rule import Limits
from agent.spool.clearance import Clearance

from .docks import ON, STORE, ClearingDock, Erasable

A, B = "DCIM/A.MP4", "DCIM/B.MP4"
OFF = Limits()


@pytest.fixture
def dock(tmp_path: Path) -> ClearingDock:
    return ClearingDock(tmp_path)


def cut_short(dock: ClearingDock, recorder: Erasable, *, done: bool) -> None:
    """Unplugged in the command for A, which the recorder carried out, or not."""

    def delete(clip: Clip) -> None:
        if done:
            recorder.forget(clip)
        raise RecorderGone("unplugged in the command")

    dock.ripe(recorder)
    recorder.on_delete = delete
    assert dock.gone(recorder)
    recorder.on_delete = recorder.forget
    assert dock.step(A) is Clearance.CLEARING
    dock.limits = OFF


def since_intent(dock: ClearingDock) -> list[Kind]:
    kinds = dock.kinds(A)
    return kinds[kinds.index(Kind.CLEARING) + 1 :]


def test_what_is_listed_is_never_called_cleared(dock: ClearingDock) -> None:
    """Not for one moment: the custody log tells of no clearing."""
    recorder = Erasable({A: b"a", B: b"b"})
    cut_short(dock, recorder, done=False)
    done = dock.clear(recorder)
    assert (done.cleared, done.kept) == (0, 1)
    assert dock.step(A) is Clearance.PROVED
    assert since_intent(dock) == [Kind.KEPT]
    last = dock.ledger.journal.of(dock.clip(A))[-1]
    assert last.what["reason"] == "its deletion was cut short"


def test_what_is_gone_from_its_own_storage_is_cleared(dock: ClearingDock) -> None:
    """Seen once with clearing off; then nothing is left to look at, and nobody asks the recorder
    for anything any more."""
    recorder = Erasable({A: b"a", B: b"b"})
    cut_short(dock, recorder, done=True)
    done = dock.clear(recorder)
    assert (done.cleared, done.kept) == (1, 0)
    assert since_intent(dock) == [Kind.CLEARED]
    assert len(recorder.deleted) == 1
    asked: list[str] = []
    recorder.before_call = asked.append
    dock.clear(recorder)
    assert set(asked) == {"health"}


def test_a_lone_clip_is_not_cleared_because_its_storage_is_away(dock: ClearingDock) -> None:
    """Nothing else lay on it, so no other clip is missing either: only the storage tells."""
    recorder = Erasable({A: b"a"})
    cut_short(dock, recorder, done=False)
    kept = dict(recorder.contents)
    recorder.contents, recorder.storages = {}, ()
    done = dock.clear(recorder)
    assert (done.cleared, done.kept) == (0, 0)
    assert since_intent(dock) == []
    assert dock.step(A) is Clearance.CLEARING
    recorder.contents, recorder.storages = kept, (STORE,)
    dock.limits = ON
    done = dock.clear(recorder)
    assert (done.kept, done.cleared) == (1, 1)
    assert since_intent(dock) == [Kind.KEPT, Kind.CLEARING, Kind.CLEARED]
