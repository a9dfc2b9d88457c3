"""The machine and the programs that the figures come from."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sqlite3
import subprocess
from importlib.metadata import version
from pathlib import Path

import agent

LIBRARIES = ("blake3", "cryptography", "paho-mqtt", "pydantic", "pyusb", "sqlite-utils")
PROGRAMS = {
    "b3sum": ("b3sum", "--version"),
    "dd": ("dd", "--version"),
    "mosquitto": ("mosquitto", "-h"),
    "rsync": ("rsync", "--version"),
    "ssh": ("ssh", "-V"),
}
ELSEWHERE = "/usr/sbin:/usr/local/sbin"
"""Where Debian keeps daemons that a user's PATH may lack."""


def header(folder: Path) -> dict[str, str]:
    """Facts by name. `folder` is where the work is done."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    facts = {
        "bodydock": agent.__version__,
        "CPU": f"{_cpu()}, {os.cpu_count()} cores",
        "memory": f"{memory / 2**30:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "file system": _file_system(folder),
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
        "programs": ", ".join(_program(name) for name in PROGRAMS),
    }
    return facts | {"load": load()}


def load() -> str:
    """How busy the machine is with whatever else runs."""
    return ", ".join(f"{each:.2f}" for each in os.getloadavg())


def program(name: str) -> str | None:
    """The path of a program, daemons included; None where it is not installed."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{ELSEWHERE}")


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(folder: Path) -> str:
    """Its kind, by the longest mount point above `folder` (proc(5), mounts)."""
    mounts = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    above = [(point, kind) for point, kind in mounts if folder.is_relative_to(point)]
    kind = max(above, key=lambda mount: len(mount[0]))[1] if above else "unknown"
    return f"{kind}, {shutil.disk_usage(folder).free / 2**30:.0f} GiB free"


def _program(name: str) -> str:
    """Its name and version, as it says them itself."""
    path = program(name)
    if path is None:
        return f"{name} not installed"
    command = [path, *PROGRAMS[name][1:]]
    said = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    ).stdout
    found = re.search(r"\d+\.\d+[\w.]*", said)
    return f"{name} {found[0] if found else 'of unknown version'}"
