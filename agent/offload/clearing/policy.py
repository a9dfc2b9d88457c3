"""Which policy is in force: the dock's own configuration, or the fleet's as its archive signed."""

from __future__ import annotations

import logging

from agent.config import Clearing
from agent.custody.envelopes import peek
from agent.errors import Malformed
from agent.offload.clearing.rule import Limits
from agent.wire.contract import decode
from agent.wire.evidence import Policy

log = logging.getLogger(__name__)

HOUR = 3600.0


def effective(config: Clearing, envelope: str | None) -> Limits:
    """What may be done now. `envelope` is the newest policy that the ledger took on; it was
    verified then (`agent.custody.policies`). `mode = "off"` always wins, and without a policy a
    dock of the fleet clears nothing."""
    if config.mode == "on":
        return Limits(True, config.grace_hours * HOUR, config.early_below)  # noqa: FBT003
    if config.mode == "fleet" and envelope is not None:
        try:
            policy = decode(Policy, peek(envelope.encode()))
        except Malformed as error:
            log.error("the fleet policy in the ledger is none: %s; nothing is cleared", error)
        else:
            return Limits(policy.clearing, policy.grace_hours * HOUR, policy.early_below)
    return Limits()
