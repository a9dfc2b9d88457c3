"""What commands of the archive share: its configuration, its catalogue, a clip by its beginning."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.config import ARCHIVE_FILE, ArchiveConfig
from agent.errors import StoreBroken, UsageError
from agent.model import printable

if TYPE_CHECKING:
    from agent.archive.view import CatalogueView

config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path, readable=False),
    default=ARCHIVE_FILE,
    show_default=True,
    help="The archive's configuration.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="For machines.")


def opened(config: ArchiveConfig) -> CatalogueView:
    """The catalogue, to read; also while a receiver writes it. Raises `StoreBroken`."""
    from agent.archive.records import SCHEMA
    from agent.archive.settings import CATALOGUE
    from agent.archive.view import CatalogueView

    path = config.archive.root / CATALOGUE
    if not path.exists():
        raise StoreBroken(f"there is no catalogue at {path}", do="has the archive run here?")
    view = CatalogueView(path)
    if (version := view.meta("schema")) != str(SCHEMA):
        view.close()
        raise UsageError(
            f"the catalogue is of version {version}, which has no case data",
            do="start the receiver once, which brings it up",
        )
    return view


def whole_clip(view: CatalogueView, prefix: str) -> str:
    """The one clip whose id begins so. Raises `UsageError` for none and for several."""
    found = view.clips_like(prefix) if prefix else []
    if not found:
        raise UsageError(
            f"no clip begins with {printable(prefix[:64])!r}",
            do="`bodydock archive find` lists them",
        )
    if len(found) > 1:
        raise UsageError(
            f"several clips begin with {printable(prefix[:64])!r}", do="say more of it"
        )
    return found[0]
