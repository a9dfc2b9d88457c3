"""The harness does not lie: each thing that must never be so is noticed where it is so."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import pytest

from tests.campaign.books import Row
from tests.campaign.evidence import Evidence
from tests.campaign.outcome import Run
from tests.campaign.settling import settle
from tests.campaign.yard import Yard

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    """Three clips that arrived, and everything stopped."""
    folder = tmp_path_factory.mktemp("evidence")
    with Yard(folder / "world") as yard:
        yard.plug(yard.record(1, [MIB, MIB // 2, MIB // 4], Random(1)), "1-1.1")
        found = Evidence(yard)
        run = Run(1, folder)
        for name in ("archive", "dock"):
            yard.start(name)
        settle(run, yard, found)
        assert run.violations == []
        yield found


@contextmanager
def changed(path: Path) -> Iterator[None]:
    """Whatever happens to a file in the block is undone after it."""
    before = path.read_bytes() if path.exists() else None
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        if before is not None:
            path.write_bytes(before)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()
    path.write_bytes(data)


def sql(statement: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path)) as database, database:
            database.execute(statement)

    return change


def stored(evidence: Evidence, row: Row) -> Path:
    return evidence.archive / str(row["stored_as"])


def spooled(evidence: Evidence, row: Row) -> Path:
    return evidence.spool / "clips" / str(row["id"])[:2] / str(row["id"])


def catalogue(evidence: Evidence, _row: Row) -> Path:
    return evidence.archive / "catalogue.db"


def ledger(evidence: Evidence, _row: Row) -> Path:
    return evidence.spool / "ledger.db"


def stray(evidence: Evidence, row: Row) -> Path:
    return spooled(evidence, row).with_name("f" * 64)


def twin(evidence: Evidence, row: Row) -> Path:
    return stored(evidence, row).with_name("0" * 62)


def temporary(evidence: Evidence, _row: Row) -> Path:
    return evidence.spool / "incoming" / "left.part"


def sidecar(evidence: Evidence, row: Row) -> Path:
    return spooled(evidence, row).with_name(f"{row['id']}.sums")


CHANGES: list[tuple[Callable[[Evidence, Row], Path], Callable[[Path], object], str]] = [
    (stored, flip, "its object has other bytes"),
    (stored, Path.unlink, "its object is not there"),
    (twin, Path.touch, "4 stored"),
    (catalogue, sql("DELETE FROM clip WHERE rowid = 1"), "not in the catalogue"),
    (catalogue, sql("UPDATE object SET sm3 = '0'"), "the catalogue's digests"),
    (catalogue, sql("UPDATE clip SET path = 'other' WHERE rowid = 1"), "not catalogued"),
    (ledger, sql("UPDATE clip SET sha256 = '0'"), "the ledger's digests"),
    (ledger, sql("UPDATE clip SET state = 'offered' WHERE seq = 1"), "still offered"),
    (ledger, sql("UPDATE clip SET state = 'released' WHERE seq = 1"), "is released, its files"),
    (ledger, sql("DELETE FROM clip WHERE seq = 1"), "0 times in the ledger"),
    (
        ledger,
        sql("UPDATE clip SET envelope = (SELECT envelope FROM clip WHERE seq = 2)"),
        "its receipt speaks of other bytes",
    ),
    (
        ledger,
        sql('UPDATE clip SET envelope = replace(envelope, \'"sig":"\', \'"sig":"AAAA\')'),
        "its receipt is not signed by the archive",
    ),
    (spooled, flip, "the spool's copy has other bytes"),
    (spooled, Path.unlink, "its files are None"),
    (sidecar, Path.unlink, " and None"),
    (stray, Path.touch, "in no row"),
    (temporary, Path.touch, "left over"),
]


@pytest.mark.parametrize(("where", "change", "words"), CHANGES)
def test_it_is_noticed(
    evidence: Evidence,
    where: Callable[[Evidence, Row], Path],
    change: Callable[[Path], object],
    words: str,
) -> None:
    path = where(evidence, evidence.ledger()[0])
    with changed(path):
        change(path)
        assert words in "\n".join(evidence.unsettled())
    assert list(evidence.unsettled()) == []
