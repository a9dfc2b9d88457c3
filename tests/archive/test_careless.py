"""Orders of careless people: whatever they hold, the archive goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.archive.catalogue import Catalogue
from agent.archive.office import ArchiveOffice
from agent.archive.own_keys import OwnKeys
from agent.archive.settings import CATALOGUE
from agent.clock import SystemClock
from agent.custody.envelopes import seal
from agent.custody.orders import Order
from agent.errors import Malformed, UsageError
from agent.link.door import Caller
from agent.wire.contract import OFFER_TYPE

from .docks import manifest_of, secret_key
from .test_catalogue import receipt_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def clip(root: Path) -> str:
    manifest = manifest_of(b"one")
    with Catalogue(root / CATALOGUE, archive="county", epoch="e") as catalogue:
        envelope = seal(OFFER_TYPE, manifest.encode(), secret_key())
        catalogue.record(manifest, envelope, receipt_of(manifest), b"receipt")
    return manifest.clip


def office_of(catalogue: Catalogue, root: Path) -> ArchiveOffice:
    return ArchiveOffice(catalogue, None, SystemClock(), lambda: OwnKeys(root, "county"))


@pytest.mark.parametrize(
    "order",
    [
        Order("hold", "\ud800", "chen", "", "", {"reason": "dispute"}),
        Order("hold", "c1" * 32, "chen", "\udcff", "", {"reason": "dispute"}),
        Order("restored", "", "\udcff", "asked"),
        Order("restart-custody", "", "chen", "asked", "", {"dock": "\ud800"}),
        Order("restored", "", "chen" + " " * 9, "x" * 1025),
    ],
)
def test_an_order_of_half_characters_stops_no_archive(clip: str, root: Path, order: Order) -> None:
    with Catalogue(root / CATALOGUE, archive="county", epoch="e") as catalogue:
        office = office_of(catalogue, root)
        with pytest.raises((UsageError, Malformed)):
            office.carry_out(order)
        with pytest.raises((UsageError, Malformed)):
            office.answer(order.document(), Caller(1, 1, 1))
        assert catalogue.epoch == "e"


def test_an_order_is_kept_as_it_can_go_on_to_a_dock(clip: str, root: Path) -> None:
    order = Order("hold", clip, "chen" + " " * 300, "", " A-1 ", {"reason": "dispute"})
    with Catalogue(root / CATALOGUE, archive="county", epoch="e") as catalogue:
        office_of(catalogue, root).carry_out(order)
        assert {(one.who, one.approval) for one in catalogue.open_errands()} == {("chen", "A-1")}
