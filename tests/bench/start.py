"""Starting: commands and daemon, and the time from a plug to the first byte in the spool."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from hwsim.leash import leashed

from .cost import Cost, Failed, run
from .footage import record
from .line import Line
from .plan import Plan
from .rows import Goal, Row, spread, times
from .turns import Side, take_turns
from .worker import ROOT, apart

NOTE = """\
Python's files are in the page cache. "the daemon until it polls" is all that `bodydock run` does
until it first looks at the bus, libusb's loading included. "resident": the daemon runs, then a
recorder is plugged in; the daemon looks for new ones every 0.1 s here. "cold": from starting the
daemon, with the simulator in its process, while a recorder is docked already."""

PYTHON = "python -c pass"
HELP, STATUS, DAEMON = "bodydock --help", "bodydock status", "the daemon until it polls"
RESIDENT = "resident: from enumeration to the first spooled byte"
PLUGGED = "resident: from the plug to the first spooled byte"
STARTS = (HELP, STATUS, DAEMON)
COLD = "cold: from starting to the first spooled byte"
GOALS = {RESIDENT: Goal(14, "≤", 50, of_ratio=False), COLD: Goal(14, "≤", 150, of_ratio=False)}

RECORDER_BYTES = 4 * 1024 * 1024
SETTLED = 1.0
"""Seconds after its start at which a daemon counts as resident."""


def measure(plan: Plan) -> list[Row]:
    home = record(plan.folder / "recorder", RECORDER_BYTES, plan.seed).home
    waits: list[float] = []
    with Line(plan.folder / "line") as line:
        apart(
            "tests.bench.works.pull:pull",
            source=home,
            state=line.dock_state,
            via="files",
            digests=[],
        )
        command = [sys.executable, "-m", "agent.cli"]
        sides: dict[str, Side] = {
            PYTHON: partial(run, [sys.executable, "-c", "pass"]),
            HELP: partial(run, [*command, "--help"]),
            STATUS: partial(run, [*command, "status", "--config", line.dock_config]),
            DAEMON: partial(_daemon, line.dock_config),
            RESIDENT: partial(_resident, plan.folder / "docked", home, waits),
            COLD: partial(_cold, plan.folder / "docked", home),
        }
        costs = take_turns("start", sides, plan.pairs)
    wall = times(costs)
    cpu = {name: spread([one.cpu * 1000 for one in found]) for name, found in costs.items()}
    return [
        *(Row(name, "ms", wall[name], PYTHON, wall[PYTHON]) for name in STARTS),
        *(Row(name, "ms of CPU", cpu[name], PYTHON, cpu[PYTHON]) for name in STARTS),
        *(Row(name, "ms", wall[name], goal=goal) for name, goal in GOALS.items()),
        Row(PLUGGED, "ms", spread(waits)),
    ]


def _daemon(config: Path) -> Cost:
    command = leashed([sys.executable, "-m", "tests.bench.works.start", str(config)])
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"the daemon ended with {done.returncode}: {done.stderr[-1000:]}")
    moment, cpu = map(float, done.stdout.split())
    return Cost(moment - began, cpu)


def _resident(folder: Path, home: Path, waits: list[float]) -> Cost:
    """From enumeration to the first spooled byte; `waits` gets the time from the plug, in ms."""
    with Line(folder) as line:
        moments = _moments(line, home, after=SETTLED)
    waits.append((moments["spooled"] - moments["plugged"]) * 1000)
    return Cost(moments["spooled"] - moments["enumerated"], 0.0)


def _cold(folder: Path, home: Path) -> Cost:
    with Line(folder) as line:
        began = time.monotonic()
        return Cost(_moments(line, home, after=0.0)["spooled"] - began, 0.0)


def _moments(line: Line, home: Path, *, after: float) -> dict[str, float]:
    """What the dock tells of itself until the first byte is spooled."""
    line.start_dock(home, after=after)
    line.until(lambda: "spooled" in line.events.read_text())
    moments: dict[str, float] = {}
    for event in line.events.read_text().splitlines():
        moments |= json.loads(event)
    return moments
