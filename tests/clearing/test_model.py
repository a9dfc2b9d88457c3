"""Every state of clearing that up to three faults lead to; and that looking finds what is wrong."""

from __future__ import annotations

import pytest

from agent.errors import WrongState
from agent.offload.clearing import rule
from agent.offload.clearing.rule import Reason

from . import model


def test_no_invariant_is_broken_in_any_state() -> None:
    """`python -m tests.clearing.model` prints each step."""
    number, taken = model.explore(3)
    print(f"{number} states, {taken.total()} steps")
    assert number > 100_000
    for name in ("released", "settled", "listed again", "pulled again", "epoch heard"):
        assert taken[name]
    assert sum(name.startswith("fault") for name in taken) >= 24


@pytest.mark.parametrize(
    "reason",
    [
        Reason.OFF,
        Reason.UNOPENED,
        Reason.NO_COPY,
        Reason.HELD,
        Reason.GRACE,
        Reason.OLD_PROOF,
        Reason.CLOCK,
        Reason.RESERVE,
        Reason.STORAGE,
        Reason.CUSTODY,
        Reason.FIRMWARE,
        Reason.ERRED,
    ],
)
def test_a_rule_without_a_reason_is_found_out(
    reason: Reason, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(rule._STANDS, reason, lambda _: False)
    with pytest.raises((model.Violation, WrongState)):
        model.explore(2)


def test_a_rule_without_proofs_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for reason in rule.PROOF_REASONS:
        monkeypatch.setitem(rule._STANDS, reason, lambda _: False)
    with pytest.raises((model.Violation, WrongState)):
        model.explore(1)


@pytest.mark.parametrize("name", ["heard", "unproved", "settled", "copy_read"])
def test_a_program_that_leaves_out_a_step_is_found_out(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {
        "heard": lambda world, epoch: world._replace(epoch=epoch),
        "unproved": lambda world: world,
        "settled": model.cleared,
        "copy_read": lambda world: world._replace(at="hashing", g_read=world.spool),
    }
    monkeypatch.setattr(model, name, wrong[name])
    if name in {"heard", "unproved"}:  # it fails closed: nothing is cleared by it
        model.explore(1)
    else:
        with pytest.raises((model.Violation, WrongState)):
            model.explore(2)
