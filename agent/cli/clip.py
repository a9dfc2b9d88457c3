"""`bodydock clip`: one clip, everything known of it, its case data and its holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from agent.cli.ask import ask
from agent.cli.clip_facts import Known, case_table, clip_document, clip_page, hold_words
from agent.cli.run import config_option
from agent.cli.show import console, print_json, shown
from agent.config import DockConfig, load
from agent.custody.orders import Order
from agent.errors import UsageError
from agent.model import ClipId, HoldReason, printable
from agent.spool.view import LedgerView

F = TypeVar("F", bound=Callable[..., Any])

_json_option = click.option("--json", "as_json", is_flag=True, help="For machines.")
_by_option = click.option("--by", required=True, help="Who orders it.")
_prefix = click.argument("prefix")


def _approval_option(*, required: bool = False) -> Callable[[F], F]:
    default: dict[str, Any] = {} if required else {"default": ""}
    return click.option(
        "--approval", required=required, help="The reference of the approval.", **default
    )


@click.group(short_help="Show, annotate, hold one clip.")
def clip() -> None:
    """Show one clip, write its case data, hold it. PREFIX is the beginning of its id."""


@clip.command(short_help="Everything that is known of a clip.")
@_prefix
@config_option
@_json_option
def show(path: Path, prefix: str, *, as_json: bool) -> None:
    """Everything known of a clip: facts, case data with all versions, holds, custody entries."""
    config = load(DockConfig, path)
    with LedgerView(config.ledger) as ledger:
        entry = ledger.entries(prefix=_whole(ledger, prefix), limit=1)[0]
        versions, holds = ledger.case_versions(entry.clip), ledger.holds(entry.clip, lifted=True)
        known = Known(entry, versions, holds, ledger.journal.of(entry.clip))
    if as_json:
        print_json(clip_document(known))
    else:
        console().print(clip_page(known))


@clip.command(short_help="Write a clip's case data anew.")
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
@_by_option
@_approval_option()
@_json_option
def annotate(
    path: Path, prefix: str, why: str, by: str, approval: str, *, as_json: bool, **fields: Any
) -> None:
    """Write case data; what is not named stays, an empty text takes a field out.

    Every change is a new version with who, when and why; no version is ever lost.
    """
    config = load(DockConfig, path)
    what = {name: value for name, value in fields.items() if value is not None}
    made = ask(config, Order("annotate", _found(config, prefix), by, why, approval, what))
    if as_json:
        print_json(made)
        return
    console().print(f"version {made['version']}, {shown(made['at'])}, by {shown(made['who'])}")
    console().print(case_table(made["case"]))


@clip.command(short_help="Forbid that a clip is cleared or falls due.")
@_prefix
@config_option
@click.option(
    "--reason",
    required=True,
    type=click.Choice([each.value for each in HoldReason]),
    help="Article 13's, or another important one, which the note says.",
)
@click.option("--note", default="", help="In words.")
@_by_option
@_approval_option()
@_json_option
def hold(
    path: Path, prefix: str, reason: str, note: str, by: str, approval: str, *, as_json: bool
) -> None:
    """Hold a clip: at once it is neither cleared from its recorder nor due for deletion."""
    config = load(DockConfig, path)
    what = {"reason": reason, "note": note}
    made = ask(config, Order("hold", _found(config, prefix), by, "", approval, what))
    if as_json:
        print_json(made)
    else:
        console().print(hold_words(made))


@clip.command(short_help="Lift a hold.")
@_prefix
@click.argument("number", type=int, required=False)
@config_option
@click.option("--why", required=True, help="Why it need not be held any longer.")
@_by_option
@_approval_option(required=True)
@_json_option
def lift(
    path: Path, prefix: str, number: int | None, why: str, by: str, approval: str, *, as_json: bool
) -> None:
    """Lift hold NUMBER, which may be left out where only one stands."""
    config = load(DockConfig, path)
    what = {} if number is None else {"hold": number}
    made = ask(config, Order("lift", _found(config, prefix), by, why, approval, what))
    if as_json:
        print_json(made)
    else:
        console().print(hold_words(made))


def _found(config: DockConfig, prefix: str) -> ClipId:
    with LedgerView(config.ledger) as ledger:
        return _whole(ledger, prefix)


def _whole(ledger: LedgerView, prefix: str) -> ClipId:
    """The one clip whose id begins so. Raises `UsageError` for none and for several."""
    found = ledger.entries(prefix=prefix, limit=2) if prefix else []
    if not found:
        raise UsageError(
            f"no clip begins with {printable(prefix[:64])!r}", do="`bodydock clips` lists them"
        )
    if len(found) > 1:
        raise UsageError(
            f"several clips begin with {printable(prefix[:64])!r}", do="say more of it"
        )
    return found[0].clip
