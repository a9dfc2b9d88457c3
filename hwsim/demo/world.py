"""A whole small world on one machine: broker, link, archive, dock and recorders, as processes.

The demo shows it, the campaigns and benchmarks hurt and time it. Everything lies in one folder:

```
world/recorders/recorder-01/card/…  what the recorders hold
world/dock/                         the dock's state, dock.toml, dock.log
world/archive/                      objects, catalogue.db, keys, archive.toml, archive.log
world/broker/                       the broker's own files
```
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from agent.archive.settings import KEY
from agent.config import DockConfig, load
from agent.custody.keys import SecretKey
from hwsim.broker import Broker, start_broker
from hwsim.leash import leashed
from hwsim.net import TcpLink

STOP_SECONDS = 20.0

_DOCK = """
[dock]
id = "dock-1"
state = "{state}"
runtime = "{state}/run"

[spool]
quota = "{quota}"
floor = "64 MiB"
digests = ["sha256", "sm3"]

[broker]
port = {port}
keepalive = 5

[archive]
keys = ["{key}"]

[recorders]
zone = "+08:00"
poll_seconds = 0.1
"""

_ARCHIVE = """
[archive]
id = "county"
receiver = "county-1"
root = "{root}"
floor = "64 MiB"

[broker]
port = {port}
keepalive = 5
"""


@dataclass
class World:
    """Build it with `World.make`; `close` stops whatever still runs."""

    folder: Path
    broker: Broker
    link: TcpLink
    apart: float = 0.0
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @staticmethod
    def make(folder: Path, *, quota: str = "100 GiB", apart: float = 0.0) -> World:
        """Start the broker and write the configurations; the recorders' folder begins empty."""
        for name in ("recorders", "dock", "archive", "broker"):
            (folder / name).mkdir(parents=True)
        broker = start_broker(folder=folder / "broker")
        link = TcpLink("127.0.0.1", broker.port)
        world = World(folder, broker, link, apart)
        key = SecretKey.load_or_make(world.archive / KEY).public.text
        dock = _DOCK.format(state=world.folder / "dock", quota=quota, port=link.port, key=key)
        world.dock_config.write_text(dock, "utf-8")
        archive = _ARCHIVE.format(root=world.archive, port=broker.port)
        world.archive_config.write_text(archive, "utf-8")
        return world

    @property
    def recorders(self) -> Path:
        return self.folder / "recorders"

    @property
    def archive(self) -> Path:
        return self.folder / "archive"

    @property
    def dock_config(self) -> Path:
        return self.folder / "dock" / "dock.toml"

    @property
    def archive_config(self) -> Path:
        return self.folder / "archive" / "archive.toml"

    @property
    def config(self) -> DockConfig:
        return load(DockConfig, self.dock_config)

    def clips(self) -> Iterator[tuple[str, str, Path]]:
        """What the recorders hold: recorder serial, path on the recorder, file."""
        for home in sorted(self.recorders.iterdir()):
            serial = _serial(home)
            card = home / "card"
            for path in sorted(path for path in card.rglob("*") if path.is_file()):
                yield serial, path.relative_to(card).as_posix(), path

    def start_archive(self) -> None:
        config = str(self.archive_config)
        self._start("archive", "agent.cli", "archive", "run", "--config", config)

    def start_dock(self) -> None:
        config, recorders = str(self.dock_config), str(self.recorders)
        options = ("--config", config, "--recorders", recorders, "--apart", str(self.apart))
        self._start("dock", "hwsim.demo.dock", *options)

    def stop(self, name: str) -> int:
        """SIGTERM, and the exit status. Raises subprocess.TimeoutExpired where it does not end."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(STOP_SECONDS)

    def kill(self, name: str) -> None:
        """SIGKILL to dock or archive, at whatever it is doing."""
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def close(self) -> None:
        for name in ("dock", "archive"):
            if name in self.running:
                self.kill(name)
        self.link.stop()
        self.broker.stop()

    def _start(self, name: str, module: str, *arguments: str) -> None:
        with (self.folder / name / f"{name}.log").open("ab") as log:
            command = leashed([sys.executable, "-m", module, *arguments])
            self.running[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )


def _serial(home: Path) -> str:
    return str(tomllib.loads((home / "recorder.toml").read_text("utf-8"))["serial"])
