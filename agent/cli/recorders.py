"""`bodydock recorders`: whose recorders docked here, how they were, and what changed on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agent.cli.recorder_facts import Line, history_document, line_document
from agent.cli.run import config_option
from agent.cli.show import WIDE, console, print_json, shown, size_text
from agent.config import DockConfig, load
from agent.config.register import by_serial, state_of
from agent.errors import UsageError
from agent.model import Identity, printable
from agent.spool.changes import Volume, newest
from agent.spool.entry import Contact, Finding
from agent.spool.view import LedgerView


@click.command(short_help="List recorders and what changed about them.")
@click.argument("serial", default="")
@config_option
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="All facts, for machines.")
def recorders(path: Path, serial: str, limit: int, *, as_json: bool) -> None:
    """List recorders; with SERIAL its contacts and findings, the newest LIMIT of each.

    A recorder is registered where dock.toml names its serial in a [[recorder]], and matched where
    an officer stands there. Reads the ledger without disturbing the daemon.
    """
    config = load(DockConfig, path)
    with LedgerView(config.ledger) as ledger:
        lines = _lines(config, ledger)
        if not serial:
            _show_all(lines, as_json=as_json)
            return
        wanted = [line for line in lines if line.serial == serial]
        if not wanted:
            raise UsageError(
                f"no recorder {printable(serial)} was ever docked here, and dock.toml names none",
                do="`bodydock recorders` lists them",
            )
        contacts = ledger.contacts(serial, limit=limit)
        findings = ledger.findings(limit, serial=serial)
        volumes = ledger.volumes(serial)
    if as_json:
        print_json(history_document(wanted, contacts, findings, volumes))
    else:
        console().print(_history(wanted, contacts, findings, volumes))


def _lines(config: DockConfig, ledger: LedgerView) -> list[Line]:
    """What docked here, then what is registered and never did, each by serial."""
    registered, counts = by_serial(config.recorder), ledger.finding_counts()
    docked = [
        Line(serial, registered.get(serial), known, counts.get(serial, 0))
        for known in ledger.recorders()
        for serial in [known.latest.identity.serial]
    ]
    seen = {line.serial for line in docked}
    absent = sorted(registered.keys() - seen)
    return docked + [Line(serial, registered[serial], None, 0) for serial in absent]


def _show_all(lines: Sequence[Line], *, as_json: bool) -> None:
    if as_json:
        print_json([line_document(line) for line in lines])
    elif lines:
        out = console()
        out.print(_table(lines, wide=out.width >= WIDE))
    else:
        console().print("no recorder was ever docked here")


def _table(lines: Sequence[Line], *, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False)
    more = ("model", "firmware") if wide else ()
    for heading in ("serial", "officer", *more, "bay", "seen", "battery", "clock", "findings"):
        fixed = heading in {"battery", "clock", "findings"}
        table.add_column(heading, overflow="fold", no_wrap=fixed)
    for line in lines:
        latest = line.latest
        model = (_model(line.said), line.said.firmware) if wide else ()
        table.add_row(
            *map(shown, (line.serial, _officer(line), *model)),
            shown(latest.bay) if latest else "",
            _moment(latest),
            _battery(latest),
            _clock(latest),
            str(line.findings) if line.findings else "",
        )
    return table


def _officer(line: Line) -> str:
    """As registered; else the recorder's state, and whom it names itself."""
    if line.registered and line.registered.officer:
        return f"{line.registered.officer} {line.registered.name}".strip()
    says = f", says {line.said.officer}" if line.said.officer else ""
    return state_of(line.registered) + says


def _model(said: Identity) -> str:
    return f"{said.maker} {said.model}".strip()


def _moment(contact: Contact | None) -> str:
    return f"{contact.began_at:%Y-%m-%d %H:%M}Z" if contact else "never"


def _battery(contact: Contact | None) -> str:
    health = contact.health if contact else None
    return "" if health is None or health.battery_percent is None else f"{health.battery_percent} %"


def _clock(contact: Contact | None) -> str:
    error = contact.clock_error if contact else None
    return "" if error is None else f"{error:+.1f} s"


def _history(
    lines: Sequence[Line],
    contacts: Sequence[Contact],
    findings: Sequence[Finding],
    volumes: Sequence[Volume],
) -> RenderableType:
    parts: list[RenderableType] = [_headline(lines[0], contacts)]
    for volume in volumes:
        storage = volume.storage
        label = f", label {shown(storage.label)}" if storage.label else ""
        parts.append(f"volume {shown(storage.serial or storage.id)}{label}")
    return Group(*parts, "", _contact_table(contacts), "", _finding_table(findings))


def _headline(line: Line, contacts: Sequence[Contact]) -> Text:
    said = newest([each.identity for each in contacts]) or line.said
    registered = line.registered
    words = [f"recorder {line.serial}: {state_of(registered)}"]
    if registered and registered.officer:
        words.append(f"officer {registered.officer} {registered.name}".strip())
    facts = {
        "model": _model(said),
        "id code": said.id_code,
        "officer": said.officer,
        "unit": said.unit,
    }
    words += [f"says {name} {value}" for name, value in facts.items() if value]
    if registered and (differs := registered.differs(said)):
        words.append(f"differs from its registration in {', '.join(differs)}")
    return Text(printable(", ".join(words)))


def _contact_table(contacts: Sequence[Contact]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("contact", "bay", "began", "firmware", "battery", "free", "clock", "ended"):
        table.add_column(heading)
    for each in contacts:
        free = sum(storage.free for storage in each.health.storages) if each.health else 0
        table.add_row(
            str(each.number),
            shown(each.bay),
            _moment(each),
            shown(each.identity.firmware),
            _battery(each),
            size_text(free) if free else "",
            _clock(each),
            shown(each.reason) if each.ended_at else "not ended",
        )
    if not contacts:
        table.add_row("never docked here")
    return table


def _finding_table(findings: Sequence[Finding]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("found", "contact", "bay", "finding"):
        table.add_column(heading)
    for each in findings:
        row = (f"{each.at:%Y-%m-%d %H:%M}Z", str(each.contact), each.bay, each.change.words)
        table.add_row(*map(shown, row))
    if not findings:
        table.add_row("no findings")
    return table
