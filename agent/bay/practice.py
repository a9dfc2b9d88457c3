"""What every contact of one dock shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from agent.bay.meeting import Guide
from agent.bay.turns import Turns
from agent.clock import Clock
from agent.model import Clip, ClipFacts
from agent.offload.clearing.clear import Office
from agent.offload.pull import Offload
from agent.spool.entry import Owned
from agent.spool.ledger import Ledger


def nobodys(_serial: str, _clip: Clip, _facts: ClipFacts) -> Owned | None:
    """Nothing is known of whose a clip is."""
    return None


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
    owned: Callable[[str, Clip, ClipFacts], Owned | None] = nobodys
    """Whose a clip of a recorder is, when it is first seen; see `agent.bay.ownership`."""
    clearing: Office | None = None
    """Who clears recorders; None: nobody ever does."""
