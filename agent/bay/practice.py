"""What every contact of one dock shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from agent.bay.meeting import Guide
from agent.bay.turns import Turns
from agent.clock import Clock
from agent.offload.pull import Offload
from agent.spool.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Practice:
    """What every contact of this dock shares."""

    ledger: Ledger
    offload: Offload
    clock: Clock
    random: Random
    set_clock: bool
    guide: Guide
    turns: Turns
    spooled: Callable[[], None]
    """Called from a bay's thread when there is something new to send."""
