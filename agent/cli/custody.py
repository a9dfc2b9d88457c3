"""`bodydock custody`: the dock's log, its proofs, and a check of both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from agent.cli.run import config_option
from agent.cli.show import console, print_json, shown
from agent.config import DockConfig, load
from agent.custody.folder import verify_folder, write_folder
from agent.custody.keys import PublicKey, SecretKey, public_key
from agent.custody.log import clip_proofs
from agent.custody.notes import NOTE_LIMIT, dock_origin
from agent.custody.pinned import ever
from agent.custody.stored import verify_journal
from agent.custody.verdict import Verdict
from agent.custody.verify import Keys
from agent.errors import KeyUnusable, NotPermitted, UsageError
from agent.log_entry import LogEntry, read_entry
from agent.model import printable
from agent.spool.view import LedgerView

NEWEST = 20

_json_option = click.option("--json", "as_json", is_flag=True, help="For machines.")


@click.group(short_help="Show, prove and check the custody log.")
def custody() -> None:
    """The log of what happened to every clip: show it, hand it out, check it."""


@custody.command(short_help="How far the log is signed, and its newest entries.")
@config_option
@click.option("--clip", "prefix", default="", help="Only of the clip whose id begins so.")
@click.option("--limit", type=click.IntRange(min=1), default=NEWEST, show_default=True)
@_json_option
def show(path: Path, prefix: str, limit: int, *, as_json: bool) -> None:
    """Show how far the log is signed and cosigned, and its newest entries."""
    with LedgerView(load(DockConfig, path).ledger) as ledger:
        journal = ledger.journal
        state = {
            "entries": journal.size,
            "signed": getattr(journal.newest(), "size", 0),
            "cosigned": getattr(journal.newest(cosigned=True), "size", 0),
            "refused": journal.trouble(),
        }
        if prefix:
            found = journal.of(whole_clip(ledger, prefix))[-limit:]
        else:
            first = max(0, journal.size - limit)
            found = [read_entry(line) for line in journal.lines(first, limit)]
    if as_json:
        return print_json({**state, "log": [_document(entry) for entry in found]})
    click.echo("{entries} entries, {signed} signed, {cosigned} cosigned".format(**state))
    if state["refused"]:
        click.echo(f"REFUSED by the archive: {printable(str(state['refused']))}")
    return console().print(entry_table(found))


@custody.command(short_help="Write the whole log into a folder.")
@click.argument("folder", type=click.Path(path_type=Path))
@config_option
@_json_option
def export(folder: Path, path: Path, *, as_json: bool) -> None:
    """Write the log, its checkpoints and keys into FOLDER, which anybody can check.

    FOLDER must be new. `python3 FOLDER/outsider.py FOLDER` checks it without bodydock.
    """
    config = load(DockConfig, path)
    keys, _ = dock_keys(config)
    with LedgerView(config.ledger) as ledger:
        notes = [each.best for each in ledger.journal.notes()]
        origin = dock_origin(config.dock.id)
        written = write_folder(folder, ledger.journal.lines(), notes, origin, keys)
    tell_written(folder, written, len(notes), as_json=as_json)


@custody.command(short_help="Check the log, or an exported folder.")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@config_option
@click.option(
    "--key", "dock", multiple=True, metavar="KEY", help="The dock's key, known from elsewhere."
)
@click.option(
    "--archive-key", "archives", multiple=True, metavar="KEY", help="The archive's, likewise."
)
@click.option(
    "--checkpoint",
    "known",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A checkpoint known from elsewhere, which must fit.",
)
@_json_option
def verify(
    folder: Path | None,
    path: Path,
    dock: tuple[str, ...],
    archives: tuple[str, ...],
    known: tuple[Path, ...],
    *,
    as_json: bool,
) -> int:
    """Check FOLDER from its files alone; without FOLDER, this dock's own log.

    Every entry is hashed anew and held against every checkpoint. Exit code 1: something is wrong.
    """
    notes = [(each.name, _note(each)) for each in known]
    if folder is not None:
        keys = [[public_key(text) for text in texts] for texts in (dock, archives)]
        verdict = verify_folder(folder, dock=keys[0], archives=keys[1], known=notes)
        return tell(verdict, as_json=as_json)
    if dock or archives or known:
        raise UsageError("--key, --archive-key and --checkpoint go with FOLDER")
    config = load(DockConfig, path)
    ours, unsure = dock_keys(config)
    with LedgerView(config.ledger) as ledger:
        verdict = verify_journal(ledger.journal, ours, dock_origin(config.dock.id))
    for each in unsure:
        verdict.open(each)
    return tell(verdict, as_json=as_json)


@custody.command(short_help="Print the proofs of a clip's entries.")
@click.argument("prefix")
@config_option
def prove(prefix: str, path: Path) -> None:
    """Print, as JSON, a proof for each entry about the clip whose id begins with PREFIX.

    Each in a file of its own in FOLDER/proofs, with a keys.txt, is what `verify` checks.
    """
    with LedgerView(load(DockConfig, path).ledger) as ledger:
        journal = ledger.journal
        if (note := journal.newest(cosigned=True) or journal.newest()) is None:
            raise UsageError("there is no checkpoint yet", do="try again in a minute")
        print_json(clip_proofs(journal, whole_clip(ledger, prefix), note.best))


def dock_keys(config: DockConfig) -> tuple[Keys, list[str]]:
    """Whose signatures count for this dock's own log; and what of it is not sure."""
    archives = archive_keys(config)
    try:
        return Keys([SecretKey.load(config.key).public], archives), []
    except KeyUnusable as error:
        with LedgerView(config.ledger) as ledger:
            known = ledger.journal.own_key()
        if not known:
            raise
        return Keys([public_key(known)], archives), [f"whose the dock's key is: {error.what}"]


def archive_keys(config: DockConfig) -> list[PublicKey]:
    """The archive's, as configured, and those that the ledger's statements tie to them."""
    with LedgerView(config.ledger) as ledger:
        statements = ledger.journal.archive_changes()
    return ever([public_key(text) for text in config.archive.keys], statements)


def whole_clip(ledger: LedgerView, prefix: str) -> str:
    """The one clip whose id begins so. Raises `UsageError` for none and for several."""
    found = ledger.entries(prefix=prefix, limit=2)
    if len(found) != 1:
        many = "several clips begin" if found else "no clip begins"
        raise UsageError(f"{many} with {printable(prefix[:64])!r}", do="see `bodydock clips`")
    return found[0].clip


def tell(verdict: Verdict, *, as_json: bool) -> int:
    """Say what a check found; the exit code."""
    code = 0 if verdict.sound else 1
    if as_json:
        print_json(verdict.document())
        return code
    for what in verdict.faults:
        click.echo(f"wrong: {printable(what)}")
    for what in verdict.unchecked:
        click.echo(f"not checked: {printable(what)}")
    click.echo(
        f"{verdict.entries} entries, {verdict.covered} signed, {verdict.cosigned} cosigned, "
        f"{verdict.proofs} proofs"
    )
    click.echo("SOUND" if verdict.sound else "NOT SOUND")
    return code


def tell_written(folder: Path, entries: int, notes: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"folder": str(folder), "entries": entries, "checkpoints": notes})
    else:
        click.echo(f"{entries} entries and {notes} checkpoints in {folder}")


def entry_table(entries: list[LogEntry]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("number", "when", "what", "who", "clip"):
        table.add_column(heading, no_wrap=heading in {"number", "what"}, overflow="fold")
    for entry in entries:
        table.add_row(
            str(entry.number), shown(entry.at), entry.kind.value, shown(entry.who), entry.clip[:12]
        )
    return table


def _document(entry: LogEntry) -> Mapping[str, Any]:
    return {
        "number": entry.number,
        "kind": entry.kind.value,
        "at": entry.at,
        "trust": entry.trust,
        "run": entry.run,
        "who": entry.who,
        "clip": entry.clip,
        "what": dict(entry.what),
    }


def _note(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(4 * NOTE_LIMIT).decode("utf-8", "replace")
    except OSError as error:
        raise NotPermitted(f"{path} cannot be read: {error.strerror}") from error
