"""A recorder pulled out at any transfer: gone, and nothing false was read (reliability, row 8)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from agent.errors import RecorderGone, RecorderMisbehaved
from agent.model import Clip
from hwsim.body import Body
from hwsim.faces.ptp import PLAIN_PTP, WHOLE_OBJECTS, Quirks
from hwsim.faults import Faults, Silence, Stall, Unplug
from tests.contracts.mtp import dock_mtp
from tests.contracts.recorder import FOOTAGE, small_body

MAKES = {
    "MTP": Quirks(),
    "PTP, split header": Quirks(operations=PLAIN_PTP, split_header=True),
    "whole objects": Quirks(operations=WHOLE_OBJECTS),
    "session left open, Android": Quirks(session_open=True, android=True),
}
STEP = 240 * 1024


@dataclass
class Contact:
    """What one contact came to know before it ended."""

    read: dict[Clip, bytes] = field(default_factory=dict)
    whole: bool = False


def contact(body: Body, quirks: Quirks, faults: Faults, known: Contact) -> None:
    """Identify, health, clock, list, and read every clip to its end."""
    recorder = dock_mtp(body, quirks, faults).recorder
    try:
        assert recorder.identify().serial == "SN-42"
        assert recorder.health().battery_percent == 80
        assert recorder.clock() is not None
        for clip in recorder.clips():
            known.read[clip] = b""
            while len(known.read[clip]) < clip.size:
                known.read[clip] += recorder.read(clip, len(known.read[clip]), STEP)
        known.whole = True
    finally:
        recorder.close()


def transfers_of(quirks: Quirks) -> int:
    """How many transfers a contact takes that nothing disturbs."""
    faults, known = Faults(), Contact()
    contact(small_body(), quirks, faults, known)
    assert {clip.path: data for clip, data in known.read.items()} == FOOTAGE
    return faults.transfers


def check(known: Contact) -> None:
    for clip, data in known.read.items():
        assert FOOTAGE[clip.path].startswith(data)
    if known.whole:
        assert {clip.path: data for clip, data in known.read.items()} == FOOTAGE


@pytest.mark.parametrize("make", MAKES)
def test_unplugged_at_any_transfer_it_is_gone(make: str) -> None:
    quirks = MAKES[make]
    ends = []
    for at in range(transfers_of(quirks)):
        known, faults = Contact(), Faults(Unplug(at=at))
        try:
            contact(small_body(), quirks, faults, known)
        except RecorderGone:
            ends.append(at)
        assert faults.fired.total() == 1
        check(known)
    # After the last byte was read only the session is closed, and nobody is told of that.
    assert ends == list(range(transfers_of(quirks) - 2))


@pytest.mark.parametrize("make", MAKES)
def test_what_was_read_before_an_unplug_is_gone_on_with_after_it(make: str) -> None:
    """At most one piece is read again: what `read` gave stays good."""
    quirks, total = MAKES[make], transfers_of(MAKES[make])
    for at in range(total // 2, total - 2, 3):
        body, known = small_body(), Contact()
        with pytest.raises(RecorderGone):
            contact(body, quirks, Faults(Unplug(at=at)), known)
        again = dock_mtp(body, quirks).recorder
        for clip in again.clips():
            begun = known.read.get(clip, b"")
            assert begun + again.read(clip, len(begun), 10**6) == FOOTAGE[clip.path]


@pytest.mark.parametrize("trouble", [Silence, Stall])
@pytest.mark.parametrize("make", MAKES)
def test_unplugged_while_it_mends_another_trouble_it_ends_as_well(
    make: str, trouble: type[Silence] | type[Stall]
) -> None:
    """It may vanish in the midst of recovery; or the first trouble ended the contact already."""
    quirks, total = MAKES[make], transfers_of(MAKES[make])
    ends = set()
    for at in range(6, total - 4, 5):
        for later in range(1, 5):
            known = Contact()
            faults = Faults(trouble(at=at), Unplug(at=at + later))
            with pytest.raises((RecorderGone, RecorderMisbehaved)) as raised:
                contact(small_body(), quirks, faults, known)
            ends.add(raised.type)
            check(known)
    assert RecorderGone in ends
