"""`bodydock assignments`: the file of who had which recorder when."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table

from agent.cli.run import config_option
from agent.cli.show import console, print_json, shown
from agent.clock import to_text
from agent.config import DockConfig, load
from agent.config.assignments import Assignment, read_assignments


@click.group(short_help="Check the file of who had which recorder when.")
def assignments() -> None:
    """Who had which recorder from when to when; `[cases] assignments` in dock.toml names a file."""


@assignments.command(short_help="Read such a file as the dock does.")
@click.argument("file", type=click.Path(path_type=Path, readable=False))
@config_option
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def check(path: Path, file: Path, *, as_json: bool) -> None:
    """Read FILE as the dock does, and show what it means; every fault is told with its line.

    Moments are shown in UTC; those without an offset are taken in the zone that dock.toml says.
    """
    config = load(DockConfig, path)
    found = read_assignments(file, config.recorders.zone)
    if as_json:
        print_json([_document(each) for each in found])
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("line", "serial", "officer", "unit", "from", "until"):
        table.add_column(heading, overflow="fold")
    for each in found:
        officer = f"{each.officer} {each.officer_name}".strip()
        table.add_row(str(each.line), *map(shown, (each.serial, officer, each.unit)), *_span(each))
    console().print(table)
    console().print(f"{shown(str(file))}: good, {len(found)} assignments")


def _span(each: Assignment) -> tuple[str, str]:
    return to_text(each.begins), to_text(each.ends) if each.ends else "open"


def _document(each: Assignment) -> dict[str, object]:
    return {
        "line": each.line,
        "serial": each.serial,
        "officer": each.officer,
        "officer_name": each.officer_name,
        "unit": each.unit,
        "from": to_text(each.begins),
        "until": to_text(each.ends) if each.ends else None,
        "party": each.party,
        "cause": each.cause,
        "case_number": each.case_number,
    }
