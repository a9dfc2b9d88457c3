"""`bodydock archive due` and `findings`: what people have to look at."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import click
from rich.table import Table

from agent.archive.due import DueClip, Verdict, due_by
from agent.archive.findings import Told
from agent.archive.findings import findings as find_findings
from agent.cli.archive_config import config_option, json_option, opened
from agent.cli.archive_find import moment
from agent.cli.show import console, print_json, shown
from agent.clock import SystemClock, from_text
from agent.config import ArchiveConfig, load
from agent.config.retention import classes
from agent.model import printable

_SHOWN = 200
"""Lines of a report that a person is shown; `--json` and `--csv` have them all."""


@click.command(short_help="Report what falls due; nothing is ever deleted.")
@config_option
@click.option("--until", default="", help="Until this moment; now, where none is named.")
@click.option("--csv", "as_csv", is_flag=True, help="As comma-separated values.")
@json_option
def due(path: Path, until: str, *, as_csv: bool, as_json: bool) -> None:
    """Report clips whose retention class ends, and those that only a person can judge.

    Held clips never fall due, and the report says so. Nothing is deleted by this or by anything.
    """
    config = load(ArchiveConfig, path)
    limit = from_text(moment("until", until)) if until else SystemClock().now()
    with opened(config) as view:
        found = list(due_by(view, classes(config.retention), limit))
    if as_json:
        print_json([each.document() for each in found])
    elif as_csv:
        _write_csv(found)
    else:
        _print_due(found)


@click.command(short_help="What docks found and cleared, by their logs.")
@config_option
@click.option("--dock", default="", help="Only this dock's.")
@click.option("--recorder", default="", help="Only of this recorder.")
@click.option("--cleared", is_flag=True, help="Clips that were cleared, too.")
@json_option
def findings(path: Path, dock: str, recorder: str, *, cleared: bool, as_json: bool) -> None:
    """What docks found amiss with recorders, as their custody logs tell.

    A clip that vanished for one dock and was cleared by another is shown so.
    """
    with opened(load(ArchiveConfig, path)) as view:
        found = list(find_findings(view, dock=dock, recorder=recorder, cleared=cleared))
    if as_json:
        print_json([each.document() for each in found])
        return
    out = console()
    for each in found:
        out.print(shown(f"{each.at} {each.dock}, recorder {each.recorder}: {each.words}"))
        for line in _elsewhere(each):
            out.print(shown(f"  {line}"))


def _elsewhere(told: Told) -> list[str]:
    return [
        f"clip {each.clip[:12]} was cleared by dock {each.dock}, {each.at}"
        if each.cleared
        else f"clip {each.clip[:12]} is in the archive, from dock {each.dock}"
        for each in told.elsewhere
    ]


def _write_csv(found: list[DueClip]) -> None:
    """Texts from devices and people are escaped, and never begin as a formula does."""
    writer = csv.writer(sys.stdout)
    names = list(DueClip.__dataclass_fields__)
    writer.writerow(names)
    for each in found:
        document = each.document() | {"holds": " ".join(each.holds)}
        writer.writerow([_cell(str(document[name])) for name in names])


def _cell(text: str) -> str:
    safe = printable(text)
    return f"'{safe}" if safe.startswith(("=", "+", "-", "@")) else safe


def _print_due(found: list[DueClip]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("clip", "class", "due", "what", "case"):
        table.add_column(heading, overflow="fold", no_wrap=heading in {"clip", "due"})
    for each in found[:_SHOWN]:
        held = f": {', '.join(each.holds)}" if each.verdict is Verdict.HELD else ""
        cells = (each.clip[:12], each.keep, each.due[:10], each.verdict.value + held)
        table.add_row(*(shown(cell) for cell in (*cells, each.case_number)))
    out = console()
    out.print(table)
    counts = [(kind, sum(1 for e in found if e.verdict is kind)) for kind in Verdict]
    words = ", ".join(f"{many} {kind.value}" for kind, many in counts if many) or "nothing is due"
    out.print(f"{words}; nothing is deleted")
