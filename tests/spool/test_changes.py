"""What changed on a recorder between two contacts is found once, and nothing else is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import LedgerBroken, WrongState
from agent.model import Health, Identity, Storage
from agent.spool.changes import WORDS, is_number
from agent.spool.ledger import Ledger
from agent.spool.view import LedgerView

from .places import IDENTITY, HandClock

ONE = Storage("1", "CAM001", 100, 40, "1234-ABCD")
TWO = Storage("1", "CAM001", 100, 40, "77AA-0001")
OTHER = replace(IDENTITY, serial="S0002")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "ledger.db", HandClock())
    yield ledger
    ledger._let_go()


def dock(
    ledger: Ledger, identity: Identity = IDENTITY, *storages: Storage, label: bool = False
) -> list[tuple[str, str, str]]:
    """One contact; kind, before and after of what was found in it."""
    health = Health(50, storages) if storages else None
    contact = ledger.begin_contact("3", identity, health, None, serial_is_label=label)
    return found(ledger, contact)


def found(ledger: Ledger, contact: int) -> list[tuple[str, str, str]]:
    return [
        (each.change.kind, each.change.before, each.change.after)
        for each in reversed(ledger.findings())
        if each.contact == contact
    ]


def test_the_same_recorder_again_is_no_finding(ledger: Ledger) -> None:
    for _ in range(3):
        assert dock(ledger, IDENTITY, ONE) == []


@pytest.mark.parametrize(
    ("change", "kind", "before", "after"),
    [
        ({"firmware": "2.0"}, "firmware", "1.0", "2.0"),
        ({"id_code": "ZZ999"}, "id-code", "AB123", "ZZ999"),
        ({"officer": "000002"}, "officer", "000001", "000002"),
        ({"unit": "440000"}, "unit", "310000", "440000"),
        ({"model": "Other"}, "model", "Maker Model", "Maker Other"),
    ],
)
def test_what_a_recorder_says_of_itself_is_compared(
    ledger: Ledger, change: dict[str, str], kind: str, before: str, after: str
) -> None:
    first = replace(IDENTITY, id_code="AB123", officer="000001", unit="310000")
    second = replace(first, **change)
    assert dock(ledger, first) == []
    assert dock(ledger, second) == [(kind, before, after)]
    assert dock(ledger, second) == []
    assert dock(ledger, first) == [(kind, after, before)]


def test_silence_is_no_change_and_does_not_hide_one(ledger: Ledger) -> None:
    dock(ledger, replace(IDENTITY, officer="000001"))
    assert dock(ledger, replace(IDENTITY, officer="", firmware="")) == []
    assert dock(ledger, replace(IDENTITY, officer="000002")) == [("officer", "000001", "000002")]


def test_recorders_that_take_turns_in_a_bay_are_no_finding(ledger: Ledger) -> None:
    for identity, storage in ((IDENTITY, ONE), (OTHER, TWO), (IDENTITY, ONE), (OTHER, TWO)):
        assert dock(ledger, identity, storage) == []


def test_another_card(ledger: Ledger) -> None:
    dock(ledger, IDENTITY, ONE)
    assert dock(ledger, IDENTITY, TWO) == [("card", ONE.serial, TWO.serial)]
    assert dock(ledger, IDENTITY, TWO) == []
    assert dock(ledger, IDENTITY, ONE) == [("card", TWO.serial, ONE.serial)]


def test_a_card_beside_the_one_that_was_there(ledger: Ledger) -> None:
    second = replace(TWO, id="2")
    dock(ledger, IDENTITY, ONE)
    assert dock(ledger, IDENTITY, ONE, second) == [("card", "", TWO.serial)]
    # A slot that is read later, or under another number, is no change.
    assert dock(ledger, IDENTITY, ONE) == []
    assert dock(ledger, IDENTITY, replace(second, id="1"), replace(ONE, id="2")) == []


def test_a_contact_that_never_saw_the_card_hides_no_change(ledger: Ledger) -> None:
    dock(ledger, IDENTITY, ONE)
    dock(ledger, IDENTITY)
    dock(ledger, IDENTITY, replace(ONE, serial=""))
    assert dock(ledger, IDENTITY, TWO) == [("card", ONE.serial, TWO.serial)]


def test_another_serial_in_the_same_shell(ledger: Ledger) -> None:
    dock(ledger, IDENTITY, ONE)
    assert dock(ledger, OTHER, ONE) == [("serial", "S0001", "S0002")]
    assert dock(ledger, OTHER, ONE) == []


def test_a_card_from_another_recorder(ledger: Ledger) -> None:
    dock(ledger, IDENTITY, ONE)
    dock(ledger, OTHER, TWO)
    assert dock(ledger, OTHER, ONE) == [
        ("card", TWO.serial, ONE.serial),
        ("foreign-card", "S0001", ONE.serial),
    ]
    stranger = Identity("Else", "Z1", "S0003", "1")  # new here, but no shell of that model
    assert dock(ledger, stranger, TWO) == [("foreign-card", "S0002", TWO.serial)]


@pytest.mark.parametrize("serial", ["", "0000-0000", "00000000", "FFFF-FFFF", "ffffffffffffffff"])
def test_a_number_that_many_cards_share_ties_nothing(ledger: Ledger, serial: str) -> None:
    assert not is_number(serial)
    plain = replace(ONE, serial=serial)
    for identity in (IDENTITY, OTHER, IDENTITY):
        assert dock(ledger, identity, plain) == []
    assert dock(ledger, IDENTITY, TWO) == []


def test_cards_that_were_copied_whole_are_told_once(ledger: Ledger) -> None:
    serials = [replace(IDENTITY, serial=f"S{number}") for number in range(6)]
    kinds = [[kind for kind, _, _ in dock(ledger, each, ONE)] for each in serials]
    assert kinds == [[], ["serial"], [], [], [], []]
    assert [dock(ledger, each, ONE) for each in serials] == [[]] * 6


def test_the_dirty_flag_is_told_when_it_is_new(ledger: Ledger) -> None:
    dirty = replace(ONE, dirty=True)
    dock(ledger, IDENTITY, ONE)
    assert dock(ledger, IDENTITY, dirty) == [("dirty", "clean", "CAM001")]
    assert dock(ledger, IDENTITY, dirty) == []
    dock(ledger, IDENTITY, ONE)
    assert dock(ledger, IDENTITY, dirty) == [("dirty", "clean", "CAM001")]
    assert dock(ledger, OTHER, replace(TWO, dirty=True)) == [("dirty", "", "CAM001")]


def test_a_label_that_is_not_the_serial(ledger: Ledger) -> None:
    fits = replace(IDENTITY, serial="cam001")
    assert dock(ledger, fits, ONE, label=True) == []
    assert dock(ledger, fits, replace(ONE, label=""), label=True) == []
    wrong = replace(ONE, label="CAM002")
    assert dock(ledger, fits, wrong, label=False) == []
    again = replace(wrong, label="CAM003")
    assert dock(ledger, fits, again, label=True) == [("label", "cam001", "CAM003")]
    assert dock(ledger, fits, again, label=True) == []
    long = replace(IDENTITY, serial="0123456789ABCDEF")
    cut = Storage("1", "0123456789A", 1, 1, "55AA-0102")
    assert dock(ledger, long, cut, label=True) == []


class TestTwoPhases:
    def test_stores_that_show_after_the_unlock_replace_those_before(self, ledger: Ledger) -> None:
        control = Storage("control", "", 100, 50)
        contact = ledger.begin_contact("3", IDENTITY, Health(77, (control,)), None)
        ledger.storages_seen(contact, (ONE,))
        (known,) = ledger.recorders()
        assert known.latest.health == Health(77, (ONE,))
        contact = ledger.begin_contact("3", IDENTITY, Health(76, (control,)), None)
        ledger.storages_seen(contact, (replace(TWO, dirty=True),))
        assert found(ledger, contact) == [
            ("card", ONE.serial, TWO.serial),
            ("dirty", "", "CAM001"),
        ]

    def test_what_is_shown_twice_in_a_contact_is_found_once(self, ledger: Ledger) -> None:
        dock(ledger, IDENTITY, ONE)
        new = replace(TWO, dirty=True)
        contact = ledger.begin_contact("3", IDENTITY, Health(1, (new,)), None)
        before = found(ledger, contact)
        assert [kind for kind, _, _ in before] == ["card", "dirty"]
        ledger.storages_seen(contact, (new,))
        assert found(ledger, contact) == before

    def test_a_new_shell_is_known_by_the_card_of_its_second_phase(self, ledger: Ledger) -> None:
        dock(ledger, IDENTITY, ONE)
        contact = ledger.begin_contact("4", OTHER, Health(1, ()), None)
        ledger.storages_seen(contact, (ONE,))
        assert found(ledger, contact) == [("serial", "S0001", "S0002")]

    def test_no_stores_leave_those_that_were_seen(self, ledger: Ledger) -> None:
        contact = ledger.begin_contact("3", IDENTITY, Health(77, (ONE,)), None)
        ledger.storages_seen(contact, ())
        assert ledger.recorders()[0].latest.health == Health(77, (ONE,))

    def test_a_contact_that_is_not_there_is_refused(self, ledger: Ledger) -> None:
        with pytest.raises(WrongState):
            ledger.storages_seen(7, (ONE,))
        assert ledger.volumes(IDENTITY.serial) == []


def test_a_finding_is_committed_with_its_contact_or_neither(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock(ledger, IDENTITY, ONE)

    def broken(*_: object) -> None:
        raise LedgerBroken("no more")

    monkeypatch.setattr(ledger, "_keep", broken)
    with pytest.raises(LedgerBroken):
        dock(ledger, replace(IDENTITY, firmware="2.0"), TWO)
    monkeypatch.undo()
    assert len(ledger.contacts(IDENTITY.serial)) == 1
    assert [each.storage.serial for each in ledger.volumes(IDENTITY.serial)] == [ONE.serial]
    assert len(dock(ledger, replace(IDENTITY, firmware="2.0"), TWO)) == 2


def test_findings_are_logged_in_printable_words_and_counted(
    ledger: Ledger, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dock(ledger)
    with caplog.at_level(logging.WARNING):
        dock(ledger, replace(IDENTITY, firmware="2\x1b[2J\ud800\nforged"))
    (record,) = caplog.records
    assert record.getMessage() == (
        "bay 3: recorder S0001: another firmware: 1.0 before, 2\\u{1b}[2J\\ud800\\u{a}forged now"
    )
    with LedgerView(tmp_path / "ledger.db") as view:
        assert view.finding_counts() == {"S0001": 1}
        assert len(view.findings(serial="S0001")) == 1
        assert view.findings(serial="nobody") == []


def test_every_kind_of_finding_has_words() -> None:
    assert all(WORDS.values())
    assert len(set(WORDS.values())) == len(WORDS)
