"""Kills: dock, archive and broker get SIGKILL at random moments, and come back by themselves.

At each kill and at the end: whatever the dock's ledger calls receipted lies in the archive, bit
for bit as the recorder holds it. At the end all is there, once, with nothing left over.
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from functools import partial
from random import Random

from .doomed import Doom
from .evidence import ARCHIVED, Evidence
from .outcome import Run
from .yard import KILLABLE, Yard, until

MIB = 1024 * 1024
SETTLE_SECONDS = 150.0
DIES_SECONDS = 60.0
LONGEST_PAUSE = 1.5
TYPICAL_SECONDS = 3.5
"""From the first start until all is receipted, where nothing is killed."""

DOCK_DOOMS = (
    "agent.spool.intake:Intake.write",
    "agent.spool.intake:Intake.finish",
    "agent.spool.ledger:Ledger.spooled",
    "agent.spool.files:Spool.read_chunk",
    "agent.spool.ledger:Ledger.offered",
    "agent.spool.ledger:Ledger.receipted",
)
ARCHIVE_DOOMS = (
    "agent.archive.partial:Partial.write",
    "agent.archive.store:Store.seal",
    "agent.archive.catalogue:Catalogue.record",
)


@dataclass(frozen=True, slots=True)
class Blow:
    """One kill: at once when `doom` strikes, else `after` seconds; then `pause` before restart."""

    victim: str
    after: float
    pause: float
    doom: Doom | None = None


def plan(random: Random, clips: int, steps: int, victim: str) -> list[Blow]:
    """One or two kills. `steps` is the number of chunks in all: what is done once for each."""
    doom = None
    if random.random() < 0.5 and victim != "broker":
        where = random.choice(DOCK_DOOMS if victim == "dock" else ARCHIVE_DOOMS)
        often = where.endswith(("write", "read_chunk"))
        nth = random.randint(1, steps if often else clips)
        doom = Doom(where, nth, random.uniform(0.0, 0.05))
    blows = [Blow(victim, random.uniform(0.2, TYPICAL_SECONDS), random.random(), doom)]
    if random.random() < 0.3:
        pause = random.uniform(0.0, LONGEST_PAUSE)
        blows.append(Blow(random.choice(KILLABLE), random.uniform(0.0, 2.0), pause))
    return blows


def one_kill(run: Run) -> None:
    random = Random(run.seed)
    victim = KILLABLE[run.seed % len(KILLABLE)]
    with Yard(run.folder) as yard:
        sizes = _record(yard, random)
        evidence = Evidence(yard)
        run.counts += {"clips": len(sizes), "MiB": sum(sizes) // MIB}  # type: ignore[operator]
        blows = plan(random, len(sizes), sum(-(-size // (256 * 1024)) for size in sizes), victim)
        for name in ("archive", "dock"):
            yard.start(name, blows[0].doom if blows[0].victim == name else None)
        for blow in blows:
            _strike(run, yard, evidence, blow)
        _settle(run, yard, evidence)


def _record(yard: Yard, random: Random) -> list[int]:
    """Two to four recorders, docked at once; the sizes of their clips."""
    made: list[int] = []
    for number in range(1, random.randint(2, 4) + 1):
        sizes = [random.randint(MIB // 5, 6 * MIB) for _ in range(random.randint(1, 3))]
        yard.plug(yard.record(number, sizes, random), f"1-1.{number}")
        made += sizes
    return made


def _strike(run: Run, yard: Yard, evidence: Evidence, blow: Blow) -> None:
    if blow.doom:
        dead = until(lambda: yard.ended(blow.victim) is not None or evidence.all_archived(), 60.0)
        run.must(dead, f"{blow.doom} never struck, and not all was archived")
    if yard.alive(blow.victim):
        if blow.doom is None:
            time.sleep(blow.after)
        if blow.doom is None or not evidence.all_archived():
            yard.kill(blow.victim)
    run.note(f"killed {blow}; {dict(evidence.states())}")
    run.counts[f"kills of {blow.victim}"] += 1
    run.check(evidence.receipted_but_not_archived(), f"when {blow.victim} was killed")
    time.sleep(blow.pause)
    yard.start(blow.victim)
