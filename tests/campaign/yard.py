"""A world that can be hurt: processes are killed and started, recorders come and go."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from hwsim.demo.footage import plant
from hwsim.demo.world import World
from hwsim.leash import leashed

from .dock import LATER
from .doomed import Doom

ROOT = Path(__file__).resolve().parents[2]
LOOK_SECONDS = 0.02
_UP = {"dock": b"dock dock-1 is up", "archive": b"receiver county-1 serves"}
KILLABLE = ("dock", "archive", "broker")


class Yard:
    """Broker, link, archive and dock in one folder, and a bus of ports to plug recorders into.

    Processes are restarted with the command that they were started with first, as a service
    manager would, and nothing else is ever done for them.
    """

    def __init__(self, folder: Path, *, quota: str = "100 GiB") -> None:
        self.world = World.make(folder, quota=quota)
        self.bus = folder / "bus"
        self.bus.mkdir()
        self.dock_options: list[str] = []
        """What the dock's command gets beside its configuration and its bus."""
        self._broker_up = True
        self._said_before: dict[str, int] = {}

    def __enter__(self) -> Yard:
        return self

    def __exit__(self, *_: object) -> None:
        self.world.close()

    # Recorders.

    def record(self, number: int, sizes: list[int], random: Random) -> Path:
        """Make a recorder with clips of these sizes; plugged in nowhere yet."""
        return plant(self.world.recorders, number, sizes, random)

    def plug(self, home: Path, port: str) -> None:
        """Plug a recorder into a port, `1-1.2`. The dock sees it at its next look."""
        fresh = self.bus / f".{port}"
        fresh.symlink_to(home)
        fresh.replace(self.bus / port)

    def unplug(self, port: str) -> Path:
        """Take out what is plugged into a port: the recorder's folder."""
        home = (self.bus / port).readlink()
        (self.bus / port).unlink()
        return home

    def later(self, seconds: float) -> None:
        """Let the dock's clocks be this far ahead of the machine's."""
        fresh = self.bus / f".{LATER}"
        fresh.write_text(f"{seconds:.3f}", "ascii")
        fresh.replace(self.bus / LATER)

    # Processes.

    def start(self, name: str, doom: Doom | None = None) -> None:
        """Start `dock`, `archive` or `broker`; the first two may be doomed."""
        if name == "broker":
            self.world.broker.restart()
            self._broker_up = True
            return
        module = self._command(name) if doom is None else doom.before(*self._command(name))
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with self.log(name).open("ab") as log:
            self._said_before[name] = log.tell()
            self.world.running[name] = subprocess.Popen(
                leashed([sys.executable, "-m", *module]),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, env=environment,
            )  # fmt: skip

    def kill(self, name: str) -> None:
        """SIGKILL, at whatever it is doing."""
        if name == "broker":
            self.world.broker.kill()
            self._broker_up = False
        else:
            self.world.kill(name)

    def stop(self, name: str) -> int | None:
        """SIGTERM; the exit status, None for one that did not end and was killed."""
        process = self.world.running[name]
        try:
            return self.world.stop(name)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None

    def alive(self, name: str) -> bool:
        if name == "broker":
            return self._broker_up
        process = self.world.running.get(name)
        return process is not None and process.poll() is None

    def up(self, name: str) -> bool:
        """Whether dock or archive says that it has started; from then on SIGTERM is an order."""
        with self.log(name).open("rb") as log:
            log.seek(self._said_before[name])
            return _UP[name] in log.read()

    def all_alive(self) -> bool:
        """Whether everything that was started, and not stopped or killed, still runs."""
        return all(process.poll() is None for process in self.world.running.values())

    def ended(self, name: str) -> int | None:
        """The exit status of one that ended by itself; it counts as stopped from here on."""
        process = self.world.running.get(name)
        if process is None or process.poll() is None:
            return None
        del self.world.running[name]
        return process.returncode

    def pid(self, name: str) -> int:
        return self.world.running[name].pid

    def log(self, name: str) -> Path:
        return self.world.folder / name / f"{name}.log"

    def outbursts(self, *, shouts: bool = True) -> Iterator[str]:
        """Tracebacks in the logs and, unless they are to be expected, critical messages."""
        for name in ("dock", "archive"):
            for line in self.log(name).read_text("utf-8", "replace").splitlines():
                if "Traceback" in line or (shouts and '"level": "critical"' in line):
                    yield f"{name}: {line[:2000]}"

    def configure(self, old: str, new: str, *, name: str = "dock") -> None:
        """Change a part of a configuration file. Raises ValueError where it is not there."""
        path = self.world.folder / name / f"{name}.toml"
        text = path.read_text("utf-8")
        if old not in text:
            raise ValueError(f"{path.name} does not say {old!r}")
        path.write_text(text.replace(old, new), "utf-8")

    def _command(self, name: str) -> tuple[str, ...]:
        if name == "archive":
            return "agent.cli", "archive", "run", "--config", str(self.world.archive_config)
        return (
            "tests.campaign.dock",
            "--config", str(self.world.dock_config), "--bus", str(self.bus),
            *self.dock_options,
        )  # fmt: skip


def until(true: Callable[[], object], seconds: float, *, each: float = LOOK_SECONDS) -> bool:
    """Wait for real processes, looking `each` so many seconds; whether it came true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(each)
    return False
