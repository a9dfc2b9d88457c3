"""Killed, or refused by the kernel, at system calls: SQLite's own are among them.

`strace` strikes at the chosen call of a real process (its `--inject`).
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from .spool_dock import TYPED_ERROR, Notes, check

CALLS = "write,pwrite64,fsync,fdatasync,rename,unlink,fallocate,ftruncate"
CASES = int(os.environ.get("BODYDOCK_CASES", "5"))
"""Of each kind in one run; a release tries every call."""

KILLED = 128 + signal.SIGKILL


@pytest.fixture
def root() -> Iterator[Path]:
    shared = Path("/dev/shm")  # noqa: S108
    folder = Path(tempfile.mkdtemp(dir=shared if shared.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    folder.mkdir()
    notes = folder / "notes"
    Notes(notes)
    return subprocess.run(
        [
            *("strace", "-f", "-qqq", "-o", str(folder / "trace")),
            *(f"--trace={CALLS}", *options, "--"),
            *(sys.executable, "-m", "tests.faults.spool_dock", str(folder / "spool"), str(notes)),
        ],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def some_calls(root: Path, seed: int) -> list[tuple[str, int]]:
    """System calls of a whole run, by name and number; a sample of them."""
    result = run(root / "whole")
    assert result.returncode == 0, result.stderr
    seen: Counter[str] = Counter()
    calls = []
    for line in (root / "whole" / "trace").read_text("utf-8", "replace").splitlines():
        if match := re.match(r"\d+ +([a-z0-9]+)\(", line):
            seen[match[1]] += 1
            calls.append((match[1], seen[match[1]]))
    assert {"fsync", "fdatasync", "pwrite64", "write", "rename", "fallocate"} <= seen.keys()
    return sorted(Random(seed).sample(calls, min(CASES, len(calls))))


def after(folder: Path, what: str) -> None:
    try:
        check(folder / "spool", Notes(folder / "notes"))
    except Exception as error:
        error.add_note(what)
        raise
    shutil.rmtree(folder)


def test_killed_at_any_system_call_nothing_acknowledged_is_lost(root: Path, seed: int) -> None:
    for name, number in some_calls(root, seed):
        folder = root / f"{name}-{number}"
        result = run(folder, f"--inject={name}:signal=SIGKILL:when={number}")
        assert result.returncode in (-signal.SIGKILL, KILLED), result.stderr
        after(folder, f"killed at {name} number {number}")


def test_refused_at_any_system_call_nothing_is_acknowledged_and_nothing_lost(
    root: Path, seed: int
) -> None:
    random = Random(seed)
    for name, number in some_calls(root, seed + 1):
        code = random.choice(("EIO", "ENOSPC", "EROFS"))
        what = f"{name} number {number} refused with {code}"
        folder = root / f"{name}-{number}"
        result = run(folder, f"--inject={name}:error={code}:when={number}")
        assert result.returncode in (0, TYPED_ERROR), f"{what}: {result.stderr}"
        after(folder, what)


@pytest.mark.parametrize("name", ["fsync", "fdatasync", "pwrite64", "fallocate"])
@pytest.mark.parametrize("code", ["EIO", "ENOSPC"])
def test_a_disk_that_stays_bad_is_a_typed_error(root: Path, name: str, code: str) -> None:
    folder = root / f"{name}-{code}"
    result = run(folder, f"--inject={name}:error={code}:when=20+")
    assert result.returncode in (0, TYPED_ERROR), result.stderr
    after(folder, f"{name} always refused with {code}")
