"""Memory: sixteen recorders docked at once, all pulled and sent at the same time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from agent.spool.states import State

from .cost import Cost, Meter
from .footage import record
from .line import Line
from .plan import Plan
from .rows import MIB, Goal, Row, spread
from .turns import say

RECORDERS = 16
ROUNDS = 3
"""Peaks differ little from round to round."""
SETTLED = 3.0
"""Seconds after the daemon's start at which the recorders are plugged in."""
IDLE = "nothing docked"
GOALS = {"dock": 80, "broker": 150, "archive": None}

NOTE = f"""\
The most that was ever resident (VmHWM) while {RECORDERS} recorders are pulled and sent at once. The
dock's process contains the simulated recorders and what they read; beside it, the same process
before the first of them is plugged in."""


def measure(plan: Plan) -> list[Row]:
    homes = [
        record(
            plan.folder / "recorders" / f"{number:02}",
            plan.size // RECORDERS,
            plan.seed + number,
            serial=f"BENCH{number:04}",
        ).home
        for number in range(RECORDERS)
    ]
    clips = sum(path.is_file() for home in homes for path in home.glob("card/**/*"))
    rounds = []
    for number in range(min(ROUNDS, plan.pairs)):
        say(f"memory: {number + 1} of {min(ROUNDS, plan.pairs)}")
        rounds.append(_docked(plan.folder / "line", homes, clips))
    rows = []
    for name, most in GOALS.items():
        peaks = spread([after.peaks[name] / MIB for _, after in rounds])
        before = spread([before.peaks[name] / MIB for before, _ in rounds])
        goal = Goal(11, "≤", most, of_ratio=False) if most else None
        rows.append(Row(f"{name}, {RECORDERS} recorders", "MiB", peaks, IDLE, before, goal))
    return rows


def _docked(folder: Path, homes: Sequence[Path], clips: int) -> tuple[Cost, Cost]:
    """Peaks before anything is docked, and once all is receipted."""
    with Line(folder, digests=("sha256",)) as line:
        line.start_archive()
        line.start_dock(*homes, after=SETTLED)
        line.until(lambda: "polled" in line.events.read_text())
        time.sleep(SETTLED / 4)
        meter = Meter(**line.pids)
        before = meter.read()
        with line.ledger() as ledger:
            line.until(lambda: ledger.counts()[State.RECEIPTED][0] == clips, each=0.05)
        return before, meter.read()
