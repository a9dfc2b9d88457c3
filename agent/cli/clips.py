"""`bodydock clips`: every clip, its state and what it waits for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, TypeVar

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
from agent.config.assignments import moment
from agent.errors import UsageError
from agent.model import ClipId
from agent.spool.case_queries import Wanted
from agent.spool.entry import Entry
from agent.spool.states import State
from agent.spool.view import LedgerView

F = TypeVar("F", bound=Callable[..., Any])

_FIELDS = {
    "--name": "Only those whose name has this in it.",
    "--officer": "Only this officer's, by number or name.",
    "--unit": "Only this unit's.",
    "--party": "Only those whose case party has this in it.",
    "--cause": "Only those whose cause of action has this in it.",
    "--case case_number": "Only this case's.",
    "--since": "Only those in use from then on.",
    "--until": "Only those in use before then.",
}


def _fields(command: F) -> F:
    """Options for the fields of article 17, beside the recorder's number."""
    for name, help_text in reversed(_FIELDS.items()):
        option, _, field = name.partition(" ")
        command = click.option(option, field or option.strip("-"), help=help_text)(command)
    return command


@click.command(short_help="List clips, their states and what they wait for.")
@click.argument("prefix", default="")
@config_option
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only these.")
@click.option("--recorder", help="Only this recorder's serial.")
@_fields
@click.option("--held", is_flag=True, help="Only those on which a hold stands.")
@click.option("--limit", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="All facts, for machines.")
def clips(
    path: Path,
    prefix: str,
    state: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    *,
    as_json: bool,
    **fields: Any,
) -> None:
    """List clips, newest first; PREFIX is the beginning of a clip's id.

    A date alone is that whole day; moments without an offset are in the dock's zone. Reads the
    ledger without disturbing the daemon.
    """
    config = load(DockConfig, path)
    zone = config.recorders.zone
    wanted = Wanted(
        prefix=prefix,
        state=State(state) if state else None,
        since=_moment("--since", since, zone),
        until=_moment("--until", until, zone, end=True),
        **fields,
    )
    with LedgerView(config.ledger) as ledger:
        found = ledger.search(wanted, limit)
        whose = {entry.clip: _officer(ledger, entry) for entry in found}
    if as_json:
        print_json([entry_document(each) | {"officer": whose[each.clip]} for each in found])
    else:
        out = console()
        out.print(clip_table(found, whose, wide=out.width >= WIDE))


def _moment(
    name: str, text: str | None, zone: tzinfo | None, *, end: bool = False
) -> datetime | None:
    if text is None:
        return None
    try:
        return moment(name, text, zone, end=end)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _officer(ledger: LedgerView, entry: Entry) -> str:
    """Whose it is: a name, else a number, as case data have it; empty where that is not known."""
    newest = ledger.case_of(entry.clip)
    return (newest.case.officer_name or newest.case.officer) if newest else ""


def clip_table(found: list[Entry], whose: Mapping[ClipId, str], *, wide: bool) -> Table:
    """A narrow one does without the recorder's own time, and has officers beneath recorders."""
    table = Table(box=None, pad_edge=False)
    who = ("recorder", "officer") if wide else ("recorder",)
    more = ("recorded",) if wide else ()
    for heading in ("clip", *who, "path", "size", *more, "state", "waits for"):
        table.add_column(
            heading,
            justify="right" if heading == "size" else "left",
            overflow="fold",
            no_wrap=heading in {"clip", "size", "state"},
        )
    for entry in found:
        who = (shown(entry.sighting.identity.serial), shown(whose[entry.clip]))
        table.add_row(
            entry.clip[:12],
            *(who if wide else ["\n".join(filter(None, who))]),
            shown(entry.sighting.path),
            size_text(entry.sighting.size),
            *([shown(entry.sighting.recorded)] if wide else []),
            entry.state.value,
            waits_for(entry),
        )
    return table
