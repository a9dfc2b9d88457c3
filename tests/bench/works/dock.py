"""A dock as a process of its own, with simulated recorders beneath PyUSB, until SIGTERM.

    python -m tests.bench.works.dock dock.toml [RECORDER…]

It writes a line of JSON for each thing that happened first, with the moment (monotonic clock, which
is the same in all processes): `polled` (it looked at the bus), `plugged`, `enumerated` (it was
shown a device), `spooled` (a clip's first bytes were handed to the spool's file). Recorder n is
plugged into port 1-1.n; with `--after` only when so many seconds have passed, so that the daemon
is found resident.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from pathlib import Path

from agent.cli.logs import start_logging
from agent.cli.stopping import stop_on_signals
from agent.clock import SystemClock
from agent.config import DockConfig, load
from agent.daemon import DockDaemon
from agent.spool.intake import Intake
from hwsim.body import Body
from hwsim.faces.ptp import PtpFace
from hwsim.ports.usb_device import UsbDevice
from hwsim.ports.usb_memory import MemoryBus

_told: set[str] = set()


def tell(what: str) -> None:
    """Say when something happened for the first time."""
    if what not in _told:
        _told.add(what)
        print(json.dumps({what: time.monotonic()}), flush=True)


class WatchedBus(MemoryBus):
    """Tells when it first shows a device."""

    def enumerate_devices(self) -> list[UsbDevice]:
        tell("polled")
        devices = super().enumerate_devices()
        if devices:
            tell("enumerated")
        return devices


def _watch_intakes() -> None:
    write = Intake.write

    def watched(self: Intake, data: bytes) -> None:
        write(self, data)
        tell("spooled")

    Intake.write = watched  # type: ignore[method-assign]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("config", type=Path)
    parser.add_argument("recorders", type=Path, nargs="*")
    parser.add_argument("--after", type=float, default=0.0)
    options = parser.parse_args()
    start_logging(form="json", level="info")
    _watch_intakes()
    bus = WatchedBus(live=True)
    daemon = DockDaemon(load(DockConfig, options.config), usb_backend=bus)
    with stop_on_signals() as stop:
        arrivals = threading.Timer(options.after, _plug, (bus, options.recorders))
        if options.after:
            arrivals.start()
        else:
            _plug(bus, options.recorders)
        daemon.run(stop.event)
        arrivals.cancel()


def _plug(bus: MemoryBus, recorders: list[Path]) -> None:
    faces = [PtpFace(Body.from_folder(home, clock=SystemClock())) for home in recorders]
    for number, face in enumerate(faces, 1):
        tell("plugged")
        bus.plug(f"1-1.{number}", face)


if __name__ == "__main__":
    main()
