"""A ledger that is no ledger any more: the dock starts, says so, and loses nothing that a recorder
or the spool still holds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from blake3 import blake3

from tests.campaign.evidence import Evidence
from tests.campaign.outcome import Run
from tests.campaign.settling import settle
from tests.campaign.yard import Yard, until

MIB = 1024 * 1024
SECONDS = 90.0
SHOUT = '"level": "critical", "from": "agent.spool.recovery"'


def torn_page(ledger: Path, random: Random) -> None:
    """One page in the middle: the file still opens."""
    with ledger.open("r+b") as file:
        file.seek(4096 * random.randrange(2, ledger.stat().st_size // 4096))
        file.write(random.randbytes(4096))


def nothing(ledger: Path, _random: Random) -> None:
    ledger.write_bytes(b"")


def mixed_log(ledger: Path, random: Random) -> None:
    """Garbage in the file and in its log, as the worst of power cuts would leave them."""
    ledger.write_bytes(random.randbytes(ledger.stat().st_size))
    Path(f"{ledger}-wal").write_bytes(random.randbytes(70_000))


@pytest.mark.parametrize("damage", [torn_page, nothing, mixed_log])
def test_a_damaged_ledger_costs_nothing_that_is_still_somewhere(
    damage: Callable[[Path, Random], None], tmp_path: Path, seed: int
) -> None:
    random, run = Random(seed), Run(seed, tmp_path)
    with Yard(tmp_path / "world") as yard:
        here, away = (yard.record(number, [MIB, MIB // 2], random) for number in (1, 2))
        evidence = Evidence(yard)
        yard.plug(here, "1-1.1")
        yard.plug(away, "1-1.2")
        yard.start("dock")
        assert until(lambda: evidence.states()["spooled"] == 4, SECONDS)
        yard.stop("dock")
        spooled = digests_below(evidence.spool / "clips")
        yard.unplug("1-1.2")
        damage(evidence.spool / "ledger.db", random)

        yard.start("archive")
        yard.start("dock")
        assert until(lambda: yard.up("dock"), SECONDS)
        assert SHOUT in yard.log("dock").read_text("utf-8")
        assert until(lambda: evidence.states()["receipted"] >= 2, SECONDS), evidence.states()
        quarantine = evidence.spool / "quarantine"
        assert spooled <= digests_below(evidence.spool / "clips") | digests_below(quarantine)

        yard.plug(away, "1-1.2")
        settle(run, yard, evidence, untroubled=False)
        assert run.violations == []


def digests_below(folder: Path) -> set[str]:
    """What the files hold, sidecars included, whatever they are called by now."""
    return {blake3(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}
