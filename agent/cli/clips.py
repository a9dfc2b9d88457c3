"""`bodydock clips`: every clip, its state and what it waits for."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table

from agent.cli.run import config_option
from agent.cli.show import (
    WIDE,
    console,
    entry_document,
    print_json,
    shown,
    size_text,
    waits_for,
)
from agent.config import DockConfig, load
from agent.spool.entry import Entry
from agent.spool.states import State
from agent.spool.view import LedgerView


@click.command(short_help="List clips, their states and what they wait for.")
@click.argument("prefix", default="")
@config_option
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only these.")
@click.option("--recorder", help="Only this recorder's serial.")
@click.option("--limit", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="All facts, for machines.")
def clips(
    path: Path, prefix: str, state: str | None, recorder: str | None, limit: int, *, as_json: bool
) -> None:
    """List clips, newest first; PREFIX is the beginning of a clip's id.

    Reads the ledger without disturbing the daemon.
    """
    config = load(DockConfig, path)
    with LedgerView(config.ledger) as ledger:
        wanted = State(state) if state else None
        found = ledger.entries(state=wanted, recorder=recorder, prefix=prefix, limit=limit)
    if as_json:
        print_json([entry_document(entry) for entry in found])
    else:
        out = console()
        out.print(clip_table(found, wide=out.width >= WIDE))


def clip_table(found: list[Entry], *, wide: bool) -> Table:
    """A narrow one does without the recorder's own time."""
    table = Table(box=None, pad_edge=False)
    more = ("recorded",) if wide else ()
    for heading in ("clip", "recorder", "path", "size", *more, "state", "waits for"):
        table.add_column(
            heading,
            justify="right" if heading == "size" else "left",
            overflow="fold",
            no_wrap=heading in {"clip", "size", "state"},
        )
    for entry in found:
        table.add_row(
            entry.clip[:12],
            shown(entry.sighting.identity.serial),
            shown(entry.sighting.path),
            size_text(entry.sighting.size),
            *([shown(entry.sighting.recorded)] if wide else []),
            entry.state.value,
            waits_for(entry),
        )
    return table
