"""`bodydock clear --dry-run`: which clips may go from their recorders, and what is against it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.table import Table

from agent.cli.run import config_option
from agent.cli.show import console, print_json, shown
from agent.clock import trust
from agent.config import DockConfig, load
from agent.errors import UsageError
from agent.offload.clearing.docked import known_case
from agent.offload.clearing.policy import effective
from agent.offload.clearing.rule import SESSION_REASONS, Case, Limits, Reason, standing
from agent.spool.clearance import stage
from agent.spool.entry import Entry
from agent.spool.view import LedgerView

HOUR = 3600.0


@click.command(short_help="Say which clips may go from their recorders.")
@config_option
@click.option("--dry-run", "dry", is_flag=True, help="Needed: this command never deletes.")
@click.option("--recorder", help="Only this recorder's serial.")
@click.option("--limit", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def clear(path: Path, recorder: str | None, limit: int, *, dry: bool, as_json: bool) -> None:
    """Say of each clip whether it may be cleared from its recorder, and all that stands against it.

    Recorders are cleared in sessions of the daemon only. Reads the ledger without disturbing it.
    """
    if not dry:
        raise UsageError(
            "recorders are cleared by the daemon alone, while they are docked",
            do="`bodydock clear --dry-run` says what it would clear",
        )
    config = load(DockConfig, path)
    with LedgerView(config.ledger) as ledger:
        limits = effective(config.clearing, ledger.newest_policy())
        found = [
            (entry, _case(ledger, entry, limits))
            for entry in ledger.entries(recorder=recorder, limit=limit)
        ]
    if as_json:
        print_json(_document(limits, found))
    else:
        _print(limits, found)


def _case(ledger: LedgerView, entry: Entry, limits: Limits) -> Case:
    return known_case(ledger, entry, limits, ledger.ran_for())


def _document(limits: Limits, found: list[tuple[Entry, Case]]) -> dict[str, Any]:
    return {
        "clearing": limits.clearing,
        "grace_hours": limits.grace / HOUR,
        "early_below": limits.early_below,
        "clock": trust(),
        "session_looks_at": sorted(reason.name.lower() for reason in SESSION_REASONS),
        "clips": [
            {
                "clip": entry.clip,
                "recorder": entry.sighting.identity.serial,
                "path": entry.sighting.path,
                "stage": stage(case.state, case.clearance),
                "may_go": not (reasons := standing(case)),
                "reasons": [{"reason": each.name.lower(), "words": each.value} for each in reasons],
            }
            for entry, case in found
        ],
    }


def _print(limits: Limits, found: list[tuple[Entry, Case]]) -> None:
    out = console()
    early = f", not waited for below {limits.early_below} % free" if limits.early_below else ""
    mode = f"on, grace {limits.grace / HOUR:g} h{early}" if limits.clearing else "off"
    out.print(f"clearing is {mode}", highlight=False)
    table = Table(box=None, pad_edge=False)
    for heading in ("clip", "recorder", "path", "stage", "against it"):
        table.add_column(heading, overflow="fold", no_wrap=heading in {"clip", "stage"})
    for entry, case in found:
        table.add_row(
            entry.clip[:12],
            shown(entry.sighting.identity.serial),
            shown(entry.sighting.path),
            stage(case.state, case.clearance),
            "; ".join(map(_words, standing(case))) or "nothing that is known here",
        )
    out.print(table)
    out.print(
        "A session looks besides whether, there and then: the recorder can delete, the clip lies"
        " where it was pulled from, alone of its name, with the same bytes; no clock, storage,"
        " disk or custody log is in doubt.",
        highlight=False,
    )


def _words(reason: Reason) -> str:
    return reason.value
