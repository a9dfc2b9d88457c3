"""How an export is written down: the orders that tell the ledger, and what they may say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from agent.custody.export.supply import Supply
from agent.custody.orders import Order
from agent.errors import BodydockError, UsageError
from agent.model import is_digest

BEGIN, NAME, END = "export-begin", "export-name", "export-end"
AT_ONCE = 200
"""Clips in one order: each is an entry of one transaction, and others wait for it."""
_ID = re.compile(r"[0-9a-f]{16}\Z")
_ENDS = {"supplied", "failed"}


class Book(Protocol):
    """Where exports are written down: a dock's custody log, or an archive's journal."""

    def begun(self, supply: Supply, clips: Sequence[str], facts: Mapping[str, Any]) -> None:
        """Before anything is copied."""
        ...

    def ended(self, supply: Supply, facts: Mapping[str, Any]) -> None:
        """`facts["stage"]` is "supplied" or "failed"."""
        ...


class Register(Protocol):
    """Who keeps what the orders say: `agent.spool.exports.Exports`, or an archive's journal."""

    def export_begun(self, export: str, who: str, facts: Mapping[str, Any]) -> None: ...
    def export_names(
        self, export: str, who: str, clips: Sequence[str], facts: Mapping[str, Any]
    ) -> None: ...
    def export_ended(self, export: str, who: str, facts: Mapping[str, Any]) -> None: ...


class Orders:
    """Through whatever carries orders to the one writer of the ledger, or the catalogue."""

    def __init__(self, ask: Callable[[Order], Mapping[str, Any]]) -> None:
        self._ask = ask

    def begun(self, supply: Supply, clips: Sequence[str], facts: Mapping[str, Any]) -> None:
        told = {"receiver": supply.receiver, "clips": len(clips), **facts}
        self._order(BEGIN, supply, told)
        for at in range(0, len(clips), AT_ONCE):
            named = {"receiver": supply.receiver, "clips": list(clips[at : at + AT_ONCE])}
            self._order(NAME, supply, named)

    def ended(self, supply: Supply, facts: Mapping[str, Any]) -> None:
        self._order(END, supply, facts)

    def _order(self, action: str, supply: Supply, facts: Mapping[str, Any]) -> None:
        self._ask(
            Order(
                action,
                who=supply.by,
                why=supply.why,
                approval=supply.approval,
                what={"export": supply.id, **facts},
            )
        )


def begin(register: Register, order: Order) -> dict[str, Any]:
    """Handler of `export-begin`: `export`, `receiver`, `clips` (how many), `bytes`, `medium`."""
    export, what = _taken(order)
    facts = {
        "receiver": _text(what, "receiver"),
        "approval": _approval(order),
        "why": order.why,
        "clips": _count(what, "clips"),
        "bytes": _count(what, "bytes"),
        "medium": _text(what, "medium"),
        "via": order.via,
    }
    register.export_begun(export, order.who, facts)
    return {"export": export}


def name(register: Register, order: Order) -> dict[str, Any]:
    """Handler of `export-name`: `export`, `receiver`, `clips`, at most 200 ids."""
    export, what = _taken(order)
    clips = what.get("clips")
    if not isinstance(clips, list) or not 0 < len(clips) <= AT_ONCE:
        raise UsageError(f"an export names between 1 and {AT_ONCE} clips at once")
    if not all(isinstance(each, str) and is_digest(each) for each in clips):
        raise UsageError("a clip's id is 64 lower-case hexadecimal digits")
    facts = {"receiver": _text(what, "receiver"), "approval": _approval(order)}
    register.export_names(export, order.who, clips, facts)
    return {"export": export, "clips": len(clips)}


def end(register: Register, order: Order) -> dict[str, Any]:
    """Handler of `export-end`: `export`, `stage`; where supplied, `tagmanifest_sha256`, `clips`,
    `bytes` and, of an image, `image_sha256`; where failed, `words`."""
    export, what = _taken(order)
    if (stage := what.get("stage")) not in _ENDS:
        raise UsageError("an export ends as supplied or failed")
    facts: dict[str, Any] = {"stage": stage}
    if stage == "failed":
        facts["words"] = _text(what, "words")
    else:
        facts["tagmanifest_sha256"] = _digest(what, "tagmanifest_sha256")
        facts |= {key: _count(what, key) for key in ("clips", "bytes")}
        if "image_sha256" in what:
            facts["image_sha256"] = _digest(what, "image_sha256")
    register.export_ended(export, order.who, facts)
    return {"export": export, "stage": stage}


Handling = Callable[[Register, Order], dict[str, Any]]
ORDERS: Mapping[str, Handling] = {BEGIN: begin, NAME: name, END: end}


def failed(book: Book, supply: Supply, error: BaseException) -> None:
    """Write down that an export came to nothing, and why."""
    words = error.what if isinstance(error, BodydockError) else type(error).__name__
    book.ended(supply, {"stage": "failed", "words": words[:1024] or "unknown"})


def _taken(order: Order) -> tuple[str, Mapping[str, Any]]:
    export = order.what.get("export")
    if not isinstance(export, str) or not _ID.match(export):
        raise UsageError("an export's id is 16 hexadecimal digits")
    return export, order.what


def _approval(order: Order) -> str:
    if not order.approval.strip():
        raise UsageError("an export needs the reference of its approval")
    return order.approval


def _text(what: Mapping[str, Any], key: str) -> str:
    value = what.get(key)
    if not isinstance(value, str) or not value.strip() or len(value) > 1024:
        raise UsageError(f"an export's {key} is a text of up to 1024 characters")
    return value


def _count(what: Mapping[str, Any], key: str) -> int:
    value = what.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise UsageError(f"an export's {key} is a number")
    return value


def _digest(what: Mapping[str, Any], key: str) -> str:
    value = what.get(key)
    if not isinstance(value, str) or not is_digest(value):
        raise UsageError(f"an export's {key} is a digest")
    return value
