"""A whole line on one machine: a dock, a broker, an archive, each a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from agent.archive.settings import KEY
from agent.custody.keys import SecretKey
from agent.spool.layout import ledger_path
from agent.spool.view import LedgerView
from hwsim.broker import start_broker
from hwsim.leash import leashed

from . import machine
from .cost import Failed
from .worker import ROOT

PATIENCE = 600.0
STOP_SECONDS = 20.0

_DOCK = """
[dock]
id = "dock-1"
state = "{folder}/dock"
runtime = "{folder}/run"

[spool]
quota = "1000 GiB"
floor = "0 B"
digests = {digests}

[broker]
port = {port}

[archive]
keys = ["{key}"]

[recorders]
poll_seconds = 0.1
"""

_ARCHIVE = """
[archive]
id = "county"
receiver = "county-1"
root = "{folder}/archive"
floor = "0 B"

[broker]
port = {port}
"""


class Line:
    """Makes `folder` and starts the broker; leaving the block ends all and removes the folder."""

    def __init__(self, folder: Path, *, digests: tuple[str, ...] = ()) -> None:
        if machine.program("mosquitto") is None:
            raise Failed("mosquitto is not installed")
        self.folder = folder
        self.pids: dict[str, int] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        with ExitStack() as making:
            folder.mkdir()
            making.callback(shutil.rmtree, folder)
            broker = start_broker(kind="mosquitto", folder=folder / "broker")
            making.callback(broker.stop)
            self.pids["broker"] = broker.pid
            key = SecretKey.load_or_make(folder / "archive" / KEY).public.text
            facts = {"folder": folder, "port": broker.port, "key": key}
            words = str(list(digests)).replace("'", '"')
            self.dock_config.write_text(_DOCK.format(**facts, digests=words), "utf-8")
            self._archive_config.write_text(_ARCHIVE.format(**facts), "utf-8")
            self._made = making.pop_all()

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._made:
            for name in list(self._processes):
                self.stop(name)

    @property
    def dock_config(self) -> Path:
        return self.folder / "dock.toml"

    @property
    def dock_state(self) -> Path:
        return self.folder / "dock"

    @property
    def runtime(self) -> Path:
        return self.folder / "run"

    @property
    def events(self) -> Path:
        """What the dock told of itself, see `tests.bench.works.dock`."""
        return self.folder / "dock.out"

    @property
    def _archive_config(self) -> Path:
        return self.folder / "archive.toml"

    def start_archive(self) -> None:
        self._start("archive", "agent.cli", "archive", "run", "--config", self._archive_config)

    def start_dock(self, *recorders: Path, after: float = 0.0) -> None:
        """With these recorders docked, `after` seconds from its start."""
        self._start(
            "dock", "tests.bench.works.dock", f"--after={after}", self.dock_config, *recorders
        )

    def until(self, done: Callable[[], bool], *, each: float = 0.005) -> None:
        """Wait until something holds. Raises `Failed` where a process ends or time runs out."""
        end = time.monotonic() + PATIENCE
        while not done():
            for name, process in self._processes.items():
                if process.poll() is not None:
                    raise Failed(f"the {name} ended: {self._words(name)}")
            if time.monotonic() > end:
                raise Failed(f"not done after {PATIENCE:.0f} s: {self._words('dock')}")
            time.sleep(each)

    def ledger(self) -> LedgerView:
        """The dock's ledger. A view sees what is committed only if it finds a log when opened."""
        path = ledger_path(self.dock_state)
        log = Path(f"{path}-wal")
        self.until(lambda: log.exists() and log.stat().st_size > 0)
        return LedgerView(path)

    def stop(self, name: str) -> None:
        """SIGTERM, and SIGKILL for one that does not heed it."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self, name: str, module: str, *arguments: str | Path) -> None:
        command = leashed([sys.executable, "-m", module, *map(str, arguments)])
        with (
            (self.folder / f"{name}.out").open("wb") as out,
            (self.folder / f"{name}.log").open("wb") as log,
        ):
            process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=log
            )
        self._processes[name] = process
        self.pids[name] = process.pid

    def _words(self, name: str) -> str:
        log = self.folder / f"{name}.log"
        return log.read_text(errors="replace")[-2000:].strip() if log.exists() else ""


def lay_out(prepared: Path, state: Path) -> None:
    """A dock's state as a copy of another's: clips as links to the same files, the ledger anew."""

    def link(source: str, target: str) -> str:
        if Path(source).name.startswith("ledger.db"):
            return str(shutil.copyfile(source, target))
        os.link(source, target)
        return target

    shutil.copytree(prepared, state, copy_function=link)
