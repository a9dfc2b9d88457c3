"""The ledger: commits, what to send among a million clips, and starting with as many."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

from .cost import Cost
from .plan import Plan
from .rows import Goal, Row, spread, times
from .turns import say, take_turns
from .worker import apart

NOTE = """\
The ledger's file is in the page cache. "history": 1,000,000 clips that were released long ago, and
1,000 that wait, with files; "backlog": 1,000,000 clips that all wait; "1,000,000 chunks": 4,000
clips of 64 MiB that wait, with files; each beside 1,000 clips that wait. A start opens the ledger,
recovers the spool and asks what to send, Python's own start not counted; after an unclean stop
every page is checked."""

COMMITS = 1000
"""Clips; each is committed twice."""
ASKED = 200
MANY = 1000
MILLION = 1_000_000
WAITING = 1000
SMALL = 4096
LARGE = 64 * 1024 * 1024
CHUNKY = MILLION * 256 * 1024 // LARGE

OURS, PLAIN = "commits", "sqlite3, one UPDATE each"
FEW = "1,000 clips"
CROWDS: dict[str, dict[str, Any]] = {
    FEW: {"released": 0, "spooled": WAITING, "size": SMALL, "files": True},
    "history": {"released": MILLION, "spooled": WAITING, "size": SMALL, "files": True},
    "backlog": {"released": 0, "spooled": MILLION, "size": SMALL, "files": False},
    "1,000,000 chunks": {"released": 0, "spooled": CHUNKY, "size": LARGE, "files": True},
}
QUESTIONS: dict[str, tuple[str, dict[str, Any], int]] = {
    "what to send": ("to_send", {"times": ASKED}, MANY),
    "start": ("restart", {"clean": True}, MANY),
    "start after an unclean stop": ("restart", {"clean": False}, 3),
}
"""What is asked of a ledger: the worker's function, its arguments, and in how many rounds at most.
To start with a backlog of a million clips would need as many files."""


def measure(plan: Plan) -> list[Row]:
    return _commits(plan) + _crowds(plan)


def _commits(plan: Plan) -> list[Row]:
    sides = {OURS: "commits", PLAIN: "plain_commits"}
    work = plan.folder / "commits"
    costs = take_turns(
        "ledger", {name: partial(_in_new, work, verb) for name, verb in sides.items()}, plan.pairs
    )
    per_second = {
        name: spread([2 * COMMITS / one.wall for one in found]) for name, found in costs.items()
    }
    load = {
        name: spread([one.cpu / 2 / COMMITS * 1e6 for one in found])
        for name, found in costs.items()
    }
    return [
        Row(OURS, "1/s", per_second[OURS], PLAIN, per_second[PLAIN]),
        Row("a commit's CPU", "µs", load[OURS], PLAIN, load[PLAIN]),
    ]


def _in_new(folder: Path, verb: str) -> Cost:
    folder.mkdir()
    try:
        return _asked(verb, folder, number=COMMITS)
    finally:
        shutil.rmtree(folder)


def _asked(verb: str, state: Path, **options: Any) -> Cost:
    read = apart(f"tests.bench.works.ledger:{verb}", state=state, **options)
    return Cost(read["wall"], read["cpu"])


def _crowds(plan: Plan) -> list[Row]:
    states = {name: plan.folder / f"crowd-{number}" for number, name in enumerate(CROWDS)}
    for name, crowd in CROWDS.items():
        say(f"ledger: making {name}")
        apart("tests.bench.works.crowd:make", state=states[name], seed=plan.seed, **crowd)
    rows = []
    for what, (verb, options, rounds) in QUESTIONS.items():
        names = [name for name in CROWDS if verb != "restart" or CROWDS[name]["files"]]
        sides = {name: partial(_asked, verb, states[name], **options) for name in names}
        found = times(take_turns(f"ledger, {what}", sides, min(rounds, plan.pairs)))
        goal = Goal(13, "≤", 100, of_ratio=False) if verb == "restart" else None
        rows += [
            Row(f"{what}, {name}", "ms", found[name], FEW, found[FEW], goal)
            for name in names
            if name != FEW
        ]
    return rows
