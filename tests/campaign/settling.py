"""How a run ends: everything arrives with no hand on it, all stop in order, all is looked at."""

from __future__ import annotations

import time
from functools import partial

from .evidence import Evidence
from .outcome import Run
from .yard import Yard, until

SETTLE_SECONDS = 300.0
START_SECONDS = 30.0


def settle(
    run: Run,
    yard: Yard,
    evidence: Evidence,
    seconds: float = SETTLE_SECONDS,
    *,
    untroubled: bool = True,
) -> None:
    """`untroubled`: nothing may lie in quarantine, and nobody may have shouted in a log."""
    began = time.monotonic()
    done = until(lambda: evidence.all_archived() or not yard.all_alive(), seconds, each=0.1)
    run.note(f"settled after {time.monotonic() - began:.1f} s")
    run.must(yard.all_alive(), "a process ended by itself")
    run.must(done, f"not all archived after {seconds:.0f} s: {dict(evidence.states())}")
    close(run, yard, evidence, untroubled=untroubled)


def close(run: Run, yard: Yard, evidence: Evidence, *, untroubled: bool = True) -> None:
    """Stop dock and archive once they are up, then look at all that they left."""
    for name in ("dock", "archive"):
        run.must(until(partial(yard.up, name), START_SECONDS), f"{name} never came up")
        run.must(yard.stop(name) == 0, f"{name} did not stop in order")
    run.check(evidence.unsettled(), "at the end")
    if untroubled:
        run.check(evidence.quarantined(), "at the end")
    run.check(yard.outbursts(shouts=untroubled), "in the logs")
