"""A receiver as a process of its own: `python -m tests.archive.serve ROOT PORT`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from agent.archive.receiver import Receiver
from agent.archive.settings import ArchiveSettings
from agent.cli.stopping import stop_on_signals
from agent.clock import SystemClock
from agent.link.mqtt import BrokerSettings

from .docks import RECEIVER


def main(root: str, port: str) -> None:
    logging.basicConfig(level=logging.INFO)
    settings = ArchiveSettings(archive="county", receiver=RECEIVER, root=Path(root), floor=0)
    broker = BrokerSettings(host="127.0.0.1", port=int(port))
    with stop_on_signals() as stop:
        Receiver(settings, broker, SystemClock()).run(stop.event)


if __name__ == "__main__":
    main(*sys.argv[1:])
