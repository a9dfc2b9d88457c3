"""Unplugged anywhere in a contact, an SMP recorder is gone at once, and nothing false was read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from agent.errors import RecorderGone
from agent.recorder.base import Recorder
from hwsim.body import Body, Card, HeldClip
from hwsim.faces.smp import SmpFace
from hwsim.ports.pty_port import PtyPort
from tests.contracts.recorder import LONG, local, small_body
from tests.contracts.smp import SmpDocks

FILES = {"A/ONE.WAV": LONG[:3000], "A/TWO.WAV": LONG[3000:3100]}


@pytest.fixture
def docks() -> Iterator[SmpDocks]:
    found = SmpDocks()
    yield found
    found.unplug()


def short_body() -> Body:
    clips = [HeldClip(path, None, local(9, 0), False, data) for path, data in FILES.items()]
    return small_body(cards=[Card("SD", 64_000_000, clips)])


def contact(recorder: Recorder, read: dict[str, bytes]) -> None:
    """Everything that a contact asks, `read` filled as it goes."""
    recorder.identify()
    recorder.health()
    recorder.clock()
    for clip in recorder.clips():
        for offset in range(0, clip.size, 1500):
            read[clip.path] = read.get(clip.path, b"") + recorder.read(clip, offset, 1500)
        assert recorder.read(clip, clip.size, 1) == b""
    recorder.health()


class MarkedFace(SmpFace):
    """Notes after how many bytes each of its lines ended."""

    def attach(self, send: Callable[[bytes], None]) -> None:
        self.marks = [0]

        def noted(data: bytes) -> None:
            self.marks.append(self.marks[-1] + len(data))
            send(data)

        super().attach(noted)


def places() -> list[int]:
    """Behind and within every line of a whole contact."""
    body, read = short_body(), dict[str, bytes]()
    face = MarkedFace(body)
    port = PtyPort(face)
    try:
        recorder = SmpDocks().open(port, body)
        contact(recorder, read)
        recorder.close()
    finally:
        port.unplug()
    assert read == FILES
    ends = face.marks
    within = [(first + last) // 2 for first, last in pairwise(ends)]
    return sorted({*ends[:-1], *within})


def test_unplugged_at_every_line_it_is_gone_and_the_next_docking_reads_all(docks: SmpDocks) -> None:
    cuts = places()
    assert len(cuts) > 100
    gone = 0
    for cut in cuts:
        body, read = short_body(), dict[str, bytes]()
        port = docks.port(body, cut=cut)
        try:
            contact(docks.open(port, body), read)
            assert port.sent < cut  # on a slow machine the first contact may have asked twice
        except RecorderGone:
            gone += 1
        assert all(FILES[path].startswith(data) for path, data in read.items())
        docks.unplug()
    assert gone > 100
    body, read = short_body(), {}
    contact(docks.open(docks.port(body), body), read)
    assert read == FILES


def test_a_recorder_that_is_gone_stays_gone(docks: SmpDocks) -> None:
    docked = docks.dock(short_body())
    clip = next(docked.recorder.clips())
    docked.unplug()
    for _ in range(3):
        with pytest.raises(RecorderGone):
            docked.recorder.read(clip, 0, 1)
    docked.recorder.close()
    docked.recorder.close()
