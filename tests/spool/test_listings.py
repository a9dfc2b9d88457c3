"""From one whole listing to the next: what vanished, changed or appeared, and no false alarm."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.log_entry import Kind, LogEntry
from agent.model import Clip, ClockReading, Digests, Health, Identity, Storage
from agent.spool.changes import Change
from agent.spool.entry import Sealed, Sighting
from agent.spool.ledger import Ledger
from agent.spool.listing_changes import (
    ClockTold,
    Listed,
    differences,
    digest_of,
    moment,
    newest_of,
    store_of,
)
from agent.spool.listings import EACH_UP_TO

from .places import IDENTITY, HandClock

CARD = Storage("1", "CARD", 64_000, 10, "1234-ABCD")
OTHER_CARD = replace(CARD, serial="77AA-0001")
INNER = Storage("2", "INNER", 32_000, 10, "5555-0002")


def clip(number: int, *, storage: str = "1", day: int = 4, size: int = 100) -> Clip:
    when = datetime(2026, 8, day, 9, number % 60)  # noqa: DTZ001
    return Clip(storage, f"DCIM/CAM_{number:04}.MP4", size, when.isoformat())


SIX = [clip(number) for number in range(6)]


@dataclass
class Dock:
    ledger: Ledger
    contacts: list[int] = field(default_factory=list)

    def dock(
        self,
        clips: Sequence[Clip],
        *storages: Storage,
        identity: Identity = IDENTITY,
        reading: ClockReading | None = None,
        ahead: float | None = None,
    ) -> list[Change]:
        """One contact with a whole listing; what was found of the listing."""
        health = Health(50, storages or (CARD,))
        contact = self.ledger.begin_contact("3", identity, health, reading, clock_error=ahead)
        self.contacts.append(contact)
        for each in clips:
            self.see(each, identity)
        self.ledger.listed(contact, clips)
        self.ledger.end_contact(contact, "test")
        return self.found(contact)

    def found(self, contact: int) -> list[Change]:
        kinds = ("vanished", "vanished-kept", "resized", "rewritten", "backdated")
        found = [each for each in self.ledger.findings() if each.contact == contact]
        return [each.change for each in reversed(found) if each.change.kind in kinds]

    def see(self, each: Clip, identity: Identity = IDENTITY) -> None:
        facts = (each.storage, each.path, each.size, each.recorded, False)
        self.ledger.see(
            Sighting(each.id_on(identity.serial), self.contacts[-1], identity, "3", *facts)
        )

    def have(self, clips: Sequence[Clip]) -> None:
        for each in clips:
            name = each.id_on(IDENTITY.serial)
            self.ledger.spooled(Sealed(name, each.size, Digests("a" * 64, "b" * 64), "c" * 64))

    def cleared(self, each: Clip) -> None:
        self.ledger._database.change(
            """INSERT INTO clearing (clip, state, at, wanted_from)
                SELECT seq, 'cleared', '', 0 FROM clip WHERE id = ?""",
            [each.id_on(IDENTITY.serial)],
        )

    def entries(self, kind: Kind) -> list[LogEntry]:
        journal = self.ledger.journal
        return [entry for entry in _entries(journal) if entry.kind is kind]


def _entries(journal: object) -> Iterator[LogEntry]:
    from agent.log_entry import read_entry

    for text in journal.lines(0, journal.size):  # type: ignore[attr-defined]
        yield read_entry(text)


@pytest.fixture
def dock(tmp_path: Path) -> Iterator[Dock]:
    ledger = Ledger(tmp_path / "ledger.db", HandClock())
    yield Dock(ledger)
    ledger._let_go()


# Findings.


def test_footage_that_nobody_pulled_and_is_gone_is_told_with_its_evidence(dock: Dock) -> None:
    dock.dock(SIX)
    (change,) = dock.dock(SIX[:2] + SIX[3:])
    assert change.kind == "vanished"
    assert "DCIM/CAM_0002.MP4, 100 bytes, 2026-08-04T09:02:00" in change.before
    assert "this dock never had it: seen" in change.after
    first, second = dock.entries(Kind.LISTED)
    (finding,) = [each for each in dock.entries(Kind.FINDING) if each.what["finding"] == "vanished"]
    assert finding.what["listing_before"] == first.what["stores"][0][2] == first.what["digest"]
    assert finding.what["listing"] == second.what["digest"] != first.what["digest"]
    assert finding.what["about"][0][:3] == [SIX[2].path, 100, SIX[2].recorded]
    assert (first.what["number"], second.what["number"]) == (6, 5)
    assert change.before.count(first.what["digest"][:16]) == 1
    assert dock.dock(SIX[:2] + SIX[3:]) == []  # told once


def test_footage_that_the_dock_has_is_told_apart(dock: Dock) -> None:
    """Loop recording goes over what was pulled; several become one finding."""
    dock.dock(SIX)
    dock.have(SIX[:3])
    kept, lost = sorted(dock.dock(SIX[4:]), key=lambda each: each.kind, reverse=True)
    assert (kept.kind, lost.kind) == ("vanished-kept", "vanished")
    assert "CAM_0000.MP4" in kept.before
    assert "and 2 more" in kept.before
    assert "this dock has it: spooled" in kept.after
    assert kept.words.isprintable()


def test_a_formatted_card_is_one_finding_with_a_bounded_list(dock: Dock) -> None:
    many = [replace(clip(n), path=f"DCIM/{'长' * 200}{n:05}.MP4") for n in range(1000)]
    dock.dock(many)
    (change,) = dock.dock([])
    assert change.kind == "vanished"
    assert "and 999 more" in change.before
    finding = dock.entries(Kind.FINDING)[-1]
    assert finding.what["number"] == 1000
    assert EACH_UP_TO < len(finding.what["about"]) < 100


def test_up_to_twenty_are_told_one_by_one(dock: Dock) -> None:
    many = [clip(n) for n in range(EACH_UP_TO + 1)]
    dock.dock(many)
    assert len(dock.dock(many[:1])) == EACH_UP_TO


def test_another_size_under_path_and_time(dock: Dock) -> None:
    dock.dock(SIX)
    (change,) = dock.dock([replace(SIX[0], size=77), *SIX[1:]])
    assert (change.kind, change.after[:8]) == ("resized", "77 bytes")


def test_other_footage_under_an_old_name_is_the_old_one_gone(dock: Dock) -> None:
    dock.dock(SIX)
    newer = replace(SIX[0], recorded="2026-08-06T10:10:11", size=40)
    assert [each.kind for each in dock.dock([newer, *SIX[1:]])] == ["vanished"]


def test_a_clip_that_is_new_and_old(dock: Dock) -> None:
    dock.dock(SIX)
    old = replace(clip(7, day=2), path="DCIM/PLANTED.MP4")
    (change,) = dock.dock([*SIX, clip(8, day=5), old])
    assert change.kind == "backdated"
    assert "the newest was of 2026-08-04T09:05:00" in change.before
    assert "DCIM/PLANTED.MP4" in change.after


def test_other_bytes_under_the_same_facts(dock: Dock) -> None:
    dock.dock(SIX)
    dock.have(SIX)
    name = SIX[0].id_on(IDENTITY.serial)
    dock.ledger.rewritten(dock.contacts[-1], name, 100)
    (change,) = dock.found(dock.contacts[-1])
    assert change.kind == "rewritten"
    assert dock.entries(Kind.FINDING)[-1].what["about"] == [name]


# No false alarm.


def test_a_first_listing_concludes_nothing(dock: Dock) -> None:
    assert dock.dock(SIX) == []


def test_what_this_dock_took_off_is_no_finding(dock: Dock) -> None:
    dock.dock(SIX)
    dock.have(SIX)
    dock.cleared(SIX[1])
    assert dock.dock([SIX[0], *SIX[2:]]) == []
    dock.ledger.rewritten(dock.contacts[-1], SIX[1].id_on(IDENTITY.serial), 100)
    assert dock.found(dock.contacts[-1]) == []


def test_a_clip_that_could_never_be_read_is_no_finding(dock: Dock) -> None:
    dock.dock(SIX)
    dock.ledger.note(SIX[1].id_on(IDENTITY.serial), "RecorderMisbehaved: gave 0 bytes")
    assert dock.dock([SIX[0], *SIX[2:]]) == []


def test_two_cards_taken_in_turns_have_a_past_each(dock: Dock) -> None:
    second = [clip(n, day=3) for n in range(20, 24)]
    for _ in range(2):
        assert dock.dock(SIX, CARD) == []
        assert dock.dock(second, OTHER_CARD) == []
    assert dock.dock(second[1:], OTHER_CARD) != []
    assert dock.dock(SIX[1:], CARD) != []


def test_a_storage_that_is_not_there_concludes_nothing(dock: Dock) -> None:
    both = [*SIX, *(clip(n, storage="2") for n in range(30, 33))]
    dock.dock(both, CARD, INNER)
    assert dock.dock(both[6:], INNER) == []
    assert dock.dock(both, CARD, INNER) == []
    assert [each.kind for each in dock.dock(both[:-1], CARD, INNER)] == ["vanished"]


def test_a_card_in_another_slot_is_the_same_card(dock: Dock) -> None:
    dock.dock(SIX, CARD)
    moved = [replace(each, storage="2") for each in SIX]
    assert dock.dock(moved, replace(CARD, id="2")) == []


def test_cards_without_a_number_are_told_apart_by_size(dock: Dock) -> None:
    nameless = replace(CARD, serial="0000-0000")
    dock.dock(SIX, nameless)
    assert dock.dock([clip(40)], replace(nameless, total=128_000)) == []
    assert len(dock.dock([SIX[0]], nameless)) == 5


def test_numbers_of_equal_names_move(dock: Dock) -> None:
    """Two storages hold a clip of one name, size and time; only one of them is there later."""
    same = replace(SIX[0], storage="2", path="DCIM/CAM_0000~2.MP4")
    dock.dock([*SIX, same], CARD, INNER)
    assert dock.dock([replace(same, path="DCIM/CAM_0000.MP4")], INNER) == []


@pytest.mark.parametrize("shift", [timedelta(hours=1), timedelta(hours=-8), timedelta(minutes=30)])
def test_summer_time_and_zones_shift_all(shift: timedelta, dock: Dock) -> None:
    def shifted(each: Clip) -> Clip:
        when = datetime.fromisoformat(each.recorded) + shift
        return replace(each, recorded=when.isoformat())

    dock.dock(SIX)
    dock.have(SIX)
    dock.cleared(SIX[0])
    now = [*map(shifted, SIX[1:]), shifted(clip(9, day=5))]
    assert dock.dock(now) == []
    assert [each.kind for each in dock.dock(now[1:])] == ["vanished"]


def test_a_clock_that_was_reset_dates_nothing_back(dock: Dock) -> None:
    dock.dock(SIX)
    reset = ClockReading(datetime(2020, 1, 1, 0, 9), HandClock().now(), 0.1)  # noqa: DTZ001
    new = [replace(clip(20), recorded="2020-01-03T00:00:09")]
    assert dock.dock([*SIX, *new], reading=reset) == []
    unset = replace(clip(21), recorded="2015-01-01T00:00:09")  # and a disk shows no clock
    assert dock.dock([*SIX, *new, unset]) == []


def test_a_clock_that_was_set_back_dates_nothing_back(dock: Dock) -> None:
    """Its clock was five days ahead when the first six were recorded, and was set at the dock."""
    wrong = ClockReading(datetime(2026, 8, 4, 10), HandClock().now(), 0.1)  # noqa: DTZ001
    right = ClockReading(datetime(2026, 8, 5, 10), HandClock().now(), 0.1)  # noqa: DTZ001
    dock.dock(SIX, reading=wrong, ahead=5 * 86400.0)
    new = clip(20, day=1)
    assert dock.dock([*SIX, new], reading=right, ahead=0.0) == []
    assert [each.kind for each in dock.dock([*SIX, new, clip(21, day=1)], reading=right)] == [
        "backdated"
    ]


def test_another_dock_knows_no_earlier_listing(dock: Dock, tmp_path: Path) -> None:
    dock.dock(SIX)
    there = Ledger(tmp_path / "other.db", HandClock())
    assert Dock(there).dock(SIX[3:]) == []
    there._let_go()


def test_another_recorder_with_the_same_names(dock: Dock) -> None:
    dock.dock(SIX)
    assert dock.dock(SIX[:1], identity=replace(IDENTITY, serial="S0002")) == []


def test_a_restart_between_the_listings(dock: Dock, tmp_path: Path) -> None:
    dock.dock(SIX)
    dock.ledger.close()
    dock.ledger = Ledger(tmp_path / "ledger.db", HandClock())
    assert [each.kind for each in dock.dock(SIX[1:])] == ["vanished"]


# Any listings.

FACTS = st.builds(
    lambda n, size, minute: Listed("s", f"D/{n}.MP4", size, f"2026-08-04T09:{minute:02}:00"),
    st.integers(0, 8),
    st.integers(1, 3),
    st.integers(0, 59),
)


@given(st.lists(FACTS, unique=True), st.lists(FACTS, unique=True))
def test_every_clip_that_is_gone_is_told_once(before: list[Listed], now: list[Listed]) -> None:
    found = differences(before, now, ClockTold())
    told = [*found.gone, *(old for old, _ in found.resized)]
    if told:
        assert sorted(told) == sorted(set(before) - set(now))
    assert set(found.backdated) <= set(now) - set(before)
    for old, new in found.resized:
        assert (old.path, old.recorded) == (new.path, new.recorded)
        assert new in now


@given(st.lists(FACTS, unique=True), st.randoms())
def test_the_order_of_a_listing_tells_nothing(clips: list[Listed], random: object) -> None:
    mixed = clips.copy()
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert digest_of(mixed) == digest_of(clips)
    found = differences(clips, mixed, ClockTold())
    assert (found.gone, found.resized, found.backdated) == ([], [], [])


@given(st.lists(FACTS, unique=True, min_size=1), st.data())
def test_one_that_goes_is_told(clips: list[Listed], data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(clips))
    left = [each for each in clips if each != gone]
    assert differences(clips, left, ClockTold()).gone == [gone]
    assert digest_of(left) != digest_of(clips)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("20260804T090030", datetime(2026, 8, 4, 9, 0, 30)),  # noqa: DTZ001
        ("20260804T090030.0", datetime(2026, 8, 4, 9, 0, 30)),  # noqa: DTZ001
        ("2026-08-04T09:00:30+08:00", datetime(2026, 8, 4, 9, 0, 30)),  # noqa: DTZ001
        ("", None),
        ("yesterday", None),
    ],
)
def test_moments(text: str, wanted: datetime | None) -> None:
    assert moment(text) == wanted
    assert newest_of([Listed("", "", 0, text)]) == wanted


def test_a_store_is_its_number_and_size() -> None:
    assert store_of(CARD) == "1234-ABCD/64000"
    assert store_of(replace(CARD, serial="")) == "#1/64000"


def test_ten_thousand_clips_take_no_time(dock: Dock) -> None:
    many = [replace(clip(n), path=f"DCIM/{n:06}.MP4") for n in range(10_000)]
    contact = dock.ledger.begin_contact("3", IDENTITY, Health(50, (CARD,)), None)
    took = []
    for clips in (many, many, many[1:]):
        began = time.process_time()
        dock.ledger.listed(contact, clips)
        took.append(time.process_time() - began)
    print("first, same, one less:", [f"{each:.3f} s" for each in took])
    assert max(took) < 2.0
