"""A dock as a process, whose USB ports are a folder that the campaign writes.

    python -m tests.campaign.dock --config dock.toml --bus FOLDER [--witness FOLDER] [--bug NAME]

A symbolic link `1-1.2` in the folder is a recorder plugged into that port; it points to the
recorder's own folder. Removing it unplugs. The file `later`, where there is one, says by how many
seconds the dock's clocks are ahead of this machine's, so that a week passes when it is written.
With a `--witness` the cards ask there before they lose a clip. The machine's clock counts as right.
"""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from agent.cli.logs import start_logging
from agent.cli.stopping import stop_on_signals
from agent.clock import Clock
from agent.config import DockConfig, load
from agent.daemon import run_dock
from agent.errors import BodydockError
from hwsim.body import Body
from hwsim.faces.ptp import PtpFace
from hwsim.ports.usb_memory import MemoryBus

from .clearing_bugs import BUGS
from .clearing_cards import CARDS, hasten, witnessed

LATER = "later"
LOOK_SECONDS = 0.01


class SkippingClock:
    """The machine's clocks, plus the seconds that were skipped."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.skipped)

    def monotonic(self) -> float:
        return time.monotonic() + self.skipped


@dataclass(frozen=True, slots=True)
class Plug:
    """One link as it stood; a link made anew is another docking, also of the same recorder."""

    home: Path
    made: int


def plugs_in(folder: Path) -> dict[str, Plug]:
    """What is plugged in where."""
    found = {}
    for link in folder.iterdir():
        try:
            if link.is_symlink() and not link.name.startswith("."):
                found[link.name] = Plug(link.readlink(), link.lstat().st_mtime_ns)
        except FileNotFoundError:
            continue  # it went while we looked
    return found


class Ports:
    """Keeps the bus as the folder says."""

    def __init__(
        self, bus: MemoryBus, folder: Path, clock: SkippingClock, witness: Path | None = None
    ) -> None:
        self._bus = bus
        self._folder = folder
        self._clock = clock
        self._witness = witness
        self._plugged: dict[str, Plug] = {}

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(LOOK_SECONDS):
            with CARDS:
                self.look()

    def look(self) -> None:
        if (later := self._folder / LATER).exists() and (text := later.read_text("ascii")):
            self._clock.skipped = float(text)
        now = plugs_in(self._folder)
        for port, plug in list(self._plugged.items()):
            if now.get(port) != plug:
                self._bus.unplug(port)
                del self._plugged[port]
        for port, plug in sorted(now.items()):
            if port not in self._plugged:
                self._bus.plug(port, face_of(plug.home, self._clock, self._witness))
                self._plugged[port] = plug


def face_of(home: Path, clock: Clock, witness: Path | None) -> PtpFace:
    """A recorder brought to life from its folder."""
    if witness is None:
        return PtpFace(Body.from_folder(home, clock=clock))
    return PtpFace(witnessed(home, clock, witness))


@click.command()
@click.option("--config", "path", type=click.Path(path_type=Path), required=True)
@click.option("--bus", "folder", type=click.Path(path_type=Path), required=True)
@click.option("--witness", type=click.Path(path_type=Path))
@click.option("--bug", type=click.Choice(sorted(BUGS)))
def dock(path: Path, folder: Path, witness: Path | None, bug: str | None) -> None:
    """Run the dock until SIGTERM."""
    start_logging(form="json", level="info")
    bus, clock = MemoryBus(live=True), SkippingClock()
    ports = Ports(bus, folder, clock, witness)
    if witness is not None:
        hasten()
    if bug is not None:
        BUGS[bug]()
    try:
        config = load(DockConfig, path)
        with stop_on_signals() as stop:
            watch = threading.Thread(target=ports.run, args=(stop.event,), name="ports")
            watch.start()
            try:
                run_dock(
                    config, stop.event, usb_backend=bus, clock=clock, trust=lambda: "synchronised"
                )
            finally:
                stop.event.set()
                watch.join()
    except BodydockError as error:
        click.echo(f"dock: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    dock()
