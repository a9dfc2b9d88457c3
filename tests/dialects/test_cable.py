"""A bad cable at every transfer of a whole session: it ends in time, in a typed error or well."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hwsim.faults import (
    Endless,
    Fault,
    Faults,
    FlipBit,
    ShortRead,
    Silence,
    Stall,
    Trickle,
    ZeroLength,
)
from tests.contracts.recorder import TestClock
from tests.dialects.families import USB, docked, survive, whole_session

LONGEST = 40.0
"""Seconds of a whole session with one misbehaving function (each has five, and patience)."""

TRANSFER_FAULTS: dict[str, Callable[[int], Fault]] = {
    "stall": lambda at: Stall(at=at),
    "stalls for ever": lambda at: Stall(at=at, times=None),
    "silence": lambda at: Silence(at=at),
    "silence for ever": lambda at: Silence(at=at, times=None),
    "short": lambda at: ShortRead(at=at, keep=5),
    "short and lost": lambda at: ShortRead(at=at, keep=5, lost=True),
    "zero length": lambda at: ZeroLength(at=at),
    "zero length for ever": lambda at: ZeroLength(at=at, times=None),
    "endless": lambda at: Endless(at=at, times=None),
    "trickle": lambda at: Trickle(at=at, times=None),
    "a flipped bit": lambda at: FlipBit(at=at, byte=-1, bit=6),
}


@pytest.mark.parametrize("fault", TRANSFER_FAULTS)
@pytest.mark.parametrize("family", USB)
def test_a_bad_cable_at_every_transfer(family: str, fault: str) -> None:
    with docked(family) as dock:
        whole_session(dock)
        whole = dock.faults.transfers
    for at in range(whole):
        with docked(family, faults=Faults(TRANSFER_FAULTS[fault](at))) as dock:
            survive(dock)
            assert dock.face.dangers == []
            clock = dock.site.clock
            assert isinstance(clock, TestClock)
            assert clock.passed < LONGEST, f"transfer {at}"
