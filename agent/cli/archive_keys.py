"""`bodydock archive keys`: whose keys this archive goes by, and the change of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from agent.cli.archive_config import config_option, json_option, opened
from agent.cli.show import console, print_json, print_keys, shown
from agent.config import ArchiveConfig, load

if TYPE_CHECKING:
    from agent.archive.own_keys import OwnKeys
    from agent.custody.keys import PublicKey

_by = click.option("--by", required=True, help="Who changes it.")
_why = click.option("--why", required=True, help="The reason.")
_approval = click.option("--approval", default="", help="The approval's reference.")


@click.group(
    "keys", invoke_without_command=True, short_help="Show keys by fingerprint; change our own."
)
@config_option
@json_option
@click.pass_context
def archive_keys(ctx: click.Context, path: Path, *, as_json: bool) -> None:
    """Show the archive's own keys and its docks', with fingerprints to read to each other.

    The people at both ends read the digits aloud; where they agree, so do the keys.
    """
    if ctx.invoked_subcommand is None:
        print_keys(_rows(load(ArchiveConfig, path)), as_json=as_json)


@archive_keys.command(short_help="Make the next key; docks take both from here on.")
@config_option
@_by
@_why
@_approval
@json_option
def rotate(path: Path, by: str, why: str, approval: str, *, as_json: bool) -> None:
    """Make the archive's next key, and a statement of it that both keys sign.

    A running receiver tells docks at once; each follows it by itself and takes receipts by either
    key. It signs nothing yet: `bodydock archive keys switch` is the second step, once the docks
    were in touch. Docks that run an older bodydock need both keys in their configuration first.
    """
    made = _ask(load(ArchiveConfig, path), "rotate-key", by, why, approval)
    if as_json:
        return print_json(made)
    click.echo(f"the next key: {made['fingerprint']}")
    click.echo(f"    {made['new']}")
    return click.echo("`bodydock archive keys switch` lets it sign.")


@archive_keys.command(short_help="Let the next key sign from the next start on.")
@config_option
@_by
@_why
@_approval
@json_option
def switch(path: Path, by: str, why: str, approval: str, *, as_json: bool) -> None:
    """Put the next key in the place of the one that signs; the old private key is gone.

    A running receiver goes on with the old one until it is started again.
    """
    made = _ask(load(ArchiveConfig, path), "switch-key", by, why, approval)
    if as_json:
        return print_json(made)
    click.echo(f"from the next start on: {made['fingerprint']}")
    return click.echo("Start the receiver again to use it.")


@archive_keys.command(short_help="List the changes of the archive's key.")
@config_option
@json_option
def changes(path: Path, *, as_json: bool) -> None:
    """List every change of the archive's key; both signatures of each are verified."""
    from agent.custody.fingerprint import fingerprint
    from agent.custody.keys import public_key

    found = _own(load(ArchiveConfig, path)).changes()
    if as_json:
        print_json([each.model_dump() for each in found])
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("at", "by", "why", "approval", "new key"):
        table.add_column(heading, overflow="fold")
    for each in found:
        told = (each.at, each.by, each.why, each.approval)
        table.add_row(*map(shown, told), fingerprint(public_key(each.new)))
    console().print(table)


def _rows(config: ArchiveConfig) -> list[dict[str, Any]]:
    from agent.custody.fingerprint import fingerprint

    own, whose = _own(config), f"archive {config.archive.id}"
    known: list[tuple[str, str, PublicKey]] = [(whose, "signs", own.secret.public)]
    if own.upcoming is not None:
        known.append((whose, "next, signs after `switch`", own.upcoming))
    known += [(whose, "gave way", key) for key in own.former]
    known += _docks(config)
    return [
        {"whose": whose, "role": role, "fingerprint": fingerprint(key), "key": key.text}
        for whose, role, key in known
    ]


def _docks(config: ArchiveConfig) -> list[tuple[str, str, PublicKey]]:
    """Configured keys win; the others were pinned when they were first seen."""
    from agent.archive.settings import CATALOGUE
    from agent.custody.keys import public_key
    from agent.errors import Malformed

    found = {dock: ("configured", public_key(text)) for dock, text in config.docks.items()}
    if (config.archive.root / CATALOGUE).exists():
        with opened(config) as view:
            for row in view.docks():
                try:
                    pinned = public_key(str(row.public_key))
                except Malformed:  # damaged: the receiver says so, and nothing counts for it
                    continue
                found.setdefault(str(row.dock), ("pinned when first seen", pinned))
    return [(f"dock {dock}", role, key) for dock, (role, key) in sorted(found.items())]


def _own(config: ArchiveConfig) -> OwnKeys:
    from agent.archive.own_keys import OwnKeys

    return OwnKeys(config.archive.root, config.archive.id)


def _ask(config: ArchiveConfig, action: str, by: str, why: str, approval: str) -> dict[str, Any]:
    from agent.archive.office import ask_archive
    from agent.custody.orders import Order

    order = Order(action, who=by, why=why, approval=approval)
    archive = config.archive
    return ask_archive(archive.root, archive.id, order, archive.tree)
