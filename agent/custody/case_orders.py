"""Orders about case data and holds, and how both look in JSON.

| action | `what` |
|---|---|
| `annotate` | the fields of `agent.model.CaseData` that are to change |
| `hold` | `reason` (a `HoldReason`), and `note`; without one the order's `why` is the note |
| `lift` | `hold`: its number; not needed where only one stands |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from agent.clock import to_text
from agent.config import Retained
from agent.config.retention import known_class
from agent.custody.orders import Handler, Order
from agent.errors import UsageError, WrongState
from agent.model import ClipId, Hold, HoldReason, printable
from agent.spool.case_rows import CaseVersion
from agent.spool.ledger import Ledger


def annotate(ledger: Ledger, order: Order) -> dict[str, Any]:
    """Raises `UsageError`, `WrongState`; see `Cases.annotate`."""
    if not order.what:
        raise UsageError("nothing to annotate", do="name a field, such as --officer")
    made = ledger.annotate(
        _clip(order), order.what, order.who, order.why, approval=order.approval, via=order.via
    )
    return version_document(made)


def hold(ledger: Ledger, order: Order) -> dict[str, Any]:
    """Raises `UsageError`, `WrongState`; see `Cases.hold`."""
    _only(order, "reason", "note")
    reason, note = _text(order, "reason"), _text(order, "note")
    try:
        kind = HoldReason(reason)
    except ValueError as error:
        known = ", ".join(each.value for each in HoldReason)
        raise UsageError(f"{printable(reason[:64])!r} is no reason to hold", do=known) from error
    made = ledger.hold(
        _clip(order), kind, note or order.why, order.who, order.approval, via=order.via
    )
    return hold_document(made)


def lift(ledger: Ledger, order: Order) -> dict[str, Any]:
    """Raises `UsageError`, `WrongState`; see `Cases.lift`."""
    _only(order, "hold")
    clip, number = _clip(order), order.what.get("hold")
    if number is None:
        number = _only_hold(ledger, clip)
    if not isinstance(number, int) or isinstance(number, bool):
        raise UsageError("a hold is named by its number")
    lifted = ledger.lift(clip, number, order.who, order.why, order.approval, via=order.via)
    return hold_document(lifted)


def annotating(retention: Sequence[Retained]) -> Handler:
    """`annotate` for an office that has these retention classes."""

    def handler(ledger: Ledger, order: Order) -> dict[str, Any]:
        name = order.what.get("retention", "")
        if isinstance(name, str):
            known_class(retention, name)
        return annotate(ledger, order)

    return handler


ORDERS: Mapping[str, Handler] = {"annotate": annotate, "hold": hold, "lift": lift}


def version_document(version: CaseVersion) -> dict[str, Any]:
    """One version of a clip's case data."""
    return {
        "version": version.version,
        "at": to_text(version.at),
        "who": version.who,
        "why": version.why,
        "case": asdict(version.case),
    }


def hold_document(hold: Hold) -> dict[str, Any]:
    """One hold, lifted or not."""
    return {**asdict(hold), "reason": hold.reason.value, "stands": hold.stands}


def _only_hold(ledger: Ledger, clip: ClipId) -> int:
    standing = [each.number for each in ledger.holds(clip)]
    if not standing:
        raise WrongState(f"no hold stands on clip {clip[:12]}")
    if len(standing) > 1:
        numbers = ", ".join(map(str, standing))
        raise UsageError(f"{len(standing)} holds stand on clip {clip[:12]}", do=f"name: {numbers}")
    return standing[0]


def _clip(order: Order) -> ClipId:
    if not order.clip:
        raise UsageError(f"{order.action} needs a clip")
    return ClipId(order.clip)


def _text(order: Order, name: str) -> str:
    value = order.what.get(name, "")
    if not isinstance(value, str):
        raise UsageError(f"{order.action}: {name} is no text")
    return value


def _only(order: Order, *names: str) -> None:
    if unknown := sorted(set(order.what) - set(names)):
        raise UsageError(f"{order.action} knows no {printable(str(unknown[0])[:64])!r}")
