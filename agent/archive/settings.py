"""How one receiver is set up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.custody.keys import PublicKey
from agent.errors import ConfigError

MIB = 1024 * 1024
CATALOGUE = "catalogue.db"
"""The catalogue's name in the archive's folder."""
KEY = "keys/archive.pem"
"""Where the signing key lies in the archive's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSettings:
    """`archive` and `receiver` are names of the contract; sizes are in bytes.

    `window` is the most credit of one dock, `credit` of all together: their messages must fit a
    broker's queue for us (Mosquitto drops beyond 1,000 by default). `docks` are keys known
    beforehand; another dock's key is pinned when it is first seen.
    """

    archive: str
    receiver: str
    root: Path
    floor: int = 512 * MIB
    window: int = 16 * MIB
    credit: int = 192 * MIB
    open_limit: int = 64
    """The most clips that are under way at once."""
    docks: Mapping[str, PublicKey] = field(default_factory=dict)
    identity: Path | None = None
    """Of age identities, which open encrypted clips; see `agent.archive.opening`."""
    keeps_plain: bool = False
    """Whether encrypted clips are kept decrypted."""
    tree: str = ""
    """How clips are named in the folders for people, see `agent.archive.template`; empty: none."""

    def __post_init__(self) -> None:
        if not 2 * MIB <= self.window <= self.credit:
            raise ConfigError(f"window {self.window}: between {2 * MIB} and credit {self.credit}")
        if self.keeps_plain and not self.identity:
            raise ConfigError(
                'archive.store is "plain" without an archive.identity to decrypt with',
                do="name the file that `bodydock archive age-key` makes",
            )
