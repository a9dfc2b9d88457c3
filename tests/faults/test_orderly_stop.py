"""SIGTERM at any moment: a quick and orderly end that leaves no temporaries, and all goes on."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.campaign.evidence import Evidence
from tests.campaign.outcome import Run
from tests.campaign.settling import settle
from tests.campaign.yard import Yard, until

MIB = 1024 * 1024
SECONDS = 60.0


@pytest.mark.parametrize("moment", ["pulling", "sending"])
def test_a_stop_in_the_middle_leaves_no_temporaries(moment: str, tmp_path: Path, seed: int) -> None:
    random, run = Random(seed), Run(seed, tmp_path)
    with Yard(tmp_path / "world") as yard:
        for number in (1, 2):
            yard.plug(yard.record(number, [24 * MIB], random), f"1-1.{number}")
        evidence = Evidence(yard)
        incoming, partial = evidence.spool / "incoming", evidence.archive / "partial"
        yard.start("dock")
        if moment == "pulling":
            begun = until(lambda: incoming.exists() and any(incoming.iterdir()), SECONDS)
        else:
            yard.start("archive")
            begun = until(lambda: partial.exists() and any(partial.iterdir()), SECONDS)
        assert begun
        assert until(lambda: yard.up("dock"), SECONDS)
        assert yard.stop("dock") == 0
        assert list(incoming.iterdir()) == []
        assert list(evidence.receipted_but_not_archived()) == []
        if moment == "sending":
            assert yard.stop("archive") == 0
        for name in ("archive", "dock"):
            yard.start(name)
        settle(run, yard, evidence)
        assert run.violations == []
