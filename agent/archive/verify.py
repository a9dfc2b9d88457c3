"""Hash every object of a store again, and hold folder and catalogue against each other."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from agent.archive.catalogue import CatalogueView
from agent.archive.readback import from_disk
from agent.archive.settings import CATALOGUE
from agent.archive.store import PREFIXES, Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What was found. Objects are named by BLAKE3, `bytes` is what was read.

    `missing` are in the catalogue and not in the folder, `damaged` cannot be read or no longer
    have the bytes of their name, `extra` are files that no record names, listed and not read;
    `catalogue` is `ok` or what SQLite finds wrong.
    """

    objects: int
    bytes: int
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    damaged: tuple[str, ...]
    catalogue: str

    @property
    def sound(self) -> bool:
        """Whether all that was receipted is there. Extra objects take nothing from that."""
        return not self.missing and not self.damaged and self.catalogue == "ok"


def verify_store(root: Path) -> StoreReport:
    """Read every recorded object under `root`; changes nothing, and may run beside a receiver.

    Raises `StoreBroken` where there is no catalogue or no folder to read.
    """
    store = Store(root)
    count = size = 0
    missing: list[str] = []
    extra: list[str] = []
    damaged: list[str] = []
    with CatalogueView(root / CATALOGUE) as catalogue:
        for prefix in PREFIXES:
            recorded = catalogue.object_sizes(prefix)  # first: an object comes before its record
            found = store.objects(prefix)
            missing += sorted(recorded.keys() - found.keys())
            extra += sorted(found.keys() - recorded.keys())
            for name in sorted(found.keys() & recorded.keys()):
                actual, read = _hash(found[name])
                count += 1
                size += read
                if actual != name:
                    damaged.append(name)
        state = catalogue.integrity()
    return StoreReport(count, size, tuple(missing), tuple(extra), tuple(damaged), state)


def _hash(path: Path) -> tuple[str, int]:
    """BLAKE3 and size of a file; no digest where the disk does not give it back."""
    whole, size = blake3(), 0
    try:
        for piece in from_disk(path):
            whole.update(piece)
            size += len(piece)
    except OSError as error:
        log.error("%s cannot be read: %s", path.name, error)
        return "", size
    return whole.hexdigest(), size
