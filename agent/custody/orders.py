"""People's orders to a running dock, and the office that carries them out.

An order comes through the door (`agent.link.door`), over MQTT in a signed command, or, where no
daemon runs, straight from a command that opened the ledger itself. However it came, the office
hands it to the one handler of its action, and the handler's ledger verb is one transaction.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.errors import Malformed, UsageError
from agent.log_entry import AGENT
from agent.model import is_digest, printable
from agent.spool.ledger import Ledger

log = logging.getLogger(__name__)

DOOR = "agent.sock"
"""The door's name in the dock's `runtime` folder."""
WHO_LIMIT = 255
WORDS_LIMIT = 1024
_TEXTS = {"action": 64, "clip": 64, "who": WHO_LIMIT, "why": WORDS_LIMIT, "approval": WHO_LIMIT}


@dataclass(frozen=True, slots=True)
class Order:
    """What a person wants done: `who` is that person, `approval` the reference of a decision.

    `what` is what the action needs beside that, as JSON has it. `via` says which way the order
    came ("uid 1000", "command 5f2a by key 01ab"); whoever takes the order in sets it, never its
    sender.
    """

    action: str
    clip: str = ""
    who: str = ""
    why: str = ""
    approval: str = ""
    what: Mapping[str, Any] = field(default_factory=dict)
    via: str = ""

    def document(self) -> dict[str, Any]:
        """As it goes through the door."""
        texts = {name: getattr(self, name) for name in _TEXTS}
        return {**texts, "what": dict(self.what)}


def order_of(document: Mapping[str, Any], *, via: str) -> Order:
    """The opposite of `Order.document`. Raises `Malformed` for what is no order."""
    if unknown := sorted(set(document) - {*_TEXTS, "what"}):
        raise Malformed(f"order: unknown key {printable(str(unknown[0])[:64])}")
    texts = {name: _text(document, name, limit) for name, limit in _TEXTS.items()}
    what = document.get("what", {})
    if not isinstance(what, dict):
        raise Malformed("order: what is no object")
    check_text(document)
    return Order(**texts, what=what, via=via)


def check_text(document: Mapping[str, Any]) -> None:
    """Raises `Malformed` for what no file or database takes: half a character, as file names of
    another encoding give it, or lists in lists without end."""
    try:
        json.dumps(dict(document), ensure_ascii=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise Malformed("order: not plain text", do="write it in UTF-8") from error


Handler = Callable[[Ledger, Order], dict[str, Any]]
"""Carries an order out and says in JSON what became of it; quick, since others wait."""


class Office:
    """Where orders are carried out. May be called from any thread."""

    def __init__(self, ledger: Ledger, handlers: Mapping[str, Handler]) -> None:
        self._ledger = ledger
        self._handlers = handlers

    def carry_out(self, order: Order) -> dict[str, Any]:
        """Raises `UsageError` for an order that nobody may give or no handler knows, and whatever
        its handler raises; then nothing has changed."""
        handler = self._handlers.get(order.action)
        if handler is None:
            raise UsageError(
                f"this bodydock knows no order {printable(order.action[:64])!r}",
                do="is it older than the one that asks?",
            )
        _check(order)
        answer = handler(self._ledger, order)
        about = f" clip {order.clip[:12]}" if order.clip else ""
        log.info("order %s%s by %s done", order.action, about, printable(order.who))
        return answer


def _check(order: Order) -> None:
    """Somebody stands for every order; nobody signs as the agent itself."""
    for name, limit in _TEXTS.items():
        text = getattr(order, name)
        if len(text) > limit:
            raise UsageError(f"order: {name} is longer than {limit} characters")
    if not order.who.strip():
        raise UsageError("an order needs the name of who gives it", do="name the person")
    if order.who.strip().lower() == AGENT:
        raise UsageError(f"{AGENT} is no person", do="name the person who orders it")
    if order.clip and not is_digest(order.clip):
        raise UsageError("a clip's id is 64 lower-case hexadecimal digits")


def _text(document: Mapping[str, Any], name: str, limit: int) -> str:
    value = document.get(name, "")
    if not isinstance(value, str):
        raise Malformed(f"order: {name} is no text")
    if len(value) > limit:
        raise Malformed(f"order: {name} is longer than {limit} characters")
    return value
