"""One byte in two thousand flipped or lost, and a console that talks: every byte still right."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from agent.clock import SystemClock
from agent.link.serial_port import SerialLine
from agent.recorder.smp.recorder import open_on
from hwsim.faces.smp import SmpFace
from hwsim.faces.smp_make import SmpMake
from hwsim.ports.pty_port import LineNoise, PtyPort
from tests.contracts.recorder import LONG, small_body
from tests.contracts.smp import BAUD, SmpDocks, smp_profile

CHATTER = (
    b"[00:01:02.003] <inf> rec: saving\r\n",
    b"\x1b[1;32muart:~$ \x1b[m",
    b"\0" * 40,
    b"\x13\x11\x13",
    b"no end of line " * 90,
    b"\x06\x09\x04\x14",
)
NOISE = LineNoise(flip=1 / 4000, lose=1 / 4000, chatter=CHATTER)


@pytest.fixture
def docks() -> Iterator[SmpDocks]:
    found = SmpDocks()
    yield found
    found.unplug()


@pytest.mark.parametrize("digests", [("sha256",), ("crc32",)])
@pytest.mark.parametrize("buffer", [384, 1024])
def test_every_byte_is_right_over_a_noisy_line(
    docks: SmpDocks, buffer: int, digests: tuple[str, ...], seed: int
) -> None:
    port = docks.port(small_body(), SmpMake(buffer=buffer, digests=digests), noise=NOISE, seed=seed)
    recorder = open_on(SerialLine(port.node, BAUD), smp_profile(), SystemClock())
    assert recorder.identify().serial == "SN-42"
    assert recorder.health().battery_percent == 80
    clip = next(clip for clip in recorder.clips() if clip.size == len(LONG))
    assert recorder.read(clip, 0, 40_000) == LONG[:40_000]
    assert recorder.read(clip, 650_001, 10**6) == LONG[650_001:]
    recorder.close()


def test_chatter_alone_costs_no_question_twice(docks: SmpDocks, seed: int) -> None:
    body = small_body()
    port = docks.port(
        body, SmpMake(buffer=1024), noise=LineNoise(chatter=CHATTER, chattiness=0.5), seed=seed
    )
    recorder = open_on(SerialLine(port.node, BAUD), smp_profile(), SystemClock())
    clip = next(clip for clip in recorder.clips() if clip.size == len(LONG))
    face = docks.face(port)
    before = len(face.asked)
    assert recorder.read(clip, 0, 97_600) == LONG[:97_600]
    asked = face.asked[before:]
    assert 100 <= asked.count((0, 8, 0)) < 120
    recorder.close()


class SlowFace(SmpFace):
    """Takes its time for every request, one after the other."""

    latency = 0.0

    def receive(self, data: bytes) -> None:
        time.sleep(self.latency)
        super().receive(data)


def test_a_recorder_that_grows_slow_is_not_asked_ever_more_often() -> None:
    face = SlowFace(small_body())
    port = PtyPort(face)
    try:
        recorder = open_on(SerialLine(port.node, BAUD), smp_profile(), SystemClock())
        for _ in range(20):
            recorder.clock()  # at once: a short answer is what it learns
        face.latency = 0.4
        face.asked.clear()
        for _ in range(6):
            recorder.clock()
        assert len(face.asked) <= 6 + 8
        recorder.close()
    finally:
        port.unplug()


@pytest.mark.parametrize("baud", [9600, 115_200])
def test_a_slow_line_is_waited_for(baud: int) -> None:
    """At 9600 baud a packet of 512 bytes takes most of a second: no question is repeated."""
    face = SmpFace(small_body(), SmpMake(buffer=512))
    port = PtyPort(face, baud=baud)
    try:
        recorder = open_on(SerialLine(port.node, baud), smp_profile(), SystemClock())
        began = time.monotonic()
        assert recorder.identify().serial == "SN-42"
        assert recorder._reader.whole("/clips.txt", 10_000).startswith(b"/DCIM")
        assert time.monotonic() - began < 20
        assert len(face.asked) <= 12
        recorder.close()
    finally:
        port.unplug()
