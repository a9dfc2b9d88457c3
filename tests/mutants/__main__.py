"""See the package."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from . import bench
from .bench import ALIVE, FOUND, TIMED_OUT, Known
from .equivalent import EQUIVALENT
from .mutate import Mutant, mutants

ROOT = Path(__file__).parents[2]
CLEARING, UPLINK = "tests/clearing/test_", "tests/uplink/test_"
PLAN: dict[str, tuple[list[str], list[str]]] = {
    "agent.offload.clearing.policy": ([f"{CLEARING}policy.py::test_what_is_in_force"], []),
    "agent.spool.clearance": ([f"{CLEARING}clearings.py"], []),
    "agent.offload.clearing.listing": ([f"{CLEARING}listing.py"], [f"{CLEARING}clear.py"]),
    "agent.uplink.receipts": (
        [f"{UPLINK}receipt_fields.py", f"{UPLINK}sealed_receipts.py"],
        [f"{UPLINK}receipts.py"],
    ),
    "agent.offload.clearing.docked": (
        [f"{CLEARING}docked.py"],
        [f"{CLEARING}releasable.py", f"{CLEARING}clear.py"],
    ),
    "agent.uplink.proofs": ([f"{UPLINK}proof_fields.py"], [f"{UPLINK}challenger.py"]),
    "agent.offload.clearing.rule": ([f"{CLEARING}rule.py"], []),
    "agent.offload.clearing.clear": (
        [f"{CLEARING}unsettled.py", f"{CLEARING}left_alone.py", f"{CLEARING}clear.py"],
        [],
    ),
    "agent.spool.clearings": (
        [f"{CLEARING}clearings.py", f"{CLEARING}releasable.py"],
        [f"{CLEARING}clear.py"],
    ),
}
"""Module → the tests that have to tell every mutant of it, and those for what they let pass."""
WARM = ("agent.config", "agent.wire.evidence", "sqlite3", "blake3", "cryptography", "hypothesis")
"""Imported once, before the processes fork; none of them imports a module of the plan."""


class Changed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Gives one module another source."""

    def __init__(self, name: str, source: str) -> None:
        self._name = name
        self._source = source

    def find_spec(
        self, fullname: str, path: object = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_loader(fullname, self)

    def get_source(self, fullname: str) -> str:
        return self._source


def main(wanted: list[str]) -> int:
    os.chdir(ROOT)
    own = bench.folder()
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = own  # mutants' failures are nobody's examples
    for name in WARM:
        importlib.import_module(name)
    total: Counter[str] = Counter()
    for module in PLAN:
        if not wanted or module.endswith(tuple(f".{each}" for each in wanted)):
            total += _module(module)
    shutil.rmtree(own, ignore_errors=True)
    print(f"{total['mutants']} mutants, {total[ALIVE]} alive without a reason")
    return 1 if total[ALIVE] else 0


def _module(module: str) -> Counter[str]:
    """How many mutants of a module came to which end."""
    source = (ROOT / f"{module.replace('.', '/')}.py").read_text()
    every = dict(enumerate(mutants(source)))
    left, ends = every, dict.fromkeys(every, ALIVE)
    for tests in PLAN[module]:
        if left and tests:
            ends |= dict(_stage(module, [t for t in tests if _is_there(t)], left))
            left = {number: each for number, each in left.items() if ends[number] == ALIVE}
    count = Counter(mutants=len(every))
    for number, mutant in every.items():
        end = ends[number]
        if end == ALIVE and (module.rpartition(".")[2], mutant.what) in EQUIVALENT:
            end = "equivalent"
        count[end] += 1
        if end != FOUND and end != "equivalent":
            print(f"{end.upper()} {module}:{mutant.line}: {mutant.what}")
    print(
        f"{module}: {len(every)} mutants, {count[FOUND]} found, {count[TIMED_OUT]} timed out, "
        f"{count['equivalent']} equivalent, {count[ALIVE]} alive",
        flush=True,
    )
    return count


def _is_there(test: str) -> bool:
    return (ROOT / test.partition("::")[0]).exists()


def _stage(module: str, tests: list[str], left: dict[int, Mutant]) -> Iterator[tuple[int, str]]:
    """Verdicts of these tests."""
    place = bench.folder()
    told = Path(place, "told")
    inside = [(number, each) for number, each in left.items() if each.function]
    os.waitpid(bench.forked(lambda: bench.run(module, tests, told, inside)), 0)
    document = json.loads(told.read_text())
    shutil.rmtree(place)
    known = Known(**document["known"])
    if known.failed:
        sys.exit(f"{module}: without any change there fails {', '.join(known.failed)}")
    yield from ((int(number), end) for number, end in document["verdicts"].items())
    yield from bench.verdicts(_anew(module, known, left))


def _anew(
    module: str, known: Known, left: dict[int, Mutant]
) -> Iterator[tuple[int, Callable[[], int], float]]:
    """Trials of what is in no function: everything is imported anew."""
    tests = known.tests("")
    for number, mutant in left.items():
        if mutant.function:
            continue

        def work(mutant: Mutant = mutant) -> int:
            place = bench.folder()
            sys.meta_path.insert(0, Changed(module, mutant.source))
            try:
                return int(pytest.main([*bench.QUIET, f"--basetemp={place}/t", *tests]))
            finally:
                shutil.rmtree(place, ignore_errors=True)

        yield number, work, known.limit(tests) + bench.LEAST_SECONDS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
