"""A command's order to its dock: through the door of the daemon, or by its own hand where no
daemon runs. The ledger has one writer at any time, and its lock tells who that is."""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import replace
from typing import Any

from agent.clock import SystemClock
from agent.config import DockConfig
from agent.custody.orders import DOOR, Office, Order
from agent.custody.orders_table import handlers_for
from agent.errors import LedgerBroken, LedgerInUse
from agent.link.knock import knock
from agent.spool.ledger import Ledger

TRIES = 25
PAUSE_SECONDS = 0.2
"""A daemon that starts or stops holds the ledger for a moment and has no door."""


def ask(config: DockConfig, order: Order) -> dict[str, Any]:
    """Have `order` carried out; what its handler answers.

    Raises what the handler raises, `LedgerInUse` where somebody else holds the ledger and has no
    door open, `NoAnswer`, `NotPermitted`.
    """
    for _ in range(TRIES):
        answer = knock(config.dock.runtime / DOOR, order.document())
        if answer is not None:
            return answer
        try:
            return _alone(config, order)
        except LedgerInUse:
            time.sleep(PAUSE_SECONDS)
    raise LedgerInUse(
        f"{config.ledger} is held by a bodydock that takes no orders at {config.dock.runtime}",
        do="is it starting, or does it run with another [dock] runtime?",
    )


def _alone(config: DockConfig, order: Order) -> dict[str, Any]:
    if not config.ledger.is_file():
        raise LedgerBroken(f"there is no ledger at {config.ledger}", do="has the dock run here?")
    with closing(Ledger(config.ledger, SystemClock())) as ledger:
        office = Office(ledger, handlers_for(config))
        return office.carry_out(replace(order, via=f"uid {os.getuid()}"))
