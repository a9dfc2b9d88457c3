"""A recorder that declares too small a size is found out by a reading past the declared end."""

from __future__ import annotations

import pytest

from agent.errors import RecorderBusy, RecorderMisbehaved, RecorderRefused
from agent.recorder.mtp.reading import PEEP
from hwsim.body import Card, HeldClip
from hwsim.faces.ptp import NO_PARTIAL_64, PLAIN_PTP, WHOLE_OBJECTS, Operation, Quirks
from hwsim.faults import BadData, FalseSize, Faults, Refuse
from tests.contracts.mtp import dock_mtp
from tests.contracts.recorder import LONG, Docked, small_body

PARTIAL = {"64 bits": Quirks(), "32 bits": Quirks(operations=NO_PARTIAL_64)}
WHOLE = Quirks(operations=WHOLE_OBJECTS)
PARTS = (Operation.GET_PARTIAL_OBJECT_64, Operation.GET_PARTIAL_OBJECT)
NAME = "A.MP4"


def holding(content: bytes, quirks: Quirks, faults: Faults | None = None) -> Docked:
    body = small_body(cards=[Card("SD", 10**7, [HeldClip(NAME, content=content)])])
    return dock_mtp(body, quirks, faults)


def declaring(size: int, quirks: Quirks, content: bytes = LONG) -> Docked:
    return holding(content, quirks, Faults(FalseSize(size=size)))


@pytest.mark.parametrize("declared", [0, 1, 350_000, len(LONG) - 1])
@pytest.mark.parametrize("make", PARTIAL)
def test_what_lies_past_the_declared_end_shows(make: str, declared: int) -> None:
    docked = declaring(declared, PARTIAL[make])
    clip = docked.clip(NAME)
    assert clip.size == declared
    if declared:
        assert docked.recorder.read(clip, 0, 10**6) == LONG[:declared]
    assert docked.recorder.read(clip, declared, 10**6) == LONG[declared:][:PEEP]
    assert docked.recorder.read(clip, declared, 1) == LONG[declared:][:1]


@pytest.mark.parametrize("make", PARTIAL)
def test_past_an_honest_end_there_is_nothing_and_reading_goes_on(make: str) -> None:
    docked = holding(LONG, PARTIAL[make])
    clip = docked.clip(NAME)
    for past in (0, 1, 2**33):
        assert docked.recorder.read(clip, len(LONG) + past, 100) == b""
    assert docked.recorder.read(clip, 0, 10**6) == LONG


def test_a_reading_of_nothing_asks_nothing() -> None:
    faults = Faults()
    docked = holding(LONG, Quirks(), faults)
    clip, before = docked.clip(NAME), faults.transfers
    assert docked.recorder.read(clip, len(LONG), 0) == b""
    assert faults.transfers == before


@pytest.mark.parametrize("code", [0x201D, 0x2002])
def test_a_refusal_of_the_offset_is_an_end(code: int) -> None:
    faults = Faults()
    docked = holding(LONG, Quirks(), faults)
    clip = docked.clip(NAME)
    faults.add(Refuse(operation=PARTS[0], code=code))
    assert docked.recorder.read(clip, len(LONG), 100) == b""
    assert faults.fired.total() == 1
    assert docked.recorder.read(clip, 0, 10**6) == LONG


@pytest.mark.parametrize(("code", "error"), [(0x2019, RecorderBusy), (0x2009, RecorderRefused)])
def test_a_refusal_for_another_reason_is_no_end(code: int, error: type[Exception]) -> None:
    faults = Faults()
    docked = holding(LONG, Quirks(), faults)
    clip = docked.clip(NAME)
    faults.add(Refuse(operation=PARTS[0], code=code))
    with pytest.raises(error):
        docked.recorder.read(clip, len(LONG), 100)


@pytest.mark.parametrize("code", [0x2005, 0x2006])
def test_where_one_operation_is_not_supported_the_next_tells(code: int) -> None:
    for refused in (PARTS[:1], PARTS):
        faults = Faults(*(Refuse(operation=one, code=code, times=None) for one in refused))
        faults.add(FalseSize(size=1000))
        docked = holding(LONG, Quirks(), faults)
        clip = docked.clip(NAME)
        if refused == PARTS:
            with pytest.raises(RecorderMisbehaved, match="bytes of an object that has 1000"):
                docked.recorder.read(clip, 1000, 100)
        else:
            assert docked.recorder.read(clip, 1000, 100) == LONG[1000:][:PEEP]


def test_an_answer_without_data_is_an_end_only_past_the_end() -> None:
    faults = Faults()
    docked = holding(LONG, Quirks(), faults)
    clip = docked.clip(NAME)
    ok = Refuse(operation=PARTS[0], code=0x2001)
    faults.add(ok)
    assert docked.recorder.read(clip, len(LONG), 100) == b""
    faults.add(ok)
    with pytest.raises(RecorderMisbehaved, match="answers before it sends its data"):
        docked.recorder.read(clip, 0, 100)


def test_more_than_was_asked_for_past_the_end_is_a_violation() -> None:
    faults = Faults()
    docked = holding(LONG, Quirks(), faults)
    clip = docked.clip(NAME)
    faults.add(BadData(operation=PARTS[0], length=5000, deliver=0))
    with pytest.raises(RecorderMisbehaved):
        docked.recorder.read(clip, len(LONG), 100)


# Where only whole objects are given, the length of what is given has to be the declared one.


@pytest.mark.parametrize("quirks", [WHOLE, Quirks(operations=PLAIN_PTP - set(PARTS))])
@pytest.mark.parametrize("declared", [0, 1, 350_000])
def test_a_whole_object_that_is_longer_than_declared_is_a_violation(
    quirks: Quirks, declared: int
) -> None:
    docked = declaring(declared, quirks)
    clip = docked.clip(NAME)
    for offset in {0, declared}:
        with pytest.raises(RecorderMisbehaved, match=f"an object that has {declared}"):
            docked.recorder.read(clip, offset, 100)


@pytest.mark.parametrize("content", [b"", b"x", LONG])
def test_a_whole_object_of_the_declared_length_has_nothing_past_it(content: bytes) -> None:
    docked = holding(content, WHOLE)
    clip = docked.clip(NAME)
    assert docked.recorder.read(clip, len(content), 100) == b""
    assert docked.recorder.read(clip, 0, 10**6) == content
    assert docked.recorder.read(clip, len(content), 100) == b""


def test_an_empty_object_may_be_answered_without_data() -> None:
    faults = Faults()
    docked = holding(b"", WHOLE, faults)
    clip = docked.clip(NAME)
    faults.add(Refuse(operation=Operation.GET_OBJECT, code=0x2001))
    assert docked.recorder.read(clip, 0, 100) == b""
    assert faults.fired.total() == 1
