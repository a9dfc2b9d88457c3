"""The daemon, as `bodydock run` starts it, until it first looks at the bus.

    python -m tests.bench.works.start dock.toml

Writes the moment (monotonic clock) and the CPU seconds until then, and stops. libusb is loaded as
always, but asked for nothing:
whatever is plugged into this machine is left alone.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from agent.cli.logs import start_logging
from agent.config import DockConfig, load
from agent.daemon import DockDaemon
from agent.link.usb import UsbBus


class Nothing:
    """A PyUSB backend with nothing plugged in."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def enumerate_devices(self) -> list[object]:
        if not self._stop.is_set():
            self._stop.set()
            print(time.monotonic(), time.process_time(), flush=True)
        return []


def main() -> None:
    config = load(DockConfig, Path(sys.argv[1]))
    start_logging(form="json", level="info")
    UsbBus()
    stop = threading.Event()
    DockDaemon(config, usb_backend=Nothing(stop)).run(stop)


if __name__ == "__main__":
    main()
