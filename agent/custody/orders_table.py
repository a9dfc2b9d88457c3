"""Which handler carries out which order: the one table that door, uplink and commands share."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from agent.config import DockConfig
from agent.custody import case_orders, policies
from agent.custody.export import record as exports
from agent.custody.keys import public_key
from agent.custody.orders import Handler

HANDLERS: Mapping[str, Handler] = MappingProxyType({**case_orders.ORDERS, **exports.ORDERS})
"""Action → handler."""


def handlers_for(config: DockConfig) -> Mapping[str, Handler]:
    """The handlers of one dock, which know its retention classes and its archive's keys."""
    annotate = case_orders.annotating(config.retention)
    policy = policies.taking([public_key(text) for text in config.archive.keys])
    return MappingProxyType({**HANDLERS, "annotate": annotate, "policy": policy})
