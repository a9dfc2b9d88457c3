"""`bodydock archive find` and `show`: clips by what is known of them, and all of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.table import Table

from agent.archive.search import Asked, Found, find
from agent.cli.archive_config import config_option, json_option, opened, whole_clip
from agent.cli.clip_facts import case_table, hold_words
from agent.cli.show import WIDE, console, print_json, shown, size_text
from agent.clock import from_text, to_text
from agent.config import ArchiveConfig, load
from agent.errors import UsageError
from agent.model import printable

ARCHIVE = "archive"
"""What the archive itself is called as an origin."""


@click.command(name="find", short_help="Find clips by case data, officer, time.")
@config_option
@click.option("--name", default="", help="What it is called, or a part of that.")
@click.option("--recorder", default="", help="The recorder's number.")
@click.option("--officer", default="", help="The officer's number or name.")
@click.option("--since", default="", help="Recorded or used after this moment.")
@click.option("--until", default="", help="Recorded or used before this moment.")
@click.option("--party", default="", help="The case party, or a part of it.")
@click.option("--cause", default="", help="The cause of action, or a part of it.")
@click.option("--unit", default="", help="The unit.")
@click.option("--case", default="", help="The case's number.")
@click.option("--business", default="", help="The business class.")
@click.option("--class", "keep", default="", help="The retention class.")
@click.option("--held", is_flag=True, help="Only what a hold stands on.")
@click.option("--importance", type=click.IntRange(1, 9), help="This mark, or a higher one.")
@click.option("--dock", default="", help="Delivered by this dock.")
@click.option("--disputed", is_flag=True, help="Only where origins contradict each other.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True)
@json_option
def find_clips(path: Path, limit: int, *, as_json: bool, **asked: Any) -> None:
    """Find clips that meet every condition, newest first.

    A moment is a date, or a time with its zone, such as 2026-08-04T10:00+08:00.
    """
    for name in ("since", "until"):
        asked[name] = moment(name, asked[name])
    with opened(load(ArchiveConfig, path)) as view:
        found = find(view, Asked(**asked), limit)
    if as_json:
        print_json([each.document() for each in found])
    else:
        out = console()
        out.print(_table(found, wide=out.width >= WIDE))


@click.command(short_help="Everything that is known of a clip.")
@click.argument("prefix")
@config_option
@json_option
def show(path: Path, prefix: str, *, as_json: bool) -> None:
    """Everything known of a clip: deliveries and receipts, case data with all versions, holds, what
    every dock's custody log says, and orders. PREFIX is the beginning of its id."""
    from agent.archive.dossier import dossier

    with opened(load(ArchiveConfig, path)) as view:
        known = dossier(view, whole_clip(view, prefix))
    if as_json:
        return print_json(known)
    return _page(known)


def moment(name: str, text: str) -> str:
    """A date (UTC) or a time with its zone, as the catalogue has them. Raises `UsageError`."""
    if not text:
        return ""
    try:
        return to_text(from_text(f"{text}T00:00:00Z" if "T" not in text else text))
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"--{name}: {printable(text[:64])!r} is no moment",
            do="write 2026-08-04 or 2026-08-04T10:00+08:00",
        ) from error


def _table(found: list[Found], *, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False)
    more = ("name", "party", "cause", "path") if wide else ()
    for heading in ("clip", "recorder", "officer", "time", "case", *more, "held"):
        fixed = heading in {"clip", "held"}
        table.add_column(heading, overflow="fold", no_wrap=fixed)
    for each in found:
        case = each.case
        extra = (case.name, case.party, case.cause, each.path) if wide else ()
        time = (case.used_from or each.earliest or each.received_at)[:16]
        held = f"{each.holds} hold{'s' if each.holds > 1 else ''}" if each.holds else ""
        row = (each.clip[:12], each.recorder, each.officer, time, case.case_number, *extra, held)
        table.add_row(*(shown(cell) for cell in row))
    return table


def _page(known: dict[str, Any]) -> None:
    out = console()
    out.print(f"clip {known['clip']}, retention class {shown(known['class'])}")
    for line in [*_deliveries(known), *(f"tree/{link}" for link in known["links"])]:
        out.print(shown(line))
    if known["case"]:
        out.print("\n[bold]case data[/bold]")
        out.print(case_table(known["case"]))
    for heading, lines in (
        ("", _disputed(known)),
        ("versions", _versions(known)),
        ("holds", [f"{each['origin'] or ARCHIVE}: {hold_words(each)}" for each in known["holds"]]),
        ("orders to docks", _errands(known)),
        ("custody", _custody(known)),
    ):
        if lines and heading:
            out.print(f"\n[bold]{heading}[/bold]")
        for line in lines:
            out.print(line if heading == "holds" else shown(line))


def _deliveries(known: dict[str, Any]) -> list[str]:
    return [
        f"dock {each['dock']}: {each['recorder']} {each['path']}, {size_text(each['size'])}, "
        f"received {each['received_at']}, {each['stored_as']}"
        for each in known["deliveries"]
    ]


def _disputed(known: dict[str, Any]) -> list[str]:
    return [
        f"disputed: {name}: "
        + " against ".join(f"{value!r} ({by or ARCHIVE})" for by, value in each)
        for name, each in known["disputed"].items()
    ]


def _versions(known: dict[str, Any]) -> list[str]:
    return [
        f"{each['origin'] or ARCHIVE} {each['version']}: {each['at']} "
        f"by {each['who'] or 'unknown'}: {each['why']}"
        for each in known["versions"]
    ]


def _errands(known: dict[str, Any]) -> list[str]:
    found = []
    for each in known["errands"]:
        state = "open" if not each["done_at"] else "done" if each["done"] else "refused"
        found.append(f"{each['dock']}: {each['action']}, {state} {each['words'] or ''}")
    return found


def _custody(known: dict[str, Any]) -> list[str]:
    return [
        f"{each['dock']} {each['n']} {each['entry']['at']} {each['entry']['kind']} "
        f"{each['entry']['who']}"
        for each in known["custody"]
    ]
