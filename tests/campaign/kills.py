"""Kills: dock, archive and broker get SIGKILL at random moments, and come back by themselves.

At each kill and at the end: whatever the dock's ledger calls receipted lies in the archive, bit
for bit as the recorder holds it. At the end all is there, once, with nothing left over.
"""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from random import Random

from .doomed import Doom
from .evidence import Evidence
from .outcome import Run
from .settling import SETTLE_SECONDS, settle
from .yard import KILLABLE, Yard, until

CHUNK = 256 * 1024
MIB = 1024 * 1024
DIES_SECONDS = 60.0
LONGEST_PAUSE = 1.5
START_TAKES = 1.5
"""Seconds from the start of the processes to the first receipt, about."""

REACHES = (0.005, 0.05, 0.3)
"""Seconds: how far behind the beginning of a call its kill may fall. Reading back 30 MiB takes
the longest of these."""

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
    """One kill. It falls where `doom` strikes; without one, `after` seconds after so many clips
    are `receipted`. `pause` seconds later the victim is started again."""

    victim: str
    receipted: int
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
        doom = Doom(where, nth, random.choice(REACHES) * random.random())
    first, second = sorted(random.choices(range(clips), k=2))
    blows = [Blow(victim, first, _moment(random, first), random.random(), doom)]
    if random.random() < 0.3:
        pause = random.uniform(0.0, LONGEST_PAUSE)
        blows.append(Blow(random.choice(KILLABLE), second, _moment(random, second), pause))
    return blows


def _moment(random: Random, receipted: int) -> float:
    """Before the first receipt lie the start, the pulling and the first upload."""
    return random.uniform(0.0, 0.3 if receipted else START_TAKES)


def one_kill(run: Run) -> None:
    """One small world, hurt once or twice."""
    random = Random(run.seed)
    victim = KILLABLE[run.seed % len(KILLABLE)]
    with Yard(run.folder) as yard:
        sizes = _record(yard, random)
        evidence = Evidence(yard)
        run.counts["clips"] += len(sizes)
        run.counts["MiB"] += sum(sizes) // MIB
        blows = plan(random, len(sizes), sum(-(-size // CHUNK) for size in sizes), victim)
        for name in ("archive", "dock"):
            yard.start(name, blows[0].doom if blows[0].victim == name else None)
        for blow in blows:
            _strike(run, yard, evidence, blow)
        settle(run, yard, evidence)


def _record(yard: Yard, random: Random) -> list[int]:
    """Two to four recorders, docked at once, now and then with a big clip; the clips' sizes."""
    made: list[int] = []
    big = random.random() < 0.25
    for number in range(1, random.randint(2, 4) + 1):
        sizes = [random.randint(MIB // 5, 6 * MIB) for _ in range(random.randint(1, 3))]
        if big and number == 1:
            sizes[0] = random.randint(16, 32) * MIB
        yard.plug(yard.record(number, sizes, random), f"1-1.{number}")
        made += sizes
    return made


def _strike(run: Run, yard: Yard, evidence: Evidence, blow: Blow) -> None:
    if blow.doom is None:
        enough = until(lambda: evidence.states()["receipted"] >= blow.receipted, SETTLE_SECONDS)
        run.must(enough, f"not even {blow.receipted} receipted: {dict(evidence.states())}")
        time.sleep(blow.after)
        run.must(yard.alive(blow.victim), f"{blow.victim} ended by itself")
        yard.kill(blow.victim)
    else:
        run.must(until(lambda: not yard.alive(blow.victim), DIES_SECONDS), f"{blow} never struck")
        run.must(yard.ended(blow.victim) == -signal.SIGKILL, f"{blow.victim} ended by itself")
    run.note(f"{blow}; clips were {dict(evidence.states())}")
    where = f" in {blow.doom.where.rpartition(':')[2]}" if blow.doom else ""
    run.counts[f"kills of {blow.victim}{where}"] += 1
    run.check(evidence.receipted_but_not_archived(), f"when {blow.victim} was killed")
    time.sleep(blow.pause)
    yard.start(blow.victim)
