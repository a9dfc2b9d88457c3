"""Killed, or refused by the file system, at each single call that the spool makes.

Each case is a forked process whose calls into `os` are counted; the chosen one is its last, or
fails. SQLite's own calls are the matter of `test_spool_syscalls.py`.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from agent.errors import BodydockError
from agent.spool.writer import Writer
from tests.spool.age import FORMS, cipher_for

from .spool_dock import CIPHERS, FOOTAGE, TYPED_ERROR, Notes, check, work

CALLS = (
    "open",
    "close",
    "write",
    "fsync",
    "posix_fallocate",
    "posix_fadvise",
    "preadv",
    "pread",
    "rename",
    "replace",
    "unlink",
    "mkdir",
    "statvfs",
    "ftruncate",
)
CASES = int(os.environ.get("BODYDOCK_CASES", "30"))
"""Of each kind in one run; `--seed` chooses them. A release tries every call: a large number."""

Fault = Callable[[str], None]


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Iterator[str]:
    """In which form the dock stores."""
    CIPHERS.append(cipher_for(request.param))
    yield request.param
    CIPHERS.pop()


@pytest.fixture
def root(form: str) -> Iterator[Path]:
    """In memory: what a killed process left in the cache is still there, so that no disk is
    needed, and none is waited for."""
    shared = Path("/dev/shm")  # noqa: S108
    folder = Path(tempfile.mkdtemp(dir=shared if shared.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


def count_calls(fault: Fault) -> None:
    """Let each call go through `fault` first."""

    def through(real: Callable[..., object], name: str) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            fault(name)
            return real(*args, **kwargs)

        return call

    for name in CALLS:
        setattr(os, name, through(getattr(os, name), name))
    Writer._update = through(Writer._update, "update")  # type: ignore[method-assign, assignment]


class At:
    """Strikes at call number `number`, counted from 0."""

    def __init__(self, number: int, strike: Callable[[], None]) -> None:
        self.number = number
        self.strike = strike
        self.count = 0

    def __call__(self, name: str) -> None:
        self.count += 1
        if self.count == self.number + 1 and not (name == "update" and self.strike is not kill):
            self.strike()


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def failing(code: int) -> Callable[[], None]:
    def fail() -> None:
        raise OSError(code, os.strerror(code))

    return fail


def run(folder: Path, fault: Fault) -> int:
    """`work` in a process of its own; its wait status."""
    process = os.fork()
    if process:
        return os.waitpid(process, 0)[1]
    code = 1
    try:
        count_calls(fault)
        work(folder / "spool", Notes(folder / "notes"))
        code = 0
    except BodydockError:
        code = TYPED_ERROR
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
        raise
    finally:
        os._exit(code)


def number_of_calls(folder: Path) -> int:
    count = At(1 << 30, kill)
    process = os.fork()
    if process == 0:
        count_calls(count)
        work(folder / "spool", Notes(folder / "notes"))
        (folder / "count").write_text(str(count.count))
        os._exit(0)
    os.waitpid(process, 0)
    return int((folder / "count").read_text())


def some(seed: int, root: Path) -> Iterator[tuple[Path, int]]:
    """A fresh folder and the number of a call, for each case."""
    first = root / "first"
    first.mkdir()
    total = number_of_calls(first)
    assert total > 3 * len(FOOTAGE) * 5
    cases = CASES // 3 if CIPHERS[-1] else CASES  # most steps are the same in both forms
    for number in sorted(Random(seed).sample(range(total), min(cases, total))):
        folder = root / str(number)
        folder.mkdir()
        yield folder, number
        shutil.rmtree(folder)


def test_killed_at_any_call_nothing_acknowledged_is_lost(root: Path, seed: int) -> None:
    for folder, number in some(seed, root):
        status = run(folder, At(number, kill))
        assert os.WIFSIGNALED(status), f"call {number}"
        try:
            check(folder / "spool", Notes(folder / "notes"))
        except Exception as error:
            error.add_note(f"killed at call {number}")
            raise


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EROFS])
def test_refused_at_any_call_nothing_is_acknowledged_and_nothing_lost(
    root: Path, seed: int, code: int
) -> None:
    for folder, number in some(seed + code, root):
        status = run(folder, At(number, failing(code)))
        ended = os.waitstatus_to_exitcode(status)
        assert ended in (0, TYPED_ERROR), f"call {number} with {errno.errorcode[code]}: {ended}"
        try:
            check(folder / "spool", Notes(folder / "notes"))
        except Exception as error:
            error.add_note(f"call {number} failed with {errno.errorcode[code]}")
            raise
