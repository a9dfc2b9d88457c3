"""A week without a broker: recorders keep coming, memory stays small, all arrives, oldest first.

The processes are real; the dock's clocks skip the hours between two dockings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from random import Random

from .evidence import Evidence
from .outcome import Run
from .settling import close
from .yard import Yard, until

DAY = 86_400.0
DAYS = 7
CLIPS_EACH = 50
"""Clips on one recorder."""
LARGEST = 64 * 1024
DOCKED_SECONDS = 120.0
CLIPS_A_SECOND = 8
"""Slower than this after the week, and the run fails."""
MEMORY_KIB = 96 * 1024
IN_FLIGHT = 8
"""Clips that are on their way at once; so many may overtake an older one."""


def one_week(run: Run, clips: int = 3000) -> None:
    """`clips` in all, on recorders that are docked one after the other."""
    random = Random(run.seed)
    with Yard(run.folder) as yard:
        yard.kill("broker")
        homes = [
            yard.record(number, [random.randint(1, LARGEST) for _ in range(CLIPS_EACH)], random)
            for number in range(1, -(-clips // CLIPS_EACH) + 1)
        ]
        evidence = Evidence(yard)
        run.counts["clips"] += len(evidence.originals)
        yard.start("archive")
        yard.start("dock")
        for number, home in enumerate(homes, 1):
            _dock(run, yard, evidence, home, number * CLIPS_EACH, random)
            yard.later(number * DAYS * DAY / len(homes))
        run.counts["KiB of memory in the week"] = _peak_kib(yard)
        run.check(_too_short(evidence, len(homes)), "the week")
        yard.start("broker")
        _all_arrive(run, yard, evidence)


def _dock(
    run: Run, yard: Yard, evidence: Evidence, home: Path, wanted: int, random: Random
) -> None:
    port = f"1-1.{random.randint(1, 4)}"
    yard.plug(home, port)
    came = until(lambda: evidence.states()["spooled"] == wanted, DOCKED_SECONDS, each=0.05)
    run.must(came, f"{home.name}: {dict(evidence.states())}, {wanted} spooled expected")
    yard.unplug(port)


def _all_arrive(run: Run, yard: Yard, evidence: Evidence) -> None:
    seconds = 60 + len(evidence.originals) / CLIPS_A_SECOND
    came = until(lambda: evidence.all_archived() or not yard.all_alive(), seconds, each=0.25)
    run.must(came and yard.all_alive(), f"after {seconds:.0f} s: {dict(evidence.states())}")
    run.counts["KiB of memory in all"] = _peak_kib(yard)
    close(run, yard, evidence)
    peaks = {name: run.counts[name] for name in run.counts if "memory" in name}
    run.check([f"{n}: {p}" for n, p in peaks.items() if p >= MEMORY_KIB], "memory")
    overtaken = list(_overtaken(evidence))
    run.counts["older clips overtaken at most"] = max(overtaken)
    run.check([f"{max(overtaken)} overtaken"] if max(overtaken) >= IN_FLIGHT else [], "order")


def _peak_kib(yard: Yard) -> int:
    """The most memory that the dock's process ever held (VmHWM, proc(5))."""
    status = Path(f"/proc/{yard.pid('dock')}/status").read_text("ascii")
    return int(re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)[0])


def _too_short(evidence: Evidence, dockings: int) -> Iterator[str]:
    """The skipped time is in the ledger's own moments, or this was no week."""
    moments = [datetime.fromisoformat(row["spooled_at"]) for row in evidence.ledger()]
    lasted = (max(moments) - min(moments)).total_seconds() / DAY
    if lasted < DAYS * (dockings - 1) / dockings:
        yield f"{dockings} dockings in {lasted:.1f} days"


def _overtaken(evidence: Evidence) -> Iterator[int]:
    """For each delivery, in the order of the catalogue: how many older clips came after it."""
    number = {row["id"]: row["seq"] for row in evidence.ledger()}
    arrived = [number[row["clip"]] for row in evidence.deliveries()]
    for place, seq in enumerate(arrived):
        yield sum(later < seq for later in arrived[place + 1 : place + 1 + 50 * IN_FLIGHT])
