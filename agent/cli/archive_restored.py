"""`bodydock archive restored`: a person says that the archive was brought back from a copy."""

from __future__ import annotations

from pathlib import Path

import click

from agent.cli.archive_config import config_option, json_option
from agent.cli.show import print_json
from agent.config import ArchiveConfig, load


@click.command(short_help="Say that the archive was restored from a backup.")
@click.option("--by", required=True, help="Who says so.")
@click.option("--why", required=True, help="What was restored, and from what.")
@click.option("--approval", default="", help="The reference of the approval.")
@config_option
@json_option
def restored(by: str, why: str, approval: str, path: Path, *, as_json: bool) -> None:
    """Say that the archive, or a part of it, was restored from a backup.

    The archive takes a new epoch: docks clear no recorder until it has proved anew that it has
    each clip, and send again what it lost. Nothing is lost by saying so once too often.
    """
    from agent.archive.office import ask_archive
    from agent.custody.orders import Order

    config = load(ArchiveConfig, path).archive
    order = Order("restored", "", by, why, approval)
    made = ask_archive(config.root, config.id, order, config.tree)
    if as_json:
        return print_json(made)
    return click.echo(f"new epoch {made['epoch']}: docks will ask for proofs of every clip")
