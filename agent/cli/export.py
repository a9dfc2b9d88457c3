"""`bodydock export` and `bodydock exports`: hand clips out with their evidence."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from agent.cli.run import config_option
from agent.cli.show import console, print_json, shown, size_text
from agent.clock import SystemClock, to_text
from agent.config import DockConfig, load
from agent.custody.export.deliver import Outcome, to_folder, to_image
from agent.custody.export.record import Book, Orders
from agent.custody.export.supply import Consignment, Evidence, Supply
from agent.errors import UsageError
from agent.model import printable
from agent.spool.exports import EvidenceView, Exported

F = TypeVar("F", bound=Callable[..., Any])


def supply_options(command: F) -> F:
    """Where to, to whom and on whose word: the same on dock and archive."""
    folder = click.Path(path_type=Path, file_okay=False, writable=False, readable=False)
    file = click.Path(path_type=Path, dir_okay=False, writable=False, readable=False)
    for option in (
        click.option("--json", "as_json", is_flag=True, help="For machines."),
        click.option("--why", default="", help="In words, for the cover page."),
        click.option("--by", required=True, help="Who makes the export."),
        click.option("--receiver", required=True, help="Who is given it."),
        click.option("--approval", required=True, help="Reference of who allowed it."),
        click.option("--iso", type=file, help="A new ISO image for burning."),
        click.option("--to", type=folder, help="A new folder, such as one on a USB stick."),
    ):
        command = option(command)
    return command


def chosen_options(command: F) -> F:
    """Which clips: the same on dock and archive."""
    for option in (
        click.option("--held", is_flag=True, help="Those with a hold."),
        click.option("--until", metavar="TIME", help="Recorded before (RFC 3339)."),
        click.option("--since", metavar="TIME", help="Recorded after (RFC 3339)."),
        click.option("--party", metavar="TEXT", help="Of this case party."),
        click.option("--officer", metavar="NUMBER", help="Of this officer."),
        click.option("--case", "case_number", metavar="NUMBER", help="Of this case."),
        click.option("--clip", "prefixes", multiple=True, metavar="PREFIX", help="By id."),
    ):
        command = option(command)
    return command


@click.command(short_help="Hand clips out as a bag that anybody can check.")
@config_option
@chosen_options
@supply_options
def export(path: Path, *, as_json: bool, **asked: Any) -> None:
    """Copy clips with their evidence into a new folder or ISO image: a BagIt bag with check values,
    signatures, custody proofs and a cover page to print.

    Conditions narrow each other; --clip may be given several times. Who supplied what to whom is
    recorded before and after. From an encrypted spool nothing can be read: export at the archive.
    """
    from agent.cli.ask import ask
    from agent.cli.exporting import exhibits_of, proofs_of, seal_key

    config = load(DockConfig, path)
    supply, key = supply_of(f"dock {config.dock.id}", asked), seal_key(config)
    exhibits = exhibits_of(config, key, asked)
    given = Consignment(supply=supply, exhibits=exhibits, key=key, told=told(as_json))
    prove = partial(proofs_of, config, key, [each.clip for each in exhibits])
    outcome = deliver(given, Orders(partial(ask, config)), prove, asked)
    tell(outcome, supply, as_json=as_json)


@click.command(short_help="List what was handed out, to whom, by whose word.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="All facts, for machines.")
def exports(path: Path, *, as_json: bool) -> None:
    """List what was handed out, newest first, with the check value of each whole."""
    config = load(DockConfig, path)
    with EvidenceView(config.ledger) as ledger:
        found = ledger.exports()
    show_exports(found, as_json=as_json)


def supply_of(source: str, asked: dict[str, Any]) -> Supply:
    """Who, for whom, on whose word. Raises `UsageError` where one of them is blank."""
    texts = {name: asked[name].strip() for name in ("by", "approval", "receiver")}
    if blank := [name for name, text in texts.items() if not text]:
        raise UsageError(
            f"--{blank[0]} is empty", do="an export names who, for whom, by whose word"
        )
    if (asked["to"] is None) == (asked["iso"] is None):
        raise UsageError("name either --to or --iso")
    at = to_text(SystemClock().now())
    return Supply(id=os.urandom(8).hex(), at=at, source=source, why=asked["why"].strip(), **texts)


def deliver(
    given: Consignment, book: Book, proofs: Callable[[], Evidence], asked: dict[str, Any]
) -> Outcome:
    """To where it was asked for."""
    if asked["to"] is not None:
        return to_folder(Path(asked["to"]).absolute(), given, book, proofs)
    return to_image(Path(asked["iso"]).absolute(), given, book, proofs)


def tell(outcome: Outcome, supply: Supply, *, as_json: bool) -> None:
    """What was made, and the number to write on the paper."""
    if as_json:
        facts = outcome.facts() | {"target": str(outcome.target)}
        print_json(supply.document() | facts)
        return
    click.echo(
        f"export {supply.id}: {outcome.clips} clips, {size_text(outcome.bytes)}, read back\n"
        f"{printable(str(outcome.target))}\n"
        "SHA-256 of tagmanifest-sha256.txt, to be written on the cover page:\n"
        f"{outcome.tagmanifest_sha256}"
    )
    if outcome.image_sha256:
        click.echo(f"SHA-256 of the image:\n{outcome.image_sha256}")


def show_exports(found: list[Exported], *, as_json: bool) -> None:
    """As a list, or for machines."""
    if as_json:
        print_json([_document(each) for each in found])
        return
    out = console()
    for each in found:
        out.print("\n".join(map(shown, _lines(each))))
    if not found:
        out.print("nothing was handed out")


def _lines(each: Exported) -> Iterator[str]:
    """One export. The whole check value: it is held against the paper."""
    begun, at = each.begun, f"{each.at[:16].replace('T', ' ')}Z"
    yield f"{each.id}  {at}  {each.stage}, {begun.get('clips', '?')} clips"
    yield f"  by {each.who} for {begun.get('receiver', '')}, approval {begun.get('approval', '')}"
    if value := each.ended.get("tagmanifest_sha256"):
        yield f"  {value}"


def _document(each: Exported) -> dict[str, Any]:
    return {
        "export": each.id,
        "at": each.at,
        "by": each.who,
        "begun": dict(each.begun),
        "stage": each.stage,
        "ended_at": each.ended_at or None,
        "ended": dict(each.ended),
    }


def told(as_json: bool) -> Callable[[str], None]:  # noqa: FBT001
    """Each file's name on standard error, where a person looks."""
    if as_json:
        return lambda _: None
    return lambda name: click.echo(printable(name), err=True)
