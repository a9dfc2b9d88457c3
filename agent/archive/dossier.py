"""All that an archive knows of one clip, as one document."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from agent.archive.folding import HoldSaid
from agent.archive.plain import plain
from agent.archive.records import ClipRow
from agent.archive.view import CatalogueView
from agent.custody.case_orders import hold_document
from agent.custody.envelopes import peek
from agent.errors import Malformed


def dossier(view: CatalogueView, clip: str) -> dict[str, Any]:
    """Deliveries with their receipts, case data, holds, orders, and every dock's custody entries
    about it. Signed documents are shown as they are said; `manifest` and `receipt` in the catalogue
    have the signatures."""
    case = view.case_now(clip)
    return {
        "clip": clip,
        "deliveries": [_delivery(view, row) for row in view.versions(clip)],
        "class": view.class_of(clip),
        "case": asdict(case) if case else None,
        "disputed": view.disputed(clip),
        "versions": view.case_versions(clip),
        "holds": [_hold(each) for each in view.holds_on(clip)],
        "errands": [{**asdict(each), "what": each.parts} for each in view.errands_of(clip)],
        "journal": view.journal_of(clip),
        "custody": [{**row, "entry": _parsed(row["entry"])} for row in view.custody_of(clip)],
        "links": view.links_of(clip),
    }


def _delivery(view: CatalogueView, row: ClipRow) -> dict[str, Any]:
    known = {**asdict(row), "marked": bool(row.marked), "recorder": row.recorder_serial}
    known["stored_as"] = view.stored_at(row.blake3)
    known["encrypted"] = view.is_encrypted(row.blake3)
    for name in ("manifest", "receipt"):
        known[name] = _said(known[name])
    return known


def _said(envelope: str) -> Any:
    """What an envelope holds; None where it was damaged since."""
    try:
        return json.loads(peek(envelope.encode()))
    except (Malformed, ValueError):
        return None


def _parsed(entry: str) -> dict[str, Any]:
    try:
        parts = json.loads(entry)
    except ValueError:
        parts = None
    if not isinstance(parts, dict):
        return {"at": "", "kind": "damaged", "who": "", "text": entry}
    return {"at": "", "kind": "", "who": "", **plain(parts)}


def _hold(each: HoldSaid) -> dict[str, Any]:
    return {"origin": each.origin, "log": each.log, **hold_document(each.hold)}
