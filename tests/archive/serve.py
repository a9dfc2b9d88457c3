"""A receiver as a process of its own: `python -m tests.archive.serve ROOT PORT`."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path
from threading import Event

from agent.archive.receiver import Receiver
from agent.archive.settings import ArchiveSettings
from agent.clock import SystemClock
from agent.link.mqtt import BrokerSettings

from .docks import RECEIVER


def main(root: str, port: str) -> None:
    logging.basicConfig(level=logging.INFO)
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    settings = ArchiveSettings(archive="county", receiver=RECEIVER, root=Path(root), floor=0)
    broker = BrokerSettings(host="127.0.0.1", port=int(port))
    Receiver(settings, broker, SystemClock()).run(stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
