"""See the package."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import os
import sys
import tempfile
import time
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from .equivalent import EQUIVALENT
from .mutate import Mutant, mutants

ROOT = Path(__file__).parents[2]
PLAN = {
    "agent.offload.clearing.rule": ["tests/clearing/test_rule.py"],
    "agent.offload.clearing.clear": ["tests/clearing/test_clear.py"],
    "agent.offload.clearing.listing": ["tests/clearing/test_clear.py"],
    "agent.offload.clearing.docked": ["tests/clearing/test_clear.py"],
    "agent.offload.clearing.policy": ["tests/clearing/test_policy.py"],
    "agent.spool.clearance": ["tests/clearing/test_clearings.py"],
    "agent.spool.clearings": ["tests/clearing/test_clearings.py", "tests/clearing/test_clear.py"],
    "agent.uplink.receipts": ["tests/uplink/test_receipts.py", "tests/uplink/test_pieces.py"],
    "agent.uplink.proofs": ["tests/uplink/test_challenger.py", "tests/uplink/test_forgeries.py"],
}
"""Module → the tests that have to tell every mutant of it."""
WARM = (
    "agent.config",
    "agent.wire.evidence",
    "sqlite_utils",
    "blake3",
    "cryptography",
)
"""Imported once, before the processes fork; none of them imports a module of the plan."""
SECONDS = 900.0
"""A mutant that takes longer counts as told; far more than its tests take on a busy machine."""
AT_ONCE = 2


class Running(NamedTuple):
    """A mutant whose tests run in the process `pid`."""

    pid: int
    module: str
    mutant: Mutant
    began: float


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
    for name in WARM:
        importlib.import_module(name)
    survivors = total = 0
    for module, tests in PLAN.items():
        if wanted and not module.endswith(tuple(wanted)):
            continue
        missing = [test for test in tests if not (ROOT / test).exists()]
        if missing:
            print(f"{module}: no {', '.join(missing)}")
            survivors += 1
            continue
        found, alive = _module(module, tests)
        total += found
        survivors += alive
    print(f"{total} mutants, {survivors} alive without a reason")
    return 1 if survivors else 0


def _module(module: str, tests: list[str]) -> tuple[int, int]:
    """How many mutants there are of a module, and how many of them live for no reason."""
    source = (ROOT / f"{module.replace('.', '/')}.py").read_text()
    if _run(module, source, tests) != 0:
        print(f"{module}: its tests fail without any change")
        return 0, 1
    running: list[Running] = []
    number = alive = excused = 0
    for mutant in mutants(source):
        number += 1
        running.append(
            Running(_fork(module, mutant.source, tests), module, mutant, time.monotonic())
        )
        if len(running) >= AT_ONCE:
            ended, lives = _await(running)
            reason = EQUIVALENT.get((module.rpartition(".")[2], ended.mutant.what)) if lives else ""
            excused += bool(lives and reason)
            alive += lives and not reason
    while running:
        ended, lives = _await(running)
        reason = EQUIVALENT.get((module.rpartition(".")[2], ended.mutant.what)) if lives else ""
        excused += bool(lives and reason)
        alive += lives and not reason
    print(f"{module}: {number} mutants, {excused} equivalent, {alive} alive", flush=True)
    return number, alive


def _await(running: list[Running]) -> tuple[Running, bool]:
    """The next mutant that ended, and whether its tests let it live."""
    while True:
        for one in running:
            pid, status = os.waitpid(one.pid, os.WNOHANG)
            late = time.monotonic() - one.began > SECONDS
            if not pid and late:  # it never ends: told
                os.kill(one.pid, 9)
                pid, status = os.waitpid(one.pid, 0)
            if pid:
                running.remove(one)
                lives = os.waitstatus_to_exitcode(status) == 0
                if lives and (one.module.rpartition(".")[2], one.mutant.what) not in EQUIVALENT:
                    print(f"ALIVE {one.module}:{one.mutant.line}: {one.mutant.what}", flush=True)
                return one, lives
        time.sleep(0.02)


def _run(module: str, source: str, tests: list[str]) -> int:
    _, status = os.waitpid(_fork(module, source, tests), 0)
    return os.waitstatus_to_exitcode(status)


def _fork(module: str, source: str, tests: list[str]) -> int:
    """The process that runs the tests against that source; it says nothing."""
    sys.stdout.flush()
    if pid := os.fork():
        return pid
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    sys.meta_path.insert(0, Changed(module, source))
    code = 70
    try:
        with tempfile.TemporaryDirectory(prefix="mutant") as folder:
            options = ("-x", "-q", "-p", "no:cacheprovider", f"--basetemp={folder}/t")
            code = int(pytest.main([*options, *tests]))
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
