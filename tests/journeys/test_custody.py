"""Custody over a real broker, between a real dock and a real archive: cosigned, handed out, checked
by a stranger; and a dock that comes back from a backup is refused until a person says so."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

from agent.errors import LedgerBroken
from agent.spool.view import LedgerView
from tests.campaign.yard import ROOT, Yard, until

MIB = 1024 * 1024
SECONDS = 90.0


def bodydock(*arguments: str) -> tuple[int, Any]:
    command = [sys.executable, "-m", "agent.cli", *arguments, "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, cwd=ROOT
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout) if done.stdout.strip() else done.stderr


class Journey:
    def __init__(self, yard: Yard) -> None:
        self.yard = yard
        self.ledger = yard.world.config.dock.state / "ledger.db"
        self.dock = ("--config", str(yard.world.dock_config))
        self.archive = ("--config", str(yard.world.archive_config))

    def cosigned(self) -> int:
        """How much of the log came back cosigned; 0 while it is all not so, or nothing is."""
        with LedgerView(self.ledger) as view:
            newest = view.journal.newest(cosigned=True)
            return newest.size if newest and newest.size == view.journal.size else 0

    def trouble(self) -> str:
        with LedgerView(self.ledger) as view:
            return view.journal.trouble()

    def wait(self, what: str, size: int = 0) -> None:
        def true() -> object:
            try:
                return self.cosigned() > size if what == "cosigned" else self.trouble()
            except LedgerBroken:  # it is just being made
                return False

        assert until(true, SECONDS, each=0.2), f"not {what} after {SECONDS} s"


def test_a_log_is_cosigned_and_one_from_a_backup_is_refused(tmp_path: Path) -> None:
    with Yard(tmp_path / "world") as yard:
        journey = Journey(yard)
        yard.plug(yard.record(1, [MIB], Random(1)), "1-1.1")
        yard.start("archive")
        yard.start("dock")
        journey.wait("cosigned")
        _hand_out(journey, tmp_path)
        yard.stop("dock")
        shutil.copy(journey.ledger, tmp_path / "backup.db")
        with LedgerView(journey.ledger) as view:
            before = view.journal.size
        yard.start("dock")
        journey.wait("cosigned", before)
        yard.stop("dock")
        for ending in ("", "-wal", "-shm"):
            Path(f"{journey.ledger}{ending}").unlink(missing_ok=True)
        shutil.copy(tmp_path / "backup.db", journey.ledger)
        yard.start("dock")
        journey.wait("refused")
        _refused_and_begun_anew(journey)


def _hand_out(journey: Journey, folder: Path) -> None:
    """Both ends find their logs sound, and so does a stranger."""
    code, told = bodydock("custody", "verify", *journey.dock)
    assert (code, told["faults"]) == (0, [])
    assert told["cosigned"] > 0
    code, told = bodydock("archive", "custody", "verify", "--all", *journey.archive)
    assert (code, [each["faults"] for each in told]) == (0, [[]])
    for name, command in (
        ("dock", ["custody", "export", str(folder / "dock"), *journey.dock]),
        (
            "archive",
            ["archive", "custody", "export", "dock-1", str(folder / "archive"), *journey.archive],
        ),
    ):
        code, told = bodydock(*command)
        assert code == 0, told
        stranger = [sys.executable, "-I", str(folder / name / "outsider.py"), str(folder / name)]
        assert subprocess.run(stranger, capture_output=True, check=False).returncode == 0
        code, told = bodydock("custody", "verify", str(folder / name))
        assert (code, told["faults"]) == (0, [])


def _refused_and_begun_anew(journey: Journey) -> None:
    code, told = bodydock("custody", "verify", *journey.dock)
    assert code == 1
    assert "refused by the archive" in " ".join(told["faults"])
    verify = ("archive", "custody", "verify", "--all", *journey.archive)
    assert until(lambda: bodydock(*verify)[0] == 1, SECONDS, each=1.0)
    order = ("--by", "R. Liu", "--why", "restored after the disk failed")
    code, told = bodydock("archive", "custody", "restart", "dock-1", *order, *journey.archive)
    assert (code, told) == (0, {"dock": "dock-1", "log": 1})
    assert until(lambda: not journey.trouble(), SECONDS, each=0.2)
    journey.wait("cosigned")
    assert bodydock("custody", "verify", *journey.dock)[0] == 0
