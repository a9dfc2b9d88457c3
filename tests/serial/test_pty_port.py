"""The simulated line: its rate, its noise, its chatter, and the hand on its plug."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from random import Random

import pytest

from agent.errors import RecorderGone
from agent.link.serial_port import SerialLine
from hwsim.ports.pty_port import LineNoise, PtyPort


class Recording:
    """A face that keeps what comes."""

    def attach(self, send: Callable[[bytes], None]) -> None:
        self.send = send
        self.got = bytearray()
        self.came = threading.Event()

    def receive(self, data: bytes) -> None:
        self.got += data
        self.came.set()


class Quitter(Recording):
    """Pulls its own plug as soon as anything comes."""

    port: PtyPort

    def receive(self, data: bytes) -> None:
        self.port.unplug()


def read(line: SerialLine, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += line.read(65_536, 5.0)
    return data


@pytest.mark.parametrize("baud", [9600, 921_600])
def test_no_byte_is_faster_than_the_line(baud: int) -> None:
    face = Recording()
    port = PtyPort(face, baud=baud)
    line = SerialLine(port.node, baud)
    size = baud // 40  # a quarter of a second
    began = time.monotonic()
    face.send(bytes(size))
    line.write(bytes(size), 5.0)
    read(line, size)
    assert 0.25 <= time.monotonic() - began < 5.0
    while len(face.got) < size:
        assert face.came.wait(5.0)
        face.came.clear()
    assert 0.25 <= time.monotonic() - began < 5.0
    line.close()
    port.unplug()


def test_noise_comes_as_often_as_it_is_asked_for_and_again_by_its_seed(seed: int) -> None:
    data = bytes(200_000)
    noise = LineNoise(flip=1 / 100)
    assert noise.over(data, Random(seed)) == noise.over(data, Random(seed))
    assert 1500 < sum(map(bool, noise.over(data, Random(seed)))) < 2500
    assert all(byte.bit_count() <= 1 for byte in noise.over(data, Random(seed)))
    assert 197_000 < len(LineNoise(lose=1 / 100).over(data, Random(seed))) < 199_000
    assert 201_000 < len(LineNoise(insert=1 / 100).over(data, Random(seed))) < 203_000
    assert LineNoise().over(data, Random(seed)) is data


def test_noise_is_on_both_lanes() -> None:
    face = Recording()
    port = PtyPort(face, noise=LineNoise(flip=1.0))
    line = SerialLine(port.node, 115_200)
    line.write(bytes(100), 5.0)
    face.send(bytes(100))
    assert all(read(line, 100))
    while len(face.got) < 100:
        assert face.came.wait(5.0)
        face.came.clear()
    assert all(face.got)
    line.close()
    port.unplug()


def test_chatter_goes_between_sendings_and_never_into_one() -> None:
    face = Recording()
    port = PtyPort(face, noise=LineNoise(chatter=(b"<log>",), chattiness=1.0))
    line = SerialLine(port.node, 115_200)
    for part in (b"one", b"two"):
        face.send(part)
    assert read(line, 16) == b"<log>one<log>two"
    line.close()
    port.unplug()


def test_it_is_cut_at_the_very_byte() -> None:
    for cut in (0, 1, 5, 10):
        face = Recording()
        port = PtyPort(face, cut=cut)
        line = SerialLine(port.node, 115_200) if cut else None
        face.send(bytes(10))
        port._thread.join(5.0)
        assert port.sent == cut
        assert not os.path.exists(port.node)  # noqa: PTH110 - a name, not a file of ours
        if line:
            line.close()
        port.unplug()


def test_a_face_may_pull_the_plug() -> None:
    face = Quitter()
    face.port = port = PtyPort(face)
    line = SerialLine(port.node, 115_200)
    line.write(b"x", 5.0)
    with pytest.raises(RecorderGone):
        line.read(1, 5.0)
    face.send(b"into nowhere")
    line.close()
    port.unplug()


def test_no_descriptor_and_no_thread_is_left_behind() -> None:
    threads, before = threading.active_count(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(5):
        PtyPort(Recording()).unplug()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    assert threading.active_count() == threads
