"""An archive brought back from a copy has less of a dock's custody log than it cosigned."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.log_entry import Kind
from agent.spool.restored import FORGOTTEN
from agent.wire.contract import Presence
from agent.wire.evidence import CustodyDown

from .far import ARCHIVE, Archive, Dock, ManualClock, settle


@pytest.fixture
def dock(tmp_path: Path) -> Iterator[Dock]:
    with closing(Dock(tmp_path / "ledger.db", ManualClock())) as made:
        made.ledger.epoch_seen(ARCHIVE, "epoch-1")
        made.connect()
        yield made


def said(dock: Dock, held: int, archive: str = ARCHIVE) -> None:
    answer = CustodyDown(archive=archive, held=held)
    dock.courier.on_message("custody", answer.encode())


def test_the_dock_finds_out_as_soon_as_it_hears_how_far_the_archive_has_its_log(
    dock: Dock, tmp_path: Path
) -> None:
    old, now = tmp_path / "old", tmp_path / "now"
    now.mkdir()
    with closing(Archive(now, dock.clock)) as archive:
        dock.grow(5)
        settle(dock, archive)
    shutil.copytree(now, old)
    with closing(Archive(now, dock.clock)) as archive:
        dock.grow(5)
        dock.connect()
        settle(dock, archive)
        assert dock.ledger.epoch_of(ARCHIVE) == "epoch-1"
    began = Presence(archive=ARCHIVE, receiver="r", online=True, epoch="epoch-1", since="later")
    with closing(Archive(old, dock.clock)) as restored:
        dock.courier.on_presence(began)  # no connection was lost: the receiver began anew
        settle(dock, restored)
        assert (dock.ledger.epoch_of(ARCHIVE) or "").startswith(FORGOTTEN)
        size = restored.catalogue.mirror("dock-1").size
        assert size == dock.ledger.journal.size  # and it has all of it again
    entries = [Kind.EPOCH.value in line for line in dock.ledger.journal.lines()]
    assert sum(entries) == 2


def test_an_archive_that_has_it_all_or_was_never_heard_changes_nothing(
    dock: Dock, tmp_path: Path
) -> None:
    with closing(Archive(tmp_path, dock.clock)) as archive:
        settle(dock, archive)
    said(dock, dock.ledger.journal.size)
    said(dock, 0, archive="another")
    assert dock.ledger.epoch_of(ARCHIVE) == "epoch-1"
    assert dock.ledger.epoch_of("another") is None
    said(dock, 0)
    assert dock.ledger.epoch_of(ARCHIVE) != "epoch-1"


def test_unsigned_words_cannot_fill_the_custody_log(dock: Dock, tmp_path: Path) -> None:
    with closing(Archive(tmp_path, dock.clock)) as archive:
        settle(dock, archive)
    before = dock.ledger.journal.size
    for number in range(100):
        said(dock, 0)
        dock.ledger.epoch_seen(ARCHIVE, f"epoch-{number}")
    assert dock.ledger.journal.size - before < 100 + 10
