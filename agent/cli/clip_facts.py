"""How one clip looks with everything that is known of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agent.cli.show import entry_document, shown, size_text, waits_for
from agent.custody.case_orders import hold_document, version_document
from agent.log_entry import LogEntry
from agent.model import Hold
from agent.spool.case_rows import CaseVersion
from agent.spool.entry import Entry

LABELS = {
    "name": "name",
    "officer": "officer",
    "officer_name": "officer's name",
    "unit": "unit",
    "used_from": "used from",
    "used_until": "used until",
    "party": "case party",
    "cause": "cause of action",
    "case_number": "case",
    "business": "business",
    "business_part": "its part",
    "remark": "remark",
    "importance": "importance",
    "retention": "retention",
}
"""Article 17's fields, and what is kept with them."""
_MIDDLE = 2
_WHAT_LENGTH = 200
"""Characters of an entry's facts that are shown; `--json` has them all."""


@dataclass(frozen=True, slots=True)
class Known:
    """One clip: versions and holds with the lifted ones, the oldest first."""

    entry: Entry
    versions: Sequence[CaseVersion]
    holds: Sequence[Hold]
    log: Sequence[LogEntry]


def clip_document(known: Known) -> dict[str, Any]:
    """For machines."""
    return {
        **entry_document(known.entry),
        "case": [version_document(each) for each in known.versions],
        "holds": [hold_document(each) for each in known.holds],
        "custody": [json.loads(each.text) for each in known.log],
    }


def clip_page(known: Known) -> RenderableType:
    """For people."""
    parts: list[RenderableType] = [_facts(known.entry)]
    if known.versions:
        newest = known.versions[-1]
        parts += ["", _heading("case data"), case_table(version_document(newest)["case"])]
        parts += ["", _heading("versions"), _versions(known.versions)]
    if known.holds:
        parts += ["", _heading("holds"), *(hold_words(hold_document(each)) for each in known.holds)]
    parts += ["", _heading("custody"), _log(known.log)]
    return Group(*parts)


def case_table(case: Mapping[str, Any]) -> Table:
    """What is known, line by line."""
    table = _plain()
    for name, label in LABELS.items():
        if value := case.get(name):
            table.add_row(label, shown(str(value)))
    return table


def hold_words(hold: Mapping[str, Any]) -> str:
    """One hold in words."""
    text = f"hold {hold['number']}: {hold['reason']}, by {hold['who']}, {hold['at']}"
    if hold["approval"]:
        text += f", approval {hold['approval']}"
    if hold["note"]:
        text += f": {hold['note']}"
    if not hold["stands"]:
        text += f"\n  lifted by {hold['lifted_by']}, {hold['lifted_at']}, approval "
        text += f"{hold['lifted_approval']}: {hold['lifted_why']}"
    return "\n".join(shown(line) for line in text.split("\n"))


def _facts(entry: Entry) -> Table:
    sighting, sealed, receipt = entry.sighting, entry.sealed, entry.receipt
    lines = {
        "clip": entry.clip,
        "recorder": sighting.identity.serial,
        "path": sighting.path,
        "size": size_text(sighting.size),
        "recorded": sighting.recorded,
        "marked": "by its recorder" if sighting.marked or entry.facts.marked else "",
        "SHA-256": (sealed.digests.sha256 or "") if sealed else "",
        "BLAKE3": sealed.digests.blake3 if sealed else "",
        "archive": f"{receipt.archive}, {receipt.stored_as}" if receipt else "",
    }
    table = _plain()
    for label, value in lines.items():
        if value:
            table.add_row(label, shown(value))
    table.add_row("state", f"{entry.state.value}; waits for {waits_for(entry)}")
    return table


def _versions(versions: Sequence[CaseVersion]) -> Table:
    table = _plain()
    for each in versions:
        document = version_document(each)
        words = f"{document['at']} by {each.who}: {each.why}"
        table.add_row(str(each.version), shown(words))
    return table


def _log(log: Sequence[LogEntry]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for column in range(4):
        table.add_column(overflow="fold", no_wrap=column < _MIDDLE)
    for each in log:
        what = json.dumps(dict(each.what), ensure_ascii=False, separators=(",", ":"))
        short = what if len(what) <= _WHAT_LENGTH else f"{what[:_WHAT_LENGTH]}…"
        table.add_row(
            str(each.number), each.kind.value, shown(f"{each.at} {each.who}"), shown(short)
        )
    return table


def _plain() -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _heading(text: str) -> Text:
    return Text(text, style="bold")
