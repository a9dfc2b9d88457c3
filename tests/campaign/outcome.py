"""One campaign: runs from seeds, what they counted, what they violated, and the closing line."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import BodydockError

BROKEN = (BodydockError, OSError, sqlite3.Error, subprocess.SubprocessError, ValueError)
"""What ends one run and not the campaign: a run that cannot be looked at has not held."""


class Violation(Exception):
    """Something that must hold did not; the run ends here."""


@dataclass
class Run:
    """What one run saw. `folder` is its own, and kept where it failed."""

    seed: int
    folder: Path
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def note(self, what: str) -> None:
        """What happened, in order; told where the run failed."""
        self.notes.append(f"{time.strftime('%H:%M:%S')} {what}")

    def check(self, violations: Iterable[str], when: str) -> None:
        self.violations += [f"{when}: {each}" for each in violations]

    def must(self, holds: object, otherwise: str) -> None:
        """Raise `Violation` unless it holds."""
        if not holds:
            raise Violation(otherwise)


@dataclass
class Outcome:
    """All runs of a campaign."""

    name: str
    began: float = field(default_factory=time.monotonic)
    runs: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    failed: dict[int, list[str]] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        return self.runs > 0 and not self.failed

    def line(self) -> str:
        """The closing line."""
        seconds = time.monotonic() - self.began
        counted = ", ".join(f"{self.counts[what]} {what}" for what in self.counts)
        verdict = "no violation" if self.good else f"VIOLATED with seeds {sorted(self.failed)}"
        return f"{self.name}: {self.runs} runs, {counted}; {verdict}; {seconds:.0f} s"


@contextmanager
def _folder(name: str) -> Iterator[tuple[Path, list[str]]]:
    """A folder for one run, which stays where the run left violations in the list."""
    folder = Path(tempfile.mkdtemp(prefix=f"bodydock-{name}-"))
    violations: list[str] = []
    try:
        yield folder, violations
    finally:
        if not violations:
            shutil.rmtree(folder)


def campaign(name: str, seeds: Iterable[int], one: Callable[[Run], None]) -> Outcome:
    """Do `one` run for each seed; each says how it went, a failed one keeps its folder."""
    outcome = Outcome(name)
    for seed in seeds:
        with _folder(name) as (folder, kept):
            began = time.monotonic()
            run = Run(seed, folder, violations=kept)
            try:
                one(run)
            except Violation as violation:
                run.violations.append(str(violation))
            except BROKEN as error:
                run.violations.append(f"the run broke: {error!r}")
            outcome.runs += 1
            outcome.counts += run.counts
            _tell(name, run, time.monotonic() - began)
            if run.violations:
                outcome.failed[seed] = run.violations
    return outcome


def _tell(name: str, run: Run, seconds: float) -> None:
    verdict = "VIOLATED" if run.violations else "held"
    summary = ", ".join(f"{number} {what}" for what, number in run.counts.items())
    lines = [f"{name} --seed {run.seed} --runs 1: {verdict} ({summary}; {seconds:.1f} s)"]
    if run.violations:
        lines += [f"  ! {each}" for each in run.violations[:20]]
        lines += [f"  . {each}" for each in run.notes]
        lines += [f"  its folder is kept: {run.folder}"]
    print("\n".join(lines), file=sys.stderr, flush=True)
