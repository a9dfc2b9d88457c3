"""Whether one clip may be cleared from its recorder. Pure, and the only place that says so.

Everything that speaks against it is named at once, so that nobody clears one hindrance only to
meet the next (invariants I1 to I6 of the design's reliability chapter, section 2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from agent.spool.clearance import Clearance, Step
from agent.spool.states import State

DAY = 24 * 3600.0
PROOF_HOLDS = 6 * 3600.0
"""Seconds of running time for which a possession proof counts."""
CLOCK_LIMIT = DAY
"""Seconds. A recorder whose clock is further off gives dates that may come again."""
KEPT_LIMIT = 3
"""How often a recorder may keep a clip that it was told to delete, before it is left alone."""


class Reason(Enum):
    """What stands against clearing a clip; each value says it to people."""

    OFF = "clearing is off"
    INCAPABLE = "nothing can delete on this recorder"
    IS_LOG = "it is the recorder's own log"
    CLEARED = "it was cleared already"
    UNSETTLED = "a deletion was begun and nobody looked yet what became of it"
    NO_RECEIPT = "no archive has given its receipt"
    UNOPENED = "it is encrypted, and its archive never opened it"
    NO_COPY = "the dock's own copy is not here, or not sound"
    IDENTITY = "it came from a recorder of another identity"
    ELSEWHERE = "it does not lie where it was pulled from"
    TWIN = "another object has its very name, size and date"
    HELD = "a hold stands"
    GRACE = "its grace is not over"
    NO_PROOF = "its archive has not proved that it has it"
    OLD_EPOCH = "the proof is not of the archive's present epoch"
    OLD_PROOF = "the proof is too old"
    CLOCK = "a clock is in doubt"
    RESERVE = "the dock's disk is below its reserve"
    STORAGE = "the recorder's storage is suspect"
    CUSTODY = "the custody log is in doubt"
    FIRMWARE = "the recorder's firmware is not one that its profile knows"
    KEPT = "the recorder kept it when it was told to delete it"
    ERRED = "the recorder deleted something else than it was told to"


PROOF_REASONS = frozenset({Reason.NO_PROOF, Reason.OLD_EPOCH, Reason.OLD_PROOF})
"""What a new proof ends."""
SESSION_REASONS = frozenset(
    {
        Reason.INCAPABLE,
        Reason.ELSEWHERE,
        Reason.TWIN,
        Reason.RESERVE,
        Reason.STORAGE,
        Reason.CUSTODY,
        Reason.CLOCK,
    }
)
"""What only a session with the recorder knows for sure."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the policy in force says, see `policy.effective`."""

    clearing: bool = False
    grace: float = 3 * DAY
    """Seconds of running time after the receipt."""
    early_below: int = 0
    """Per cent; while less of the storage is free, the grace is not waited for."""


@dataclass(frozen=True, slots=True)
class ProofFacts:
    """A proof that the ledger keeps: of which archive and epoch, and how old in running time."""

    archive: str
    epoch: str
    age: float


@dataclass(frozen=True, slots=True)
class Case:
    """One clip at one moment, in plain values. What nobody knows yet counts against clearing.

    `opened`: its archive read the very bytes that were recorded, also of a clip that came to it
    encrypted; till then nobody knows that what was encrypted can be opened to them.

    `since_receipt` is running time in seconds; `epoch` what the receipt's archive calls its epoch
    now; `free_percent` of the clip's storage, None where nobody tells.
    """

    limits: Limits = field(default_factory=Limits)
    state: State = State.SEEN
    clearance: Step = None
    receipt_archive: str = ""
    opened: bool = False
    since_receipt: float | None = None
    epoch: str = ""
    proof: ProofFacts | None = None
    free_percent: float | None = None
    holds: int = 0
    kept: int = 0
    kind: str = "footage"
    same_identity: bool = False
    capable: bool = False
    in_place: bool = False
    alone: bool = False
    clock_trust: str = "unknown"
    clock_error: float | None = None
    reserve_met: bool = False
    storage_sound: bool = False
    custody_trouble: str = ""
    firmware_known: bool = False
    erred: bool = False


def standing(case: Case) -> tuple[Reason, ...]:
    """Every reason that stands against clearing this clip, in `Reason`'s order; none: it may go."""
    return tuple(reason for reason in Reason if _STANDS[reason](case))


def wants_proof(reasons: tuple[Reason, ...]) -> bool:
    """Whether a proof is all that is missing."""
    return bool(reasons) and PROOF_REASONS.issuperset(reasons)


def _in_grace(case: Case) -> bool:
    if case.since_receipt is None:
        return True
    free = case.free_percent
    early = free is not None and free < case.limits.early_below
    return case.since_receipt < case.limits.grace and not early


def _old_epoch(case: Case) -> bool:
    proof = case.proof
    return proof is not None and (
        not case.epoch or proof.epoch != case.epoch or proof.archive != case.receipt_archive
    )


def _old_proof(case: Case) -> bool:
    return case.proof is not None and not 0 <= case.proof.age <= PROOF_HOLDS


def _clock_doubt(case: Case) -> bool:
    """The dock's own clock, or the recorder's: dates that may come again identify nothing."""
    off = case.clock_error is not None and not abs(case.clock_error) <= CLOCK_LIMIT
    return case.clock_trust != "synchronised" or off


_STANDS: dict[Reason, Callable[[Case], bool]] = {
    Reason.OFF: lambda case: not case.limits.clearing,
    Reason.INCAPABLE: lambda case: not case.capable,
    Reason.IS_LOG: lambda case: case.kind != "footage",
    Reason.CLEARED: lambda case: case.clearance is Clearance.CLEARED,
    Reason.UNSETTLED: lambda case: case.clearance is Clearance.CLEARING,
    Reason.NO_RECEIPT: lambda case: not case.receipt_archive,
    Reason.UNOPENED: lambda case: not case.opened,
    Reason.NO_COPY: lambda case: case.state is not State.RECEIPTED,
    Reason.IDENTITY: lambda case: not case.same_identity,
    Reason.ELSEWHERE: lambda case: not case.in_place,
    Reason.TWIN: lambda case: not case.alone,
    Reason.HELD: lambda case: case.holds != 0,
    Reason.GRACE: _in_grace,
    Reason.NO_PROOF: lambda case: case.proof is None,
    Reason.OLD_EPOCH: _old_epoch,
    Reason.OLD_PROOF: _old_proof,
    Reason.CLOCK: _clock_doubt,
    Reason.RESERVE: lambda case: not case.reserve_met,
    Reason.STORAGE: lambda case: not case.storage_sound,
    Reason.CUSTODY: lambda case: case.custody_trouble != "",
    Reason.FIRMWARE: lambda case: not case.firmware_known,
    Reason.KEPT: lambda case: case.kept >= KEPT_LIMIT,
    Reason.ERRED: lambda case: case.erred,
}
