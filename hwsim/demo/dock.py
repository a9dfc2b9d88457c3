"""A dock as a process of its own, with simulated recorders beneath pyusb.

    python -m hwsim.demo.dock --config dock.toml --recorders FOLDER

Everything above `usb.backend.IBackend` is the dock's own code. Recorder n is plugged into port
1-1.n after (n - 1) × `--apart` seconds.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import click

from agent.cli.logs import start_logging
from agent.cli.memory import keep_buffers
from agent.cli.stopping import stop_on_signals
from agent.clock import SystemClock
from agent.config import DockConfig, load
from agent.daemon import run_dock
from agent.errors import BodydockError
from hwsim.body import Body
from hwsim.faces.ptp import PtpFace
from hwsim.ports.usb_memory import MemoryBus


@click.command()
@click.option("--config", "path", type=click.Path(path_type=Path), required=True)
@click.option("--recorders", type=click.Path(path_type=Path), required=True)
@click.option("--apart", type=float, default=0.0)
def dock(path: Path, recorders: Path, apart: float) -> None:
    """Run the dock with every recorder below FOLDER docked."""
    start_logging(form="json", level="info")
    keep_buffers()
    bus = MemoryBus(live=True)
    try:
        config = load(DockConfig, path)
        with stop_on_signals() as stop:
            arrivals = threading.Thread(
                target=_arrive, args=(bus, recorders, apart, stop.event), name="arrivals"
            )
            arrivals.start()
            run_dock(config, stop.event, usb_backend=bus)
            stop.event.set()
            arrivals.join()
    except BodydockError as error:
        click.echo(f"dock: {error}", err=True)
        sys.exit(error.exit_code)


def _arrive(bus: MemoryBus, recorders: Path, apart: float, stop: threading.Event) -> None:
    for number, home in enumerate(sorted(recorders.iterdir()), 1):
        bus.plug(f"1-1.{number}", PtpFace(Body.from_folder(home, clock=SystemClock())))
        if stop.wait(apart):
            return


if __name__ == "__main__":
    dock()
