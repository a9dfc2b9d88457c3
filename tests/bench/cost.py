"""What a piece of work costs: wall time, CPU seconds and peak memory of all who did it."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
# Fields of /proc/<pid>/stat behind the program's name (proc(5)), counted from zero.
_OWN, _WAITED_FOR = slice(11, 13), slice(13, 15)


class Failed(Exception):
    """A program that was to be measured did not do its work."""


@dataclass(frozen=True, slots=True)
class Cost:
    """`wall` and `cpu` in seconds; `shares` is the CPU time by process, `peaks` their VmHWM."""

    wall: float
    cpu: float
    shares: Mapping[str, float] = field(default_factory=dict)
    peaks: Mapping[str, int] = field(default_factory=dict)


def run(*steps: Sequence[str | Path]) -> Cost:
    """Run commands one after the other. Raises `Failed` for one that is not there or says no."""
    shares: dict[str, float] = {}
    began = time.perf_counter()
    for step in steps:
        name = Path(step[0]).name
        shares[name] = shares.get(name, 0.0) + _cpu_of(step)
    return Cost(time.perf_counter() - began, sum(shares.values()), shares)


def _cpu_of(command: Sequence[str | Path]) -> float:
    """CPU seconds of one command and of whatever it waited for."""
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said
            )
        except OSError as error:
            raise Failed(f"{command[0]}: {error.strerror}") from error
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            words = said.read(2000).decode(errors="replace").strip()
            raise Failed(f"{command[0]} ended with {process.returncode}: {words}")
    return usage.ru_utime + usage.ru_stime


def cpu_seconds(pid: int) -> float:
    """What a running process used so far, and those of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[_OWN] + fields[_WAITED_FOR])) / _TICKS


def peak_bytes(pid: int) -> int:
    """The most memory that a running process ever had resident (VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


class Meter:
    """Several running processes over a span of time: begins when it is made."""

    def __init__(self, **pids: int) -> None:
        self._pids = pids
        self._before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        self._began = time.perf_counter()

    def read(self) -> Cost:
        """What was used until now."""
        wall = time.perf_counter() - self._began
        shares = {name: cpu_seconds(pid) - self._before[name] for name, pid in self._pids.items()}
        peaks = {name: peak_bytes(pid) for name, pid in self._pids.items()}
        return Cost(wall, sum(shares.values()), shares, peaks)
