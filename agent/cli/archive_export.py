"""`bodydock archive export` and `archive exports`: hand out what the archive stores."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from agent.cli.archive_config import config_option, json_option, opened
from agent.cli.export import (
    chosen_options,
    deliver,
    show_exports,
    supply_of,
    supply_options,
    tell,
    told,
)
from agent.cli.exporting import Search, search_of
from agent.clock import to_text
from agent.config import ArchiveConfig, load
from agent.custody.export.record import Orders
from agent.custody.export.supply import Consignment, Evidence, Exhibit


@click.command("export", short_help="Hand clips out as a bag that anybody can check.")
@config_option
@chosen_options
@supply_options
def archive_export(path: Path, *, as_json: bool, **asked: Any) -> None:
    """Copy stored clips with their evidence into a new folder or ISO image: a BagIt bag with check
    values, signatures, custody proofs and a cover page to print.

    Conditions narrow each other; --clip may be given several times. Encrypted clips are opened
    where the archive has the identity, else supplied as they are, with ".age" in their names. Who
    supplied what to whom is recorded before and after.
    """
    from agent.archive.office import ask_archive
    from agent.archive.own_keys import OwnKeys

    config = load(ArchiveConfig, path)
    root, name = config.archive.root, config.archive.id
    supply = supply_of(f"archive {name}", asked)
    own = OwnKeys(root, name)
    exhibits, evidence = _stock(config, own, asked)
    given = Consignment(supply=supply, exhibits=exhibits, key=own.secret, told=told(as_json))
    book = Orders(partial(ask_archive, root, name))
    tell(deliver(given, book, lambda: evidence, asked), supply, as_json=as_json)


@click.command("exports", short_help="List what was handed out, to whom, by whose word.")
@config_option
@json_option
def archive_exports(path: Path, *, as_json: bool) -> None:
    """List what was handed out here, newest first, with the check value of each whole."""
    with opened(load(ArchiveConfig, path)) as view:
        found = view.exports()
    show_exports(found, as_json=as_json)


def _stock(
    config: ArchiveConfig, own: Any, asked: dict[str, Any]
) -> tuple[list[Exhibit], Evidence]:
    from agent.archive.opening import Opening
    from agent.archive.store import Store
    from agent.archive.supplying import Stock

    identity = config.archive.identity
    opening = Opening(identity) if identity is not None else None
    search = search_of(asked)
    with opened(config) as view:
        store = Store(config.archive.root)
        stock = Stock(
            view=view,
            store=store,
            key=own.secret.public,
            opening=opening,
            former=[*filter(None, [own.upcoming]), *own.former],
        )
        rows = stock.chosen(asked["prefixes"], _asked(search) if search else None)
        return [stock.exhibit(row) for row in rows], stock.proofs(rows)


def _asked(search: Search) -> Any:
    from agent.archive.search import Asked

    return Asked(
        case=search.case_number or "",
        officer=search.officer or "",
        party=search.party or "",
        since=to_text(search.since) if search.since else "",
        until=to_text(search.until) if search.until else "",
        held=search.held,
    )
