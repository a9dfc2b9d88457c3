"""A hostile SMP recorder costs its own contact and nothing more (reliability figures, row 17)."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from agent.errors import RecorderError, RecorderGone, RecorderMisbehaved
from agent.model import Clip
from agent.recorder.smp.recorder import open_on
from agent.recorder.smp.session import HEARD_LIMIT
from hwsim.body import Card, HeldClip
from hwsim.faces.smp_faults import Babble, Forged, NoSmpAnswer, WrongData
from hwsim.faces.smp_hostile import DOWNLOAD, ENDLESS, HOSTILE, faults
from hwsim.faces.smp_make import SmpMake
from hwsim.faults import NASTY_NAMES, Faults
from tests.contracts.mtp import clock_of
from tests.contracts.recorder import FOOTAGE, LONG, TestClock, local, small_body, small_card
from tests.contracts.smp import SmpDocks, smp_profile
from tests.contracts.test_mtp_hostile import session

SECONDS = 120.0
HURRY = 20.0
MEMORY = 16 * 1024 * 1024


@pytest.fixture
def docks() -> Iterator[SmpDocks]:
    found = SmpDocks()
    yield found
    found.unplug()


def short_card() -> list[Card]:
    clips = [
        HeldClip("A/ONE.WAV", None, local(9, 0), False, LONG[:3000]),
        HeldClip("A/TWO.WAV", None, local(9, 1), False, LONG[3000:3100]),
    ]
    return [Card("SD", 64_000_000, clips)]


def contact(
    docks: SmpDocks, hostile: Faults, make: SmpMake | None = None, hurry: float = HURRY
) -> tuple[list[RecorderError], dict[Clip, bytes], float]:
    """A whole contact in hurried time: errors, what was read, and how long it took."""
    body = small_body(cards=short_card())
    try:
        recorder = docks.open(docks.port(body, make, hostile), body, hurry=hurry)
        errors, read = session(recorder)
    except RecorderError as error:
        errors, read = [error], {}
    return errors, read, clock_of(body).passed


@pytest.mark.parametrize("behaviour", HOSTILE)
def test_a_session_ends_in_bounds_and_reads_nothing_false(
    behaviour: str, docks: SmpDocks, seed: int
) -> None:
    hostile = faults(behaviour, seed)
    errors, read, seconds = contact(docks, hostile)
    assert hostile.fired
    assert seconds < SECONDS
    assert all(str(error) and "\x1b" not in str(error) for error in errors)
    held = {clip.path: clip.content.read(0, clip.size) for clip in short_card()[0].clips}
    assert all(held[clip.path].startswith(data) for clip, data in read.items())


HARMLESS = [
    "a wrong CRC once",
    "silent once",
    "everything twice",
    "a wrong sequence once",
    "one byte is another once",
    "NUL runs",
    "escape sequences",
    "XON and XOFF",
    "half a packet before each",
    "marks without end",
]


@pytest.mark.parametrize("behaviour", HARMLESS)
def test_what_can_be_mended_is_mended(behaviour: str, docks: SmpDocks) -> None:
    errors, read, _ = contact(docks, faults(behaviour), hurry=4)
    assert len(read) == 2
    assert [str(error) for error in errors if "cannot be told to delete" not in str(error)] == []


def test_without_digests_a_false_byte_passes_and_with_them_it_does_not(docks: SmpDocks) -> None:
    """So that the test above tests something."""
    for digests, false in (((), 1), (("crc32",), 0), (("sha256",), 0)):
        _, read, _ = contact(docks, Faults(WrongData(at=3)), SmpMake(digests=digests))
        held = [clip.content.read(0, clip.size) for clip in short_card()[0].clips]
        assert sum(data not in held for data in read.values()) == false


class Babbler:
    """A line that never stops, in memory, so that only the driver's own memory counts."""

    baud = 921_600

    def __init__(self, text: bytes) -> None:
        self.given = 0
        self._text = text

    def read(self, size: int, timeout: float) -> bytes:
        self.given += size
        return (self._text * (size // len(self._text) + 1))[:size]

    def write(self, data: bytes, timeout: float) -> None:
        """Into nowhere."""

    def close(self) -> None:
        """Nothing to give back."""


@pytest.mark.parametrize(
    "text",
    [
        b"A",
        b"\0",
        b"0123456789\n",
        b"\x06\x09",
        b"\x06\x09AAAA\n",
        b"\x06\x09/////w==\n\x04\x14AAAA\n",
    ],
)
def test_a_session_stays_small_and_short(text: bytes) -> None:
    line = Babbler(text)
    tracemalloc.start()
    try:
        with pytest.raises(RecorderMisbehaved, match=r"without end|no answer among them"):
            open_on(line, smp_profile(), TestClock())
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
    assert line.given < 3 * HEARD_LIMIT


def test_a_list_of_a_million_clips_is_refused(docks: SmpDocks) -> None:
    body = small_body()
    port = docks.port(body, SmpMake(buffer=60_000))
    docks.face(port).files["/clips.txt"] = b"".join(b"/%d.MP4\n" % n for n in range(300_000))
    recorder = docks.open(port, body)
    with pytest.raises(RecorderMisbehaved, match="names 300000 files"):
        next(recorder.clips())


def test_a_list_larger_than_any_is_not_read(docks: SmpDocks) -> None:
    body = small_body()
    hostile = Faults(Forged(operation=DOWNLOAD, fields={"len": 2**40}))
    recorder = docks.open(docks.port(body, None, hostile), body)
    with pytest.raises(RecorderMisbehaved, match="has 1099511627776 bytes, more than"):
        next(recorder.clips())


def test_bad_lines_hide_no_good_ones_and_are_complained_of(docks: SmpDocks) -> None:
    body = small_body()
    port = docks.port(body)
    names = [name.replace("\ud800", "\ufffd") for name in NASTY_NAMES if name]
    lines = [
        "\ufeff",
        *names,
        "/DCIM/PHOTO/P_1.JPG\t2026",
        "\t\t",
        "",
        "no/such.MP4",
        "/AUDIO/A_1.WAV",
    ]
    docks.face(port).files["/clips.txt"] = "\r\n".join(lines).encode()
    listed = docks.open(port, body).clips()
    found: list[Clip] = []
    with pytest.raises(RecorderMisbehaved, match="could not be listed; the first") as raised:
        found.extend(listed)
    assert [(clip.path, clip.recorded) for clip in found] == [
        ("DCIM/PHOTO/P_1.JPG", "2026"),
        ("AUDIO/A_1.WAV", ""),
    ]
    assert "\x1b" not in str(raised.value)


def test_a_list_that_is_no_text_is_complained_of(docks: SmpDocks) -> None:
    body = small_body()
    port = docks.port(body)
    docks.face(port).files["/clips.txt"] = b"/A.MP4\n\xb0\xa1.MP4\n"
    with pytest.raises(RecorderMisbehaved, match="no UTF-8"):
        next(docks.open(port, body).clips())


def test_silence_ends_a_session_for_good_and_names_it(docks: SmpDocks) -> None:
    body = small_body()
    recorder = docks.open(docks.port(body, None, hostile := Faults()), body, hurry=HURRY)
    clip = next(recorder.clips())
    hostile.add(NoSmpAnswer(times=None))
    before = clock_of(body).passed
    with pytest.raises(RecorderGone, match="does not answer any more"):
        recorder.read(clip, 0, 100)
    assert clock_of(body).passed - before < 20
    before = clock_of(body).passed
    with pytest.raises(RecorderGone, match="the session is over"):
        recorder.health()
    assert clock_of(body).passed == before


def test_one_byte_a_second_ends_in_time(docks: SmpDocks) -> None:
    body = small_body()
    port = docks.port(body, baud=200)  # hurried by 20: 1 byte a second
    before = clock_of(body).passed
    with pytest.raises(RecorderError):
        docks.open(port, body, hurry=HURRY)
    assert clock_of(body).passed - before < SECONDS


def test_the_recorder_beside_it_does_not_notice(docks: SmpDocks) -> None:
    quiet = small_body()
    first = docks.open(docks.port(quiet), quiet)
    (clip,) = [clip for clip in first.clips() if clip.path == "AUDIO/A_1.WAV"]
    errors, _, _ = contact(docks, Faults(ENDLESS, Babble(times=None)))
    assert errors
    assert first.read(clip, 0, 1000) == FOOTAGE["AUDIO/A_1.WAV"]
    assert len(small_card()[0].clips) == len(quiet.clips)
