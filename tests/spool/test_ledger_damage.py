"""Bit rot and torn tails in the ledger's files: found or harmless, and never the end."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from agent.errors import BodydockError, LedgerBroken, LedgerDamaged
from agent.spool.ledger import Ledger
from agent.spool.recovery import open_ledger
from agent.spool.states import State
from agent.spool.view import LedgerView

from .places import RECEIPT, START, HandClock, Place

CASES = int(os.environ.get("BODYDOCK_CASES", "40"))
"""Of each kind; a release tries thousands."""


def used_ledger(root: Path, *, closed: bool) -> Path:
    """A ledger with some clips; not closed, its newest commits lie in the log only."""
    place = Place(root)
    for number in range(30):
        sealed = place.take_in(bytes([number]) * 100, f"DCIM/{number}.MP4")
        if number % 3 == 0:
            place.ledger.receipted(sealed.clip, RECEIPT)
    files = {}
    path = root / "ledger.db"
    if not closed:
        files = {name: Path(f"{path}{name}").read_bytes() for name in ("", "-wal")}
    place.close()
    for name, data in files.items():
        Path(f"{path}{name}").write_bytes(data)
    return path


def flip(data: bytearray, random: Random) -> None:
    for _ in range(random.choice((1, 1, 8, 64))):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def truncate(data: bytearray, random: Random) -> None:
    del data[random.randrange(len(data)) :]


def overwrite(data: bytearray, random: Random) -> None:
    at = random.randrange(len(data))
    data[at : at + 4096] = random.choice((bytes(4096), random.randbytes(4096)))


def use(ledger: Ledger) -> None:
    """All that the daemon does; damage may be found late, but only as an error of ours."""
    ledger.counts()
    ledger.next_due()
    for entry in ledger.to_send(START, 100):
        ledger.offered(entry.clip)
    for entry in ledger.releasable(0, 100):
        ledger.released(entry.clip)
    ledger.entries()
    ledger.recorders()
    ledger.expected()


@pytest.mark.parametrize("damage", [flip, truncate, overwrite])
@pytest.mark.parametrize("closed", [True, False])
def test_damage_is_found_or_harmless(
    tmp_path: Path, seed: int, damage: Callable[[bytearray, Random], None], closed: bool
) -> None:
    path = used_ledger(tmp_path / "dock", closed=closed)
    names = ("",) if closed else ("", "-wal")
    sound = {name: Path(f"{path}{name}").read_bytes() for name in names}
    found = 0
    for number in range(CASES):
        random = Random(seed + number)
        for name, data in sound.items():
            Path(f"{path}{name}").write_bytes(data)
        Path(f"{path}-shm").unlink(missing_ok=True)
        victim = random.choice(names)
        rotten = bytearray(sound[victim])
        damage(rotten, random)
        Path(f"{path}{victim}").write_bytes(rotten)
        found += not survives(path)
        if closed:
            Path(f"{path}-wal").unlink(missing_ok=True)
    assert damage is flip or not closed or found > 0


def survives(path: Path) -> bool:
    """Whether nothing was found; anything but a typed error is raised, and fails the test."""
    try:
        with LedgerView(path) as view:
            view.counts()
            view.entries()
    except LedgerBroken:
        pass
    try:
        ledger = Ledger(path, HandClock())
    except LedgerBroken:
        return False
    try:
        use(ledger)
    except BodydockError:
        return False
    finally:
        ledger._let_go()
    return True


def test_what_is_no_database_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"Once upon a time. " * 1000)
    with pytest.raises(LedgerDamaged):
        Ledger(path, HandClock())


def test_after_damage_was_found_nothing_more_is_written(tmp_path: Path) -> None:
    place = Place(tmp_path)
    clip = place.take_in(b"x" * 1000).clip
    place.ledger._database._note(_malformed())
    for call in (place.ledger.counts, lambda: place.ledger.offered(clip)):
        with pytest.raises(LedgerBroken, match="failed before"):
            call()


def _malformed() -> sqlite3.Error:
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def test_a_damaged_ledger_is_moved_aside_and_footage_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = Place(tmp_path)
    place.take_in(b"footage" * 1000)
    place.close()
    path = tmp_path / "ledger.db"
    rotten = b"\0" * 100 + path.read_bytes()[100:]
    path.write_bytes(rotten)
    with caplog.at_level(logging.WARNING):
        report = place.open()
    assert "THE LEDGER WAS DAMAGED" in caplog.text
    assert report.quarantined == 1
    assert (place.spool.layout.quarantine / "ledger.1.db").read_bytes() == rotten
    assert b"footage" * 1000 in place.quarantined()
    assert place.ledger.counts()[State.SPOOLED] == (0, 0)
    place.take_in(b"footage" * 1000)  # pulled again
    place.close()


@pytest.mark.parametrize("how", ["missing", "empty"])
def test_a_lost_ledger_is_not_passed_over_in_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    place = Place(tmp_path)
    place.take_in(b"footage")
    place.close()
    path = tmp_path / "ledger.db"
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(b"")
    with caplog.at_level(logging.CRITICAL):
        place.open()
    assert "THE LEDGER" in caplog.text
    assert b"footage" in place.quarantined()


def test_a_first_start_is_quiet(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Place(tmp_path / "new" / "dock")
    assert caplog.text == ""


def test_ledgers_moved_aside_do_not_overwrite_each_other(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "ledger.db").write_bytes(b"rotten %d" % number * 1000)
        open_ledger(tmp_path, HandClock()).close()
    names = sorted(path.name for path in (tmp_path / "quarantine").iterdir())
    assert [name for name in names if name.endswith(".db")] == ["ledger.1.db", "ledger.2.db"]
