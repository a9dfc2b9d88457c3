"""A recorder of two phases pulled out at every transfer of its control mode, in a whole dock."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from agent.bay.status import Doing
from hwsim.dialects import OVER_USB
from hwsim.faults import Faults, Unplug

from .yard import Yard, held, hurried, recorder

PORT, BESIDE = "1-1.2", "1-1.3"
SIZES = (300_000, 1)


def fired(faults: Faults) -> bool:
    return faults.fired.total() == 1


def empty_or_lost(yard: Yard) -> bool:
    """Pulled out at the unlock's own answer, it looks like one that never came back."""
    status = yard.status(PORT)
    return status is None or "did not come back" in status.trouble


def transfers_of(yard: Yard, family: str) -> int:
    """How many transfers control mode takes where nothing disturbs it."""
    faults = Faults()
    one = yard.make(family, PORT, recorder("BC99999", 1), faults=faults)
    one.plug()
    yard.until_doing(PORT, Doing.READY)
    one.unplug()
    yard.until(lambda: yard.status(PORT) is None)
    return faults.transfers


@pytest.mark.parametrize("family", OVER_USB)
def test_unplugged_at_any_transfer_of_control_mode_nothing_is_lost(
    tmp_path: Path, family: str
) -> None:
    """Plugged in again, everything is pulled; the recorder beside it does not notice."""
    with hurried(tmp_path, family) as yard:
        unplug_at_each(yard, family)


def unplug_at_each(yard: Yard, family: str) -> None:
    beside = yard.make("generic-mtp", BESIDE, recorder("BESIDE1", 500_000))
    beside.plug()
    yard.until_doing(BESIDE, Doing.READY)
    expected = held(beside.body)
    total = transfers_of(yard, family)
    assert total > 10
    for at in range(total):
        body = recorder(f"BC{at:05}", *SIZES)
        faults = Faults(Unplug(at=at))
        one = yard.make(family, PORT, body, faults=faults)
        one.plug()
        yard.until(partial(fired, faults))
        one.unplug()
        yard.until(partial(empty_or_lost, yard))
        again = yard.make(family, PORT, body)
        again.plug()
        status = yard.until_doing(PORT, Doing.READY)
        assert (status.recorder, status.pulled) == (body.serial, 2), at
        again.unplug()
        yard.until(lambda: yard.status(PORT) is None)
        expected |= held(body)
    spooled = yard.spooled()
    assert {key: spooled[key] for key in expected} == expected
    beside_now = yard.status(BESIDE)
    assert beside_now is not None
    assert (beside_now.doing, beside_now.trouble) == (Doing.READY, "")
