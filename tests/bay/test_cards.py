"""Whose card a plain disk is: only where nothing speaks against it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.bay.cards import whose_card
from agent.clock import SystemClock
from agent.model import Health, Identity, Storage
from agent.recorder.profiles.load import Profiles, load_profiles, shipped_folder
from agent.spool.ledger import Ledger

CARD = "1234-ABCD"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "ledger.db", SystemClock())
    yield ledger
    ledger.close()


@pytest.fixture
def profiles(tmp_path: Path) -> Profiles:
    return load_profiles(shipped_folder(), tmp_path)


def health(card: str) -> Health:
    return Health(None, (Storage("1", "", 100, 40, card),))


def dock(ledger: Ledger, bay: str, serial: str, card: str, profile: str = "ambarella-a") -> None:
    identity = Identity("", "", serial, "")
    contact = ledger.begin_contact(bay, identity, health(card), None, profile=profile)
    ledger.end_contact(contact, "everything pulled")


def owner(ledger: Ledger, profiles: Profiles, bay: str, card: str = CARD) -> str | None:
    plain = profiles.get("mass-storage")
    assert plain is not None
    found = whose_card(ledger, profiles, bay, plain, health(card))
    return found[0].serial if found else None


def test_the_card_of_the_recorder_that_this_bay_held_last(
    ledger: Ledger, profiles: Profiles
) -> None:
    dock(ledger, "1", "A", CARD)
    assert owner(ledger, profiles, "1") == "A"
    assert owner(ledger, profiles, "1", "1234-0000") is None


def test_a_bay_that_was_given_a_name_meanwhile(ledger: Ledger, profiles: Profiles) -> None:
    dock(ledger, "1-1.2", "A", CARD)
    assert owner(ledger, profiles, "front") == "A"


def test_a_bay_that_held_another_recorder_since(ledger: Ledger, profiles: Profiles) -> None:
    dock(ledger, "1", "A", CARD)
    dock(ledger, "1", "B", "5678-ABCD")
    dock(ledger, "2", "C", "9999-ABCD")
    assert owner(ledger, profiles, "1") is None
    assert owner(ledger, profiles, "2") is None


@pytest.mark.parametrize("profile", ["ambarella-a", "mass-storage"])
def test_a_number_that_two_recorders_showed_is_nobodys(
    ledger: Ledger, profiles: Profiles, profile: str
) -> None:
    """Makers copy cards whole, and format them with one number for all."""
    dock(ledger, "2", "B", CARD, profile)
    dock(ledger, "1", "A", CARD)
    assert owner(ledger, profiles, "1") is None


def test_a_number_that_is_one_digit_repeated_is_nobodys(ledger: Ledger, profiles: Profiles) -> None:
    dock(ledger, "1", "A", "0000-0000")
    assert owner(ledger, profiles, "1", "0000-0000") is None


def test_a_plain_disk_owns_nothing_but_itself(ledger: Ledger, profiles: Profiles) -> None:
    dock(ledger, "1", CARD, CARD, "mass-storage")
    assert owner(ledger, profiles, "1") is None
