"""`bodydock status`: bays, uplink and clips at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agent import live
from agent.cli.run import config_option
from agent.cli.show import bay_words, console, print_json, shown, size_text
from agent.clock import SystemClock, to_text
from agent.config import DockConfig, load
from agent.live import Live
from agent.spool.states import WAITING_FOR, State
from agent.spool.view import LedgerView

Counts = Mapping[State, tuple[int, int]]


@click.command(short_help="Show bays, uplink and clips at a glance.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def status(path: Path, *, as_json: bool) -> None:
    """Show what is in which bay, what the uplink does, and how many clips are in which state.

    Reads the ledger without disturbing the daemon, and works when the daemon is stopped.
    """
    config = load(DockConfig, path)
    now = live.read(config.dock.runtime, SystemClock().now())
    with LedgerView(config.ledger) as ledger:
        counts = ledger.counts()
    if as_json:
        print_json(_document(config.dock.id, now, counts))
    else:
        console().print(_page(config.dock.id, now, counts))


def _document(dock: str, now: Live | None, counts: Counts) -> dict[str, Any]:
    running = None if now is None else {**asdict(now), "at": to_text(now.at)}
    clips = {
        state.value: {"clips": number, "bytes": size} for state, (number, size) in counts.items()
    }
    return {"dock": dock, "running": running is not None, "live": running, "clips": clips}


def _page(dock: str, now: Live | None, counts: Counts) -> RenderableType:
    parts: list[RenderableType] = [_headline(dock, now)]
    if now is not None:
        parts += [uplink_line(now.uplink), bay_table(now.bays)]
    return Group(*parts, count_table(counts))


def _headline(dock: str, now: Live | None) -> Text:
    if now is None:
        return Text(f"dock {dock}: not running", style="bold yellow")
    intake = f"; intake paused: {now.intake}" if now.intake else ""
    return Text(f"dock {dock}: running, process {now.pid}{intake}", style="bold")


def uplink_line(uplink: Mapping[str, Any]) -> Text:
    """One line on the way to the archive."""
    if not uplink["connected"]:
        why = uplink["error"] or "connecting"
        return Text(f"uplink: no broker ({why}); footage is kept here", style="yellow")
    if not uplink["archive"]:
        return Text("uplink: broker reached, no archive there; footage is kept", style="yellow")
    archives = ", ".join(uplink["archive"])
    moving = size_text(uplink["in_flight"])
    trouble = f"; newest trouble: {uplink['error']}" if uplink["error"] else ""
    style = "yellow" if trouble else "green"
    return Text(f"uplink: archive {archives}, {moving} on the way{trouble}", style=style)


def bay_table(bays: Any) -> Table:
    """A line a bay: who is in it, what it does, how far it is."""
    table = Table(box=None, pad_edge=False)
    for heading in ("bay", "recorder", "battery", "clock", "does", "clip", "progress"):
        table.add_column(heading)
    for bay in bays:
        table.add_row(
            shown(bay["bay"]),
            shown(bay["recorder"]),
            "" if bay["battery_percent"] is None else f"{bay['battery_percent']} %",
            "" if bay["clock_error"] is None else f"{bay['clock_error']:+.1f} s",
            shown(bay_words(bay)),
            shown(bay["path"]),
            _progress(bay),
        )
    return table


def _progress(bay: Mapping[str, Any]) -> str:
    if bay["doing"] == "pulling" and bay["size"]:
        return f"{100 * bay['done'] // bay['size']} % of {size_text(bay['size'])}"
    return f"{bay['pulled']} pulled" if bay["pulled"] else ""


def count_table(counts: Counts) -> Table:
    """How many clips are in which state; states with none are left out."""
    table = Table(box=None, pad_edge=False)
    for heading in ("state", "clips", "size", "waits for"):
        table.add_column(heading, justify="right" if heading in {"clips", "size"} else "left")
    for state, (number, size) in counts.items():
        if number:
            table.add_row(state.value, str(number), size_text(size), WAITING_FOR[state])
    if not table.row_count:
        table.add_row("no clips yet")
    return table
