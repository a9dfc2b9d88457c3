"""What a manifest tells of a clip's case: its newest data, its holds, how long it is to be kept.

Later versions and holds reach the archive through the custody log; a manifest has what is known
at the moment of its offer.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Protocol

from agent.config import Retained
from agent.config.retention import DEFAULTS, ROUTINE
from agent.model import ClipId, Hold, printable
from agent.spool.case_rows import CaseVersion
from agent.wire.facts import CaseFacts, HoldFacts, RetentionFacts

log = logging.getLogger(__name__)

HOLDS_TOLD = 64
"""The contract takes no more; the oldest are told, and one is enough to keep a clip."""
NO_CLASSES: Mapping[str, Retained] = MappingProxyType({each.name: each for each in DEFAULTS})


class CaseBooks(Protocol):
    """`agent.spool.ledger.Ledger`."""

    def case_of(self, clip: ClipId) -> CaseVersion | None: ...
    def holds(self, clip: ClipId) -> list[Hold]: ...


@dataclass(frozen=True, slots=True)
class CaseTold:
    """The parts of a manifest."""

    case: CaseFacts | None
    holds: Sequence[HoldFacts]
    retention: RetentionFacts


def case_told(ledger: CaseBooks, clip: ClipId, classes: Mapping[str, Retained]) -> CaseTold:
    """Of one clip; `classes` are those of the office, by name. Raises ValueError (pydantic's) for
    what the contract has no place for."""
    newest = ledger.case_of(clip)
    name = newest.case.retention if newest else ""
    return CaseTold(
        case=CaseFacts(version=newest.version, **asdict(newest.case)) if newest else None,
        holds=[_hold(each) for each in ledger.holds(clip)[:HOLDS_TOLD]],
        retention=_retention(clip, name or ROUTINE, classes),
    )


def _hold(hold: Hold) -> HoldFacts:
    return HoldFacts(
        reason=hold.reason.value, note=hold.note, who=hold.who, approval=hold.approval, at=hold.at
    )


def _retention(clip: ClipId, name: str, classes: Mapping[str, Retained]) -> RetentionFacts:
    """A class that the office no longer names is kept for ever, until somebody says otherwise."""
    if (known := classes.get(name)) is None:
        log.error("clip %s: no retention class %s; it is kept for ever", clip, printable(name))
        return RetentionFacts(name=name, until="ever")
    return RetentionFacts(name=name, months=known.months, until=known.until)
