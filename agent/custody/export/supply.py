"""What is supplied: on whose word, to whom, and which clips with what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.custody.export.medium import Pour, pour_file
from agent.custody.keys import PublicKey, SecretKey
from agent.model import ClipFacts, Digests


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """One export. `id` names it for ever, `at` is RFC 3339 in UTC, `source` the dock or archive
    that it is made at, `by` who does it, `approval` the reference of who allowed it."""

    id: str
    at: str
    source: str
    by: str
    approval: str
    receiver: str
    why: str = ""

    def document(self) -> dict[str, str]:
        names = ("id", "at", "source", "by", "approval", "receiver", "why")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Signed:
    """An envelope as it came, and the key that its signature was found to fit; None where that
    key is not known here."""

    envelope: bytes
    key: PublicKey | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One clip. `size` and `digests` are those that the books promise for the bytes that `pour`
    gives; `plain` False where those are still encrypted. `source` is the file that holds exactly
    them, None where they come out of another form.

    `path` and `recorded` are the recorder's own words. Empty texts are unknown.
    """

    clip: str
    serial: str
    maker: str
    model: str
    path: str
    recorded: str
    size: int
    digests: Digests
    source: Path | None
    pour: Pour
    plain: bool = True
    marked: bool = False
    facts: ClipFacts = field(default_factory=ClipFacts)
    dock: str
    bay: str = ""
    pulled_at: str = ""
    archive: str = ""
    stored_at: str = ""
    offer: Signed | None = None
    receipt: Signed | None = None
    case: Mapping[str, Any] = field(default_factory=dict)
    """The newest case data; all versions and all holds are in `record`."""
    record: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the README: what it shows, in both languages, and its command for `sh`, run in
    the bag's folder; it ends with 0 only where all is well."""

    zh: str
    en: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a bag holds beside clips: files beneath `evidence/` by name, and the steps of the
    README that check them."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Consignment:
    """Everything that a bag is made of. `key` seals it."""

    supply: Supply
    exhibits: list[Exhibit]
    key: SecretKey
    evidence: Evidence = field(default_factory=Evidence)
    told: Callable[[str], None] = lambda _: None
    """Hears which file is being written."""


def plain_file(path: Path, clip: str, name: str) -> Pour:
    """The bytes of a file as they are."""
    return pour_file(path, f"clip {clip} ({name})")
