"""Every way in which files and ledger can disagree after a crash, and what becomes of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from agent.errors import LedgerBroken
from agent.model import ClipId
from agent.spool import sidecar
from agent.spool.entry import Sealed
from agent.spool.recovery import Report
from agent.spool.states import State

from .age import FORMS, cipher_for
from .places import RECEIPT, Place

CONTENT = Random(20260804).randbytes(300_000)


@pytest.fixture(params=FORMS)
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    return Place(tmp_path, cipher=cipher_for(request.param))


def settle(place: Place, state: State, path: str = "A.MP4", data: bytes = CONTENT) -> ClipId:
    """A clip in `state`, its file in its place wherever it has one."""
    if state is State.SEEN:
        return place.see(data, path)
    clip = place.take_in(data, path).clip
    ledger = place.ledger
    if state in (State.OFFERED, State.REFUSED):
        ledger.offered(clip)
    if state is State.REFUSED:
        ledger.refused(clip, "no", place.clock.now())
    if state in (State.RECEIPTED, State.RELEASED):
        ledger.receipted(clip, RECEIPT)
    if state is State.RELEASED:
        place.spool.release(clip)
    if state is State.DAMAGED:
        place.spool.quarantine(clip, "rot")
    return clip


def quiet(report: Report) -> bool:
    return report == Report()


def test_a_sound_dock_starts_without_a_finding_and_stays_as_it_was(place: Place) -> None:
    clips = {state: settle(place, state, f"{state.value}.MP4") for state in State}
    before = {state: place.entry(clip) for state, clip in clips.items()}
    stored = place.spool.room.stored
    assert quiet(place.restart())
    assert {state: place.entry(clip) for state, clip in clips.items()} == before
    assert place.spool.room.stored == stored


def test_a_start_reads_no_clip_where_nothing_is_in_doubt(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(place, State.SPOOLED)

    def never(*_: object) -> None:
        raise AssertionError("a clip was read whole")

    monkeypatch.setattr("agent.spool.forms.measure", never)
    monkeypatch.setattr("agent.spool.recovery.prove", never)
    assert quiet(place.restart())


def test_temporaries_go(place: Place) -> None:
    intake = place.spool.intake(place.see(CONTENT), len(CONTENT))
    intake.write(CONTENT[:1000])
    (place.spool.layout.incoming / "x.sums").write_bytes(b"?")
    place.ledger.close()  # the process died: nobody abandoned the intake
    report = place.open()
    assert report.temporaries == 2
    assert place.incoming() == []


@pytest.mark.parametrize("state", [State.SPOOLED, State.OFFERED, State.REFUSED])
@pytest.mark.parametrize("how", ["missing", "shorter", "longer"])
def test_a_clip_without_its_file_is_wanted_again(place: Place, state: State, how: str) -> None:
    clip = settle(place, state)
    spoil(place.file(clip), how)
    report = place.restart()
    assert report.wanted == 1
    assert place.entry(clip).state is State.DAMAGED
    assert not place.file(clip).exists()
    assert quiet(place.restart())


@pytest.mark.parametrize("how", ["missing", "shorter"])
def test_a_receipted_clip_without_its_file_is_released_with_its_reason(
    place: Place, how: str
) -> None:
    clip = settle(place, State.RECEIPTED)
    spoil(place.file(clip), how)
    report = place.restart()
    assert report.released == 1
    entry = place.entry(clip)
    assert entry.state is State.RELEASED
    assert "its file" in entry.reason
    assert [len(data) for data in place.quarantined() if len(data) > 1000] == (
        [len(CONTENT) - 1] if how == "shorter" else []
    )


def spoil(path: Path, how: str) -> None:
    if how == "missing":
        path.unlink()
    else:
        os.truncate(path, len(CONTENT) + (1 if how == "longer" else -1))


def test_a_file_that_only_missed_its_commit_is_adopted(place: Place) -> None:
    clip = place.see(CONTENT)
    sealed = place.write(clip, CONTENT)  # renamed, and then the power went
    report = place.restart()
    assert report.adopted == 1
    entry = place.entry(clip)
    assert (entry.state, entry.sealed) == (State.SPOOLED, sealed)
    place.spool.verify(clip)


@pytest.mark.parametrize("how", ["rotten", "no sidecar", "torn sidecar", "shorter"])
def test_a_file_that_cannot_be_proved_is_not_adopted_and_not_deleted(
    place: Place, how: str
) -> None:
    clip = place.see(CONTENT)
    place.write(clip, CONTENT)
    if how == "rotten":
        place.file(clip).write_bytes(place.file(clip).read_bytes()[:-1] + b"?")
    elif how == "no sidecar":
        place.sums(clip).unlink()
    elif how == "torn sidecar":
        os.truncate(place.sums(clip), 30)
    else:
        os.truncate(place.file(clip), 100)
    kept = place.file(clip).read_bytes()
    report = place.restart()
    assert (report.adopted, report.quarantined) == (0, 1)
    assert place.entry(clip).state is State.SEEN
    assert kept in place.quarantined()
    place.ledger.spooled(place.write(clip, CONTENT))


@pytest.mark.parametrize("state", [State.DAMAGED, None])
def test_a_file_that_no_row_wants_goes_to_quarantine(place: Place, state: State | None) -> None:
    clip = settle(place, state) if state else ClipId("ab" * 32)
    place.file(clip).write_bytes(b"unknown")
    report = place.restart()
    assert report.quarantined == 1
    assert b"unknown" in place.quarantined()
    assert not place.file(clip).exists()


def test_a_tombstone_whose_file_is_still_here_is_carried_out(place: Place) -> None:
    clip = settle(place, State.RECEIPTED)
    place.ledger.released(clip)  # committed, and then the power went
    report = place.restart()
    assert report.released == 1
    assert not place.file(clip).exists()
    assert not place.sums(clip).exists()
    assert place.spool.room.stored == 0


@pytest.mark.parametrize("how", ["missing", "torn"])
def test_a_sidecar_that_is_missing_or_torn_is_made_anew(place: Place, how: str) -> None:
    clip = settle(place, State.SPOOLED)
    good = place.sums(clip).read_bytes()
    if how == "missing":
        place.sums(clip).unlink()
    else:
        os.truncate(place.sums(clip), 30)
    assert place.restart().mended == 1
    assert place.sums(clip).read_bytes() == good


def test_a_missing_sidecar_beside_a_rotten_clip_shows_the_rot(place: Place) -> None:
    clip = settle(place, State.SPOOLED)
    place.sums(clip).unlink()
    rotten = b"?" + CONTENT[1:]
    place.file(clip).write_bytes(rotten)
    report = place.restart()
    assert (report.mended, report.wanted) == (0, 1)
    assert place.entry(clip).state is State.DAMAGED
    assert rotten in place.quarantined()


def test_a_sidecar_whose_clip_was_never_named_goes(place: Place) -> None:
    clip = place.see(CONTENT)
    place.sums(clip).write_bytes(sidecar.encode(0, b""))
    place.restart()
    assert not place.sums(clip).exists()
    assert place.entry(clip).state is State.SEEN


@pytest.mark.parametrize(
    "make",
    [
        lambda clips: (clips / "ab" / "README").write_bytes(b"stray"),
        lambda clips: (clips / "ab" / ("cd" * 32)).write_bytes(b"stray"),
        lambda clips: (clips / "ab" / ("AB" * 32)).write_bytes(b"stray"),
        lambda clips: (clips / "ab" / ("ab" * 32)).symlink_to("/etc/passwd"),
        lambda clips: (clips / "ab" / ("ab" * 32)).mkdir(),
        lambda clips: (clips / "stray").write_bytes(b"stray"),
        lambda clips: (clips / "elsewhere").mkdir(),
        lambda clips: (clips.parent / "incoming" / "folder").mkdir(),
    ],
)
def test_strange_things_stop_nothing(place: Place, make: Callable[[Path], object]) -> None:
    clip = settle(place, State.SPOOLED)
    make(place.spool.layout.clips)
    place.restart()
    assert place.entry(clip).state is State.SPOOLED
    assert place.content(clip) == CONTENT
    assert Path("/etc/passwd").exists()
    place.take_in(CONTENT, "B.MP4")


def test_one_bad_row_stops_no_other(place: Place) -> None:
    bad, good = settle(place, State.SPOOLED, "A"), settle(place, State.SPOOLED, "B")
    place.ledger._database.change("UPDATE clip SET seen_at = '?' WHERE id = ?", [bad])
    for clip in (bad, good):
        place.sums(clip).unlink()
    report = place.restart()
    assert report.mended == 1
    assert any(bad in finding for finding in report.findings)
    assert place.content(bad) == CONTENT, "kept where it was: nothing is known"
    place.spool.verify(good)


def test_nothing_is_concluded_of_a_folder_that_cannot_be_listed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = settle(place, State.RECEIPTED)
    folder = place.file(clip).parent
    real = os.scandir

    def failing(path: str) -> object:
        if Path(path) == folder:
            raise OSError(5, "Input/output error")
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", failing)
        report = place.restart()
    assert len(report.findings) == 1
    assert place.entry(clip).state is State.RECEIPTED
    assert quiet(place.restart())


def test_a_full_disk_does_not_stop_the_start(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = settle(place, State.SPOOLED)
    place.sums(clip).unlink()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("agent.spool.durable.write_all", full)
        report = place.restart()
    assert report.mended == 0
    assert len(report.findings) == 1
    assert place.entry(clip).state is State.SPOOLED


def test_a_ledger_that_fails_meanwhile_does_stop_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(place, State.SPOOLED)
    monkeypatch.setattr(
        place.ledger.__class__, "expected", lambda _self: (_ for _ in ()).throw(LedgerBroken("x"))
    )
    with pytest.raises(LedgerBroken):
        place.restart()


def test_a_start_opens_no_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Presence and sizes only; measured in files that are opened, not in time."""
    place = Place(tmp_path)
    for number in range(40):
        place.take_in(b"%d" % number, f"{number}.MP4")
    opened: list[str] = []
    real = os.open

    def watched(path: str, flags: int, mode: int = 0o777) -> int:
        opened.append(str(path))
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", watched)
    assert quiet(place.restart())
    assert not [path for path in opened if "/clips/" in path]


def test_adoption_gives_the_digests_that_are_configured(tmp_path: Path) -> None:
    place = Place(tmp_path, digests=frozenset({"sm3"}))
    clip = place.see(CONTENT)
    sealed: Sealed = place.write(clip, CONTENT)
    place.restart()
    assert place.entry(clip).sealed == sealed
    assert sealed.digests.sm3 is not None
    assert sealed.digests.sha256 is None
