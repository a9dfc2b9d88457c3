"""What a check of a custody log found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

FAULTS_LIMIT = 100


@dataclass(slots=True)
class Verdict:
    """`covered` entries are under a checkpoint that the dock signed, `cosigned` under one that an
    archive cosigned."""

    entries: int = 0
    checkpoints: int = 0
    covered: int = 0
    cosigned: int = 0
    proofs: int = 0
    faults: list[str] = field(default_factory=list)
    """Whatever is wrong; the first `FAULTS_LIMIT` of it."""
    unchecked: list[str] = field(default_factory=list)
    """What could not be checked from what was given."""

    @property
    def sound(self) -> bool:
        return not self.faults

    def fault(self, what: str) -> None:
        if len(self.faults) < FAULTS_LIMIT:
            self.faults.append(what)

    def open(self, what: str) -> None:
        """Something that is not known to be wrong, nor to be right."""
        if what not in self.unchecked:
            self.unchecked.append(what)

    def document(self) -> dict[str, Any]:
        return {
            "sound": self.sound,
            "entries": self.entries,
            "checkpoints": self.checkpoints,
            "covered": self.covered,
            "cosigned": self.cosigned,
            "proofs": self.proofs,
            "faults": self.faults,
            "unchecked": self.unchecked,
        }
