"""A pytest session that is forked for each mutant once everything is imported and collected.

A mutant of a function's body needs nothing else: the function that everybody has imported gets
other code. Only tests that enter the function run, the fastest first, up to the first that fails.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any, NoReturn

import pytest

from .mutate import Mutant

AT_ONCE = 2
LEAST_SECONDS, FACTOR = 20.0, 10.0
"""A mutant whose tests take longer than this, and so many times as long as without it, hangs."""
ALIVE, FOUND, TIMED_OUT = "alive", "found", "timed out"
SAY = os.dup(1)
"""Standard output, also in the processes that are silent."""
QUIET = ("-x", "-q", "-s", "--tb=no", "-p", "no:cacheprovider", "-W", "ignore")
SHM = Path("/dev/shm")  # noqa: S108, a folder of our own in it, as nothing here has to last


@dataclass
class Known:
    """What the tests do without any change: seconds and functions of each, what failed."""

    seconds: dict[str, float] = field(default_factory=dict)
    enters: dict[str, list[str]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def tests(self, function: str) -> list[str]:
        """Those that could tell a mutant of a function (all, of none), the fastest first."""
        each = (t for t in self.seconds if not function or function in self.enters[t])
        return sorted(each, key=self.seconds.__getitem__)

    def limit(self, tests: Iterable[str]) -> float:
        """Seconds after which a mutant counts as hanging."""
        return max(LEAST_SECONDS, FACTOR * sum(self.seconds[test] for test in tests))


def folder() -> str:
    """A new one, in memory where there is such a place: no test waits for a disk then."""
    return tempfile.mkdtemp(prefix="mutant", dir=SHM if SHM.is_dir() else None)


def forked(work: Callable[[], int]) -> int:
    """The process that does this in a group of its own, in silence; its end is `work`'s number."""
    sys.stdout.flush()
    if pid := os.fork():
        return pid
    code = 70
    try:
        os.setpgid(0, 0)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        code = work()
    finally:
        os._exit(code)


def verdicts(
    trials: Iterable[tuple[int, Callable[[], int], float]],
) -> Iterator[tuple[int, str]]:
    """Each trial's number and verdict, as they end; some run at once. A trial is its number, its
    work and the seconds that it may take."""
    running: dict[int, tuple[int, float]] = {}
    for number, work, seconds in trials:
        running[forked(work)] = number, time.monotonic() + seconds
        if len(running) >= AT_ONCE:
            yield _ended(running)
    while running:
        yield _ended(running)


def _ended(running: dict[int, tuple[int, float]]) -> tuple[int, str]:
    while True:
        for pid, (number, until) in running.items():
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended and time.monotonic() < until:
                continue
            if not ended:
                os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            del running[pid]
            lives = ended and os.waitstatus_to_exitcode(status) == 0
            return number, (ALIVE if lives else FOUND if ended else TIMED_OUT)
        time.sleep(0.002)


class Bench:
    """The plugin: takes the place of pytest's loop over the tests."""

    def __init__(self, module: str, told: Path, mutants: list[tuple[int, Mutant]]) -> None:
        self._module = module
        self._told = told
        self._mutants = mutants
        self._by = dict(mutants)
        self._items: dict[str, pytest.Item] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Learn what the tests do, try every mutant, write both down."""
        self._items = {item.nodeid: item for item in session.items}
        known = Known(**self._learn(session)) if not session.testsfailed else Known(failed=["all"])
        found: dict[int, str] = {}
        for number, end in verdicts([] if known.failed else self._trials(session, known)):
            found[number] = end
            if end != FOUND:
                os.write(SAY, f"  {end}: {self._module}: {self._by[number].what}\n".encode())
        self._told.write_text(json.dumps({"known": vars(known), "verdicts": found}))
        return True

    def _trials(
        self, session: pytest.Session, known: Known
    ) -> Iterator[tuple[int, Callable[[], int], float]]:
        for number, mutant in self._mutants:
            tests = known.tests(mutant.function)

            def work(mutant: Mutant = mutant, tests: list[str] = tests) -> int:
                exchange(self._module, mutant)
                return self._run(session, tests)

            yield number, work, known.limit(tests)

    def _run(self, session: pytest.Session, tests: list[str]) -> int:
        place = folder()
        try:
            _give_folder(session, place)
            items = [self._items[test] for test in tests]
            for item, following in zip(items, [*items[1:], None], strict=True):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if session.testsfailed:
                    return 1
            return 0
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _learn(self, session: pytest.Session) -> dict[str, Any]:
        written = Path(folder(), "known")

        def work() -> int:
            known = Known()
            for test in self._items:
                entered: set[str] = set()
                began = time.monotonic()
                with_trace(sys.modules[self._module].__file__ or "", entered)
                code = self._run(session, [test])
                with_trace("", entered)
                known.seconds[test] = time.monotonic() - began
                known.enters[test] = sorted(entered)
                if code:
                    known.failed.append(test)
                    break
            written.write_text(json.dumps(vars(known)))
            return 0

        os.waitpid(forked(work), 0)
        result: dict[str, Any] = json.loads(written.read_text())
        shutil.rmtree(written.parent)
        return result


def with_trace(file: str, entered: set[str]) -> None:
    """From now on, write down which functions of this file are entered; of none: stop it."""

    def trace(frame: FrameType, event: str, _argument: object) -> None:
        if frame.f_code.co_filename == file:
            entered.add(frame.f_code.co_qualname.partition(".<locals>")[0])

    sys.settrace(trace if file else None)
    threading.settrace(trace if file else None)


def exchange(module: str, mutant: Mutant) -> None:
    """Give the function that the mutant changes its changed code, wherever it is imported."""
    place = sys.modules[module]
    compiled = compile(mutant.source, place.__file__ or module, "exec", dont_inherit=True)
    changed = next(each for each in _codes(compiled) if each.co_qualname == mutant.function)
    thing: Any = place
    for name in mutant.function.split("."):
        thing = vars(thing)[name]
    thing = getattr(thing, "fget", None) or getattr(thing, "__func__", None) or thing
    thing = getattr(thing, "__wrapped__", thing)
    if not isinstance(thing, FunctionType):
        raise TypeError(f"{mutant.function} is no function")
    thing.__code__ = changed


def _codes(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _codes(each)


def _give_folder(session: pytest.Session, place: str) -> None:
    factory: Any = session.config._tmp_path_factory  # type: ignore[attr-defined]
    factory._basetemp = Path(place)


def run(module: str, tests: list[str], told: Path, mutants: list[tuple[int, Mutant]]) -> NoReturn:
    """In a process of its own: the session. Its results are in `told`."""
    pytest.main([*QUIET, *tests], plugins=[Bench(module, told, mutants)])
    os._exit(0)
