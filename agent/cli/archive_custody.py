"""`bodydock archive custody`: the copies of docks' logs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.archive_config import config_option, json_option, opened
from agent.cli.custody import tell, tell_written
from agent.cli.show import print_json
from agent.config import ArchiveConfig, load
from agent.errors import UsageError
from agent.model import printable

if TYPE_CHECKING:
    from agent.archive.mirror_queries import Mirror
    from agent.archive.view import CatalogueView
    from agent.custody.verify import Keys


@click.group(short_help="Check and hand out the docks' custody logs.")
def custody() -> None:
    """The copies of the docks' custody logs: check them, hand them out."""


@custody.command(short_help="Check the copy of a dock's log.")
@click.argument("dock", required=False)
@click.option("--all", "every", is_flag=True, help="Of every dock, earlier logs too.")
@config_option
@json_option
def verify(dock: str | None, path: Path, *, every: bool, as_json: bool) -> int:
    """Hash every entry of DOCK's log anew and hold it against what was signed.

    Exit code 1: something is wrong, or stands against a log.
    """
    from agent.archive.mirror_check import verify_mirror

    if every == (dock is not None):
        raise UsageError("name a dock, or give --all")
    config = load(ArchiveConfig, path)
    with opened(config) as view:
        mirrors = view.mirrors() if every else [_mirror(view, str(dock))]
        found = {m: verify_mirror(m, keys_for(config, view, m.dock)) for m in mirrors}
    if as_json:
        print_json([{"dock": m.dock, "log": m.log, **v.document()} for m, v in found.items()])
        return 0 if all(v.sound for v in found.values()) else 1
    code = 0
    for mirror, verdict in found.items():
        click.echo(f"dock {printable(mirror.dock)}, log {mirror.log}:")
        code = max(code, tell(verdict, as_json=False))
    return code


@custody.command(short_help="Write a dock's log into a folder.")
@click.argument("dock")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--log", "number", type=click.IntRange(min=0), help="An earlier one of its logs.")
@config_option
@json_option
def export(dock: str, folder: Path, number: int | None, path: Path, *, as_json: bool) -> None:
    """Write DOCK's log as this archive has it into FOLDER, which must be new."""
    from agent.custody.folder import write_folder
    from agent.custody.notes import dock_origin

    config = load(ArchiveConfig, path)
    with opened(config) as view:
        mirror = _mirror(view, dock, number)
        notes = [each.note for each in mirror.cosigned()]
        lines = (text for text, _ in mirror.kept())
        keys = keys_for(config, view, dock)
        written = write_folder(folder, lines, notes, dock_origin(dock), keys)
    tell_written(folder, written, len(notes), as_json=as_json)


@custody.command(short_help="Take a dock's log as it is from now on.")
@click.argument("dock")
@click.option("--by", required=True, help="Who orders it.")
@click.option("--why", required=True, help="What happened to the log.")
@click.option("--approval", default="", help="The reference of the approval.")
@config_option
@json_option
def restart(dock: str, by: str, why: str, approval: str, path: Path, *, as_json: bool) -> None:
    """Take DOCK's log, which was refused, as a new one; what was there before stays.

    First find out why it was refused: a dock restored from a backup, or somebody's hand.
    """
    from agent.archive.office import ask_archive
    from agent.custody.orders import Order

    config = load(ArchiveConfig, path).archive
    order = Order("restart-custody", "", by, why, approval, {"dock": dock})
    made = ask_archive(config.root, config.id, order, config.tree)
    if as_json:
        return print_json(made)
    return click.echo(f"dock {printable(dock)} begins its log number {made['log']}")


def keys_for(config: ArchiveConfig, view: CatalogueView, dock: str) -> Keys:
    """Whose signatures count for a dock's log: the dock's key as configured or pinned, and ours.
    Raises `UsageError` for a dock that has no key here."""
    from agent.archive.own_keys import OwnKeys
    from agent.custody.keys import public_key
    from agent.custody.verify import Keys

    pinned = {str(row.dock): str(row.public_key) for row in view.docks()}
    if (text := config.docks.get(dock) or pinned.get(dock)) is None:
        raise UsageError(f"this archive knows no key of dock {printable(dock)}")
    own = OwnKeys(config.archive.root, config.archive.id, make=False)
    return Keys([public_key(text)], own.ever)


def _mirror(view: CatalogueView, dock: str, number: int | None = None) -> Mirror:
    mirror = view.mirror(dock, number)
    if not mirror.size:
        raise UsageError(f"this archive has no such custody log of dock {printable(dock)}")
    return mirror
