"""Fleet policies: the archive's side signs one, a dock takes it on."""

from __future__ import annotations

import os
from pathlib import Path

import click

from agent.cli.archive_config import config_option as archive_option
from agent.cli.ask import ask
from agent.cli.run import config_option
from agent.cli.show import console, print_json, shown
from agent.clock import SystemClock, to_text
from agent.config import ArchiveConfig, DockConfig, load
from agent.custody.orders import Order
from agent.errors import UsageError

LIMIT = 64 * 1024
"""Bytes of a policy file."""


@click.command("policy", short_help="Make and sign a policy for all docks.")
@archive_option
@click.option("--clearing", type=click.Choice(["on", "off"]), required=True)
@click.option("--grace-hours", type=click.FloatRange(min=0, max=24 * 366), default=72.0)
@click.option("--early-below", type=click.IntRange(0, 100), default=0, help="Per cent free.")
@click.option("--serial", type=click.IntRange(min=1), help="Higher than all before; else the time.")
@click.option("--by", required=True, help="Who orders it.")
@click.option("--approval", required=True, help="The reference of the approval.")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="A new file.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def archive_policy(
    path: Path,
    clearing: str,
    grace_hours: float,
    early_below: int,
    serial: int | None,
    by: str,
    approval: str,
    output: Path,
    *,
    as_json: bool,
) -> None:
    """Sign what docks may do, into a file for `bodydock policy`.

    Docks follow it where their configuration says `[clearing] mode = "fleet"`, which they do
    unless it says otherwise; "off" there always wins.
    """
    from agent.archive.own_keys import signing_key
    from agent.custody.policies import facts_of, sign
    from agent.wire.evidence import Policy

    now = SystemClock().now()
    policy = Policy(
        serial=serial or int(now.timestamp()),
        issued_at=to_text(now),
        by=by,
        approval=approval,
        clearing=clearing == "on",
        grace_hours=grace_hours,
        early_below=early_below,
    )
    key = signing_key(load(ArchiveConfig, path).archive.root)
    _write(output, sign(policy, key))
    if as_json:
        print_json({"serial": policy.serial, "file": str(output), **facts_of(policy)})
    else:
        click.echo(f"policy {policy.serial}: clearing {clearing}, signed into {output}")


@click.command(short_help="Take on a policy that the archive signed.")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@config_option
@click.option("--by", required=True, help="Who orders it.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def policy(file: Path, path: Path, by: str, *, as_json: bool) -> None:
    """Take on the policy in FILE, if a pinned archive key signed it and it is newer than all."""
    config = load(DockConfig, path)
    order = Order("policy", who=by, why="a new policy", what={"envelope": _read(file)})
    made = ask(config, order)
    if as_json:
        print_json(made)
    else:
        word = "on" if made["clearing"] else "off"
        console().print(f"policy {made['serial']} by {shown(made['by'])}: clearing {word}")


def _write(path: Path, data: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise UsageError(f"{path} is there already", do="name a new file") from error


def _read(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(LIMIT + 1)
    if len(data) > LIMIT or not data.isascii():
        raise UsageError(f"{path} is no policy file", do="`bodydock archive policy` makes one")
    return data.decode("ascii")
