"""`bodydock archive annotate`, `hold`, `lift`, `tree`: orders of the archive's people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agent.cli.archive_config import config_option, json_option, opened, whole_clip
from agent.cli.show import print_json, shown
from agent.config import ArchiveConfig, load
from agent.model import HoldReason

_by = click.option("--by", required=True, help="Who orders it.")
_approval = click.option("--approval", default="", help="The reference of the approval.")
_prefix = click.argument("prefix")


@click.command(short_help="Write a clip's case data anew.")
@_prefix
@config_option
@click.option("--name", help="What the clip is called.")
@click.option("--officer", help="The officer's number.")
@click.option("--officer-name", help="The officer's name.")
@click.option("--unit", help="The unit.")
@click.option("--used-from", help="When the use began, with its time zone.")
@click.option("--used-until", help="When the use ended, with its time zone.")
@click.option("--party", help="The case party.")
@click.option("--cause", help="The cause of action.")
@click.option("--case", "case_number", help="The case's number.")
@click.option("--business", help="The business class.")
@click.option("--business-part", help="The class within that class.")
@click.option("--remark", help="Anything else.")
@click.option("--importance", type=click.IntRange(0, 9), help="A person's mark.")
@click.option("--retention", help="The retention class; needs an approval.")
@click.option("--why", required=True, help="Why it is changed.")
@_by
@_approval
@json_option
def annotate(
    path: Path, prefix: str, why: str, by: str, approval: str, *, as_json: bool, **fields: Any
) -> None:
    """Write case data; what is not named stays, an empty text takes a field out.

    PREFIX is the beginning of the clip's id. Every change is a new version with who, when and why;
    no version is ever lost.
    """
    from agent.cli.clip_facts import case_table
    from agent.cli.show import console
    from agent.config.retention import known_class

    config = load(ArchiveConfig, path)
    what = {name: value for name, value in fields.items() if value is not None}
    known_class(config.retention, what.get("retention", ""))
    made = _ask(config, "annotate", prefix, by, why, approval, what)
    if as_json:
        return print_json(made)
    console().print(f"version {made['version']} of the archive, by {shown(by)}")
    return console().print(case_table(made["case"]))


@click.command(short_help="Forbid that a clip is cleared or falls due.")
@_prefix
@config_option
@click.option(
    "--reason",
    required=True,
    type=click.Choice([each.value for each in HoldReason]),
    help="Article 13's, or another important one, which the note says.",
)
@click.option("--note", default="", help="In words.")
@_by
@_approval
@json_option
def hold(
    path: Path, prefix: str, reason: str, note: str, by: str, approval: str, *, as_json: bool
) -> None:
    """Hold a clip here, and at every dock that knows it; they are told until they answer."""
    what = {"reason": reason, "note": note}
    made = _ask(load(ArchiveConfig, path), "hold", prefix, by, note, approval, what)
    if as_json:
        return print_json(made)
    docks = ", ".join(map(str, made["docks"])) or "none"
    return click.echo(f"hold {made['hold']} stands; docks that are told: {docks}")


@click.command(short_help="Lift a hold.")
@_prefix
@click.argument("number", type=int)
@config_option
@click.option("--dock", default="", help="Whose own hold it is; else the archive's.")
@click.option("--why", required=True, help="Why it need not be held any longer.")
@_by
@click.option("--approval", required=True, help="The reference of the approval.")
@json_option
def lift(
    path: Path,
    prefix: str,
    number: int,
    dock: str,
    why: str,
    by: str,
    approval: str,
    *,
    as_json: bool,
) -> None:
    """Lift hold NUMBER, with those that docks set by our order.

    A dock's own hold stands until that dock says that it was lifted.
    """
    what = {"hold": number, "dock": dock}
    made = _ask(load(ArchiveConfig, path), "lift", prefix, by, why, approval, what)
    if as_json:
        return print_json(made)
    state = "is lifted" if made["lifted"] else f"will be lifted by dock {dock}"
    return click.echo(f"hold {number} {state}; orders to docks: {made['errands']}")


@click.command(short_help="Make the folders for people anew.")
@config_option
@click.option("--by", default="operator", show_default=True, help="Who orders it.")
@json_option
def tree(path: Path, by: str, *, as_json: bool) -> None:
    """Name every clip's links anew, as [archive] tree says; objects are never touched.

    A running receiver does so step by step.
    """
    from agent.archive.office import ask_archive
    from agent.custody.orders import Order

    config = load(ArchiveConfig, path).archive
    made = ask_archive(config.root, config.id, Order("tree", who=by), config.tree)
    if as_json:
        return print_json(made)
    return click.echo(f"{made['to_name']} clips are named in {config.root / 'tree'}")


def _ask(
    config: ArchiveConfig,
    action: str,
    prefix: str,
    by: str,
    why: str,
    approval: str,
    what: dict[str, Any],
) -> dict[str, Any]:
    from agent.archive.office import ask_archive
    from agent.custody.orders import Order

    with opened(config) as view:
        clip = whole_clip(view, prefix)
    order = Order(action, clip, by, why, approval, what)
    return ask_archive(config.archive.root, config.archive.id, order, config.archive.tree)
