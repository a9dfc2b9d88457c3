"""The rule alone: each reason stands for its own cause, at its exact border, and for no other."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.offload.clearing.rule import (
    CLOCK_LIMIT,
    DAY,
    KEPT_LIMIT,
    PROOF_HOLDS,
    PROOF_REASONS,
    SESSION_REASONS,
    Case,
    Limits,
    ProofFacts,
    Reason,
    standing,
    wants_proof,
)
from agent.spool.clearance import Clearance
from agent.spool.states import State

PROOF = ProofFacts("archive-1", "e1", 0.0)
CLEAR = Case(
    limits=Limits(clearing=True, grace=100.0, early_below=10),
    state=State.RECEIPTED,
    clearance=Clearance.PROVED,
    receipt_archive="archive-1",
    opened=True,
    since_receipt=100.0,
    epoch="e1",
    proof=PROOF,
    same_identity=True,
    capable=True,
    in_place=True,
    alone=True,
    clock_trust="synchronised",
    clock_error=0.0,
    reserve_met=True,
    storage_sound=True,
    firmware_known=True,
)

STANDS: list[tuple[Reason, dict[str, Any]]] = [
    (Reason.OFF, {"limits": replace(CLEAR.limits, clearing=False)}),
    (Reason.INCAPABLE, {"capable": False}),
    (Reason.IS_LOG, {"kind": "log"}),
    (Reason.CLEARED, {"clearance": Clearance.CLEARED}),
    (Reason.UNSETTLED, {"clearance": Clearance.CLEARING}),
    (Reason.UNOPENED, {"opened": False}),
    *((Reason.NO_COPY, {"state": state}) for state in State if state is not State.RECEIPTED),
    (Reason.IDENTITY, {"same_identity": False}),
    (Reason.ELSEWHERE, {"in_place": False}),
    (Reason.TWIN, {"alone": False}),
    (Reason.HELD, {"holds": 1}),
    (Reason.HELD, {"holds": 2}),
    (Reason.GRACE, {"since_receipt": 99.9}),
    (Reason.GRACE, {"since_receipt": None}),
    (Reason.GRACE, {"since_receipt": None, "free_percent": 0.0}),
    (Reason.GRACE, {"since_receipt": 0.0, "free_percent": 10.0}),
    (Reason.GRACE, {"since_receipt": -1.0}),
    (Reason.NO_PROOF, {"proof": None}),
    (Reason.OLD_EPOCH, {"epoch": "e2"}),
    (Reason.OLD_EPOCH, {"epoch": "", "proof": replace(PROOF, epoch="")}),
    (Reason.OLD_EPOCH, {"proof": replace(PROOF, archive="archive-2")}),
    (Reason.OLD_PROOF, {"proof": replace(PROOF, age=PROOF_HOLDS + 0.1)}),
    (Reason.OLD_PROOF, {"proof": replace(PROOF, age=-0.1)}),
    (Reason.OLD_PROOF, {"proof": replace(PROOF, age=float("nan"))}),
    (Reason.CLOCK, {"clock_trust": "unsynchronised"}),
    (Reason.CLOCK, {"clock_trust": "unknown"}),
    (Reason.CLOCK, {"clock_error": CLOCK_LIMIT + 1}),
    (Reason.CLOCK, {"clock_error": -CLOCK_LIMIT - 1}),
    (Reason.CLOCK, {"clock_error": float("nan")}),
    (Reason.RESERVE, {"reserve_met": False}),
    (Reason.STORAGE, {"storage_sound": False}),
    (Reason.CUSTODY, {"custody_trouble": "cut"}),
    (Reason.FIRMWARE, {"firmware_known": False}),
    (Reason.KEPT, {"kept": KEPT_LIMIT}),
    (Reason.KEPT, {"kept": KEPT_LIMIT + 1}),
    (Reason.ERRED, {"erred": True}),
]

MAY: list[dict[str, Any]] = [
    {},
    {"clearance": None},
    {"clearance": Clearance.WANTED},
    {"since_receipt": 1e9},
    {"since_receipt": 0.0, "free_percent": 9.9},
    {"free_percent": 50.0},
    {"proof": replace(PROOF, age=PROOF_HOLDS)},
    {"clock_error": None},
    {"clock_error": CLOCK_LIMIT},
    {"clock_error": -CLOCK_LIMIT},
    {"kept": KEPT_LIMIT - 1},
]


@pytest.mark.parametrize(("reason", "change"), STANDS)
def test_each_cause_has_its_reason_and_no_other(reason: Reason, change: dict[str, Any]) -> None:
    assert standing(replace(CLEAR, **change)) == (reason,)


def test_without_a_receipt() -> None:
    case = replace(CLEAR, receipt_archive="")
    assert standing(case) == (Reason.NO_RECEIPT, Reason.OLD_EPOCH)


@pytest.mark.parametrize("change", MAY)
def test_nothing_else_stands_against_it(change: dict[str, Any]) -> None:
    assert standing(replace(CLEAR, **change)) == ()


def test_every_reason_has_a_test() -> None:
    assert {reason for reason, _ in STANDS} | {Reason.NO_RECEIPT} == set(Reason)


def test_what_nobody_knows_counts_against() -> None:
    against = set(standing(Case()))
    unknown = {
        Reason.IS_LOG, Reason.CLEARED, Reason.UNSETTLED, Reason.HELD, Reason.OLD_EPOCH,
        Reason.OLD_PROOF, Reason.CUSTODY, Reason.KEPT, Reason.ERRED,
    }  # fmt: skip
    assert against == set(Reason) - unknown


def test_an_epoch_that_was_never_heard_is_no_epoch() -> None:
    case = replace(Case(), receipt_archive="archive-1", proof=replace(PROOF, epoch=Case().epoch))
    assert Case().epoch == ""
    assert Reason.OLD_EPOCH in standing(case)


def test_an_empty_case_knows_nothing() -> None:
    known = {
        "limits": Limits(), "state": State.SEEN, "clearance": None, "receipt_archive": "",
        "opened": False,
        "since_receipt": None, "epoch": "", "proof": None, "free_percent": None, "holds": 0,
        "kept": 0, "kind": "footage", "same_identity": False, "capable": False, "in_place": False,
        "alone": False, "clock_trust": "unknown", "clock_error": None, "reserve_met": False,
        "storage_sound": False, "custody_trouble": "", "firmware_known": False, "erred": False,
    }  # fmt: skip
    assert asdict(Case()) | {"limits": Limits()} == known


def test_reasons_stand_together_and_in_order() -> None:
    case = replace(CLEAR, holds=1, erred=True, capable=False)
    assert standing(case) == (Reason.INCAPABLE, Reason.HELD, Reason.ERRED)


@given(st.lists(st.sampled_from(STANDS), min_size=1, max_size=6))
def test_no_cause_hides_another(causes: list[tuple[Reason, dict[str, Any]]]) -> None:
    changes: dict[str, Any] = {}
    wanted = set()
    for reason, change in causes:
        if not ({*changes, *change} >= {"proof", "epoch"} or changes.keys() & change.keys()):
            changes |= change
            wanted.add(reason)
    assert wanted <= set(standing(replace(CLEAR, **changes)))


@pytest.mark.parametrize(
    ("reasons", "wants"),
    [
        ((), False),
        ((Reason.NO_PROOF,), True),
        ((Reason.OLD_EPOCH, Reason.OLD_PROOF), True),
        ((Reason.NO_PROOF, Reason.HELD), False),
        ((Reason.GRACE,), False),
    ],
)
def test_when_a_proof_is_all_that_is_missing(reasons: tuple[Reason, ...], wants: bool) -> None:
    assert wants_proof(reasons) is wants


def test_figures() -> None:
    assert (DAY, PROOF_HOLDS, CLOCK_LIMIT, KEPT_LIMIT) == (86_400, 21_600, 86_400, 3)
    assert Limits() == Limits(clearing=False, grace=259_200, early_below=0)
    assert {Reason.NO_PROOF, Reason.OLD_EPOCH, Reason.OLD_PROOF} == PROOF_REASONS
    assert not PROOF_REASONS & SESSION_REASONS
    for reason in Reason:
        assert reason.value[0].islower()
        assert not reason.value.endswith(".")
