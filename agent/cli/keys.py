"""`bodydock keys`: whose keys this dock goes by, and the change of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.table import Table

from agent.cli.run import config_option
from agent.cli.show import console, print_json, print_keys, shown
from agent.clock import SystemClock, to_text
from agent.config import DockConfig, load
from agent.custody.dock_key import CREDENTIAL
from agent.custody.fingerprint import fingerprint
from agent.custody.keys import PublicKey, SecretKey, is_credential, public_key
from agent.custody.pinned import Pinned
from agent.custody.rotation import KeyFiles, change_of, envelopes, prepare
from agent.errors import UsageError
from agent.spool.view import LedgerView


@click.group(invoke_without_command=True, short_help="Show keys by fingerprint; change the dock's.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_context
def keys(ctx: click.Context, path: Path, *, as_json: bool) -> None:
    """Show every key that this dock goes by, with fingerprints to read to each other.

    The people at both ends read the digits aloud; where they agree, so do the keys.
    """
    if ctx.invoked_subcommand is None:
        print_keys(_rows(load(DockConfig, path)), as_json=as_json)


@keys.command(short_help="Let the dock's key give way to a new one.")
@config_option
@click.option("--by", required=True, help="Who changes it.")
@click.option("--why", required=True, help="The reason.")
@click.option("--approval", default="", help="The approval's reference.")
def rotate(path: Path, by: str, why: str, approval: str) -> None:
    """Make a new key for the dock; it signs from the dock's next start on.

    Both keys sign a statement of the change. The archive follows it by itself, and the old private
    key is gone with that start.
    """
    config = load(DockConfig, path)
    if is_credential(CREDENTIAL):
        raise UsageError(
            "systemd hands this dock its key", do=f"change the credential {CREDENTIAL} instead"
        )
    change = prepare(
        KeyFiles(config.key),
        owner=f"dock/{config.dock.id}",
        at=to_text(SystemClock().now()),
        by=by,
        why=why,
        approval=approval,
    )
    click.echo(f"from the next start on: {fingerprint(public_key(change.new))}")
    click.echo("Start bodydock again to use it.")


@keys.command(short_help="List the changes of the dock's key.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def changes(path: Path, *, as_json: bool) -> None:
    """List every change of the dock's key; both signatures of each are verified."""
    files = KeyFiles(load(DockConfig, path).key)
    found = [change_of(each) for each in envelopes(files)]
    if as_json:
        print_json([each.model_dump() for each in found])
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("at", "by", "why", "approval", "new key"):
        table.add_column(heading, overflow="fold")
    for each in found:
        table.add_row(
            each.at,
            shown(each.by),
            shown(each.why),
            shown(each.approval),
            fingerprint(public_key(each.new)),
        )
    console().print(table)


def _rows(config: DockConfig) -> list[dict[str, Any]]:
    dock = SecretKey.load_or_make(config.key, CREDENTIAL).public
    known = [(f"dock {config.dock.id}", "signs", dock)]
    files = KeyFiles(config.key)
    if files.next.exists():
        upcoming = SecretKey.load(files.next).public
        known.append((f"dock {config.dock.id}", "signs from the next start on", upcoming))
    known += _archives(config)
    known += [("case system", "may send orders", public_key(text)) for text in config.cases.keys]
    return [
        {"whose": whose, "role": role, "fingerprint": fingerprint(key), "key": key.text}
        for whose, role, key in known
    ]


def _archives(config: DockConfig) -> list[tuple[str, str, PublicKey]]:
    """The archive's keys: those configured, and those that they led to."""
    configured, statements = [public_key(text) for text in config.archive.keys], []
    if config.ledger.exists():
        with LedgerView(config.ledger) as ledger:
            statements = ledger.journal.archive_changes()
    pinned = Pinned(configured, statements)
    rows = [("archive", "pinned" + _when(pinned, key), key) for key in configured]
    others = [key for key in (*pinned, *pinned.ever) if key not in configured]
    return rows + [
        ("archive", "followed" + _when(pinned, key), key) for key in dict.fromkeys(others)
    ]


def _when(pinned: Pinned, key: PublicKey) -> str:
    if key not in pinned:
        return ", counts only for what it signed before"
    if key in pinned.missing:
        return "; put it into [archive] keys"
    return ", gave way to another" if pinned.gave_way(key) else ""
