"""A hostile recorder costs its own contact and nothing more (reliability figures, row 17).

Whatever it does, a session ends in bounded time, in bounded memory and with an error of ours; what
was read before that is what was recorded; and the recorder beside it does not notice.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from agent.errors import RecorderError, RecorderMisbehaved
from agent.link.usb import UsbBus
from agent.model import Clip
from agent.recorder.base import Recorder
from agent.recorder.mtp.recorder import open_mtp
from hwsim.faces.ptp import PLAIN_PTP, WHOLE_OBJECTS, Operation, PtpFace, Quirks
from hwsim.faces.ptp_hostile import HOSTILE, faults
from hwsim.faults import (
    AnswerFirst,
    BadData,
    BadResponse,
    Endless,
    FalseDelete,
    Fault,
    Faults,
    NoAnswer,
    Repeat,
    Stall,
    Trickle,
)
from hwsim.ports.usb_memory import MemoryBus
from tests.contracts.mtp import PORT, clock_of, dock_mtp
from tests.contracts.recorder import FOOTAGE, small_body, small_card

MAKES = {
    "MTP": Quirks(),
    "whole objects": Quirks(operations=WHOLE_OBJECTS, zero_packet=False),
    "PTP, split header": Quirks(operations=PLAIN_PTP, split_header=True),
}
SECONDS = 120.0
TRANSFERS = 100_000
MEMORY = 64 * 1024 * 1024
FALSE_BYTES = {"other bytes at every reading", "bits flip everywhere"}
"""PTP carries no checksum: no initiator sees these."""


def session(recorder: Recorder) -> tuple[list[RecorderError], dict[Clip, bytes]]:
    """All verbs of a contact, each on its own: the errors, and the clips that were read."""
    errors: list[RecorderError] = []
    clips: list[Clip] = []
    read: dict[Clip, bytes] = {}

    def attempt(verb: Callable[[], object]) -> None:
        try:
            verb()
        except RecorderError as error:
            errors.append(error)

    def take_all() -> None:
        for clip in recorder.clips():  # what came before an error counts
            clips.append(clip)  # noqa: PERF402

    def read_whole(clip: Clip) -> None:
        half = clip.size // 2
        first = recorder.read(clip, 0, half)
        read[clip] = first + recorder.read(clip, half, min(clip.size, 10**6))

    attempt(recorder.identify)
    attempt(recorder.health)
    attempt(recorder.clock)
    attempt(take_all)
    attempt(take_all)
    for clip in dict.fromkeys(clips):
        attempt(lambda clip=clip: read_whole(clip))  # type: ignore[misc]
    if clips:
        attempt(lambda: recorder.delete(clips[0]))
    attempt(recorder.health)
    recorder.close()
    return errors, read


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize("behaviour", HOSTILE)
def test_a_session_ends_in_bounds_and_reads_nothing_false(
    behaviour: str, make: str, seed: int
) -> None:
    body, hostile = small_body(), faults(behaviour, seed)
    try:
        errors, read = session(dock_mtp(body, MAKES[make], hostile).recorder)
    except RecorderError as error:
        errors, read = [error], {}
    assert clock_of(body).passed < SECONDS
    assert hostile.transfers < TRANSFERS
    assert all(str(error) and "\x1b" not in str(error) for error in errors)
    if behaviour not in FALSE_BYTES:
        held = [clip.content.read(0, clip.size) for clip in small_card()[0].clips]
        assert all(any(whole.startswith(data) for whole in held) for data in read.values())


@pytest.mark.parametrize("behaviour", ["a million clips", "endless data"])
def test_a_session_stays_small(behaviour: str) -> None:
    body = small_body()
    recorder = dock_mtp(body, faults=faults(behaviour)).recorder
    tracemalloc.start()
    try:
        session(recorder)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


VIOLATIONS = [
    name
    for name, made in HOSTILE.items()
    if isinstance(made[0], BadResponse | BadData | AnswerFirst | NoAnswer | Repeat)
    and name not in {"response with an unknown code", "footage that is cut"}
]
"""What breaks the protocol itself; an unknown code is a refusal, a short answer is asked on."""


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize("behaviour", VIOLATIONS)
def test_a_broken_container_never_passes(behaviour: str, make: str) -> None:
    hostile = faults(behaviour)
    errors, _ = session(dock_mtp(small_body(), MAKES[make], hostile).recorder)
    assert hostile.fired
    assert any(isinstance(error, RecorderMisbehaved) for error in errors)


def test_the_recorder_beside_it_does_not_notice() -> None:
    quiet, loud = small_body(), small_body()
    bus = MemoryBus(waited=clock_of(quiet).advance)
    bus.plug(PORT, PtpFace(quiet))
    bus.plug("1-1.3", PtpFace(loud, Faults(Endless(at=20, times=None))))
    usb = UsbBus(bus)
    first, second = (open_mtp(usb, one, clock_of(quiet)) for one in usb.list_devices())
    (clip,) = [clip for clip in first.clips() if clip.path == "AUDIO/A_1.WAV"]
    errors, _ = session(second)
    assert errors
    assert first.read(clip, 0, 1000) == FOOTAGE["AUDIO/A_1.WAV"]


# What follows from single troubles.


def test_a_stall_is_mended_and_the_question_asked_again() -> None:
    hostile = Faults()
    docked = dock_mtp(small_body(), faults=hostile)
    for at in range(9):
        clip = docked.clip("DCIM/100BODY/CAM_0001.MP4")
        hostile.add(Stall(at=hostile.transfers + at))
        assert docked.recorder.read(clip, 5, 600_000) == FOOTAGE[clip.path][5:600_005]
    assert hostile.fired.total() == 9


def test_after_a_violation_the_session_goes_on() -> None:
    hostile = Faults()
    docked = dock_mtp(small_body(), faults=hostile)
    clip = docked.clip("DCIM/100BODY/CAM_0001.MP4")
    hostile.add(BadData(operation=Operation.GET_PARTIAL_OBJECT_64, transaction=-1))
    with pytest.raises(RecorderMisbehaved, match="sends data of transaction"):
        docked.recorder.read(clip, 0, 100_000)
    assert docked.recorder.read(clip, 0, 100_000) == FOOTAGE[clip.path][:100_000]


def test_a_deletion_is_never_sent_twice() -> None:
    hostile = Faults(NoAnswer(operation=Operation.DELETE_OBJECT))
    docked = dock_mtp(small_body(), faults=hostile)
    clips = list(docked.recorder.clips())
    with pytest.raises(RecorderMisbehaved, match="DELETE_OBJECT"):
        docked.recorder.delete(clips[0])
    assert len(docked.body.clips) == 7
    left = {clip.path for clip in docked.recorder.clips()}
    assert left == {clip.path for clip in clips[1:]}


@pytest.mark.parametrize("at", [3, 4])
def test_a_stalled_deletion_is_not_repeated_either(at: int) -> None:
    docked = dock_mtp(small_body(), faults=(hostile := Faults()))
    clip = docked.clip("AUDIO/A_1.WAV")
    hostile.add(Stall(at=hostile.transfers + at))
    with pytest.raises(RecorderMisbehaved, match="DELETE_OBJECT: the recorder stalls"):
        docked.recorder.delete(clip)
    assert len(docked.body.clips) == (8 if at == 3 else 7)


@pytest.mark.parametrize("another", [False, True])
def test_a_lying_deletion_shows_in_the_next_listing(another: bool) -> None:
    docked = dock_mtp(small_body(), faults=Faults(FalseDelete(another=another)))
    clip = docked.clip("AUDIO/A_1.WAV")
    docked.recorder.delete(clip)
    left = list(docked.recorder.clips())
    assert clip in left
    assert len(left) == len(FOOTAGE) - another


@pytest.mark.parametrize(
    ("make", "fault", "words"),
    [
        ("MTP", AnswerFirst(at=3), "answers before it sends its data"),
        ("MTP", BadResponse(deliver=4, at=3), "sends 4 bytes after its response"),
        (
            "whole objects",
            BadData(operation=Operation.GET_OBJECT, cut=100),
            "declares 699901 bytes of an object that has 700001",
        ),
    ],
)
def test_what_was_broken_is_said(make: str, fault: Fault, words: str) -> None:
    errors, _ = session(dock_mtp(small_body(), MAKES[make], Faults(fault)).recorder)
    assert any(words in str(error) for error in errors)


def test_endless_data_is_not_read_for_long() -> None:
    hostile = faults("endless data")
    docked = dock_mtp(small_body(), faults=hostile)
    errors, _ = session(docked.recorder)
    assert errors
    assert hostile.transfers < 60


def test_a_trickle_ends_before_its_bytes_do() -> None:
    """One byte per time-out, all of it in whole packets' clothing: time runs out, not bytes."""
    body = small_body()
    docked = dock_mtp(body, faults=(hostile := Faults()))
    clip = docked.clip("DCIM/100BODY/CAM_0001.MP4")
    before = clock_of(body).passed
    hostile.add(Trickle(times=None))
    with pytest.raises(RecorderError):
        docked.recorder.read(clip, 0, 100_000)
    assert clock_of(body).passed - before < 60
