"""A serial port gives what came, at once, and says in our own words what went wrong."""

from __future__ import annotations

import errno
import os
import pty
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import serial

from agent.errors import RecorderBusy, RecorderError, RecorderGone, RecorderRefused
from agent.link.serial_port import SerialLine
from agent.link.usb_facts import TimedOut
from hwsim.ports.pty_port import PtyPort

ALL_BYTES = bytes(range(256))


class Echo:
    """Sends back whatever comes."""

    def attach(self, send: Callable[[bytes], None]) -> None:
        self.send = send

    def receive(self, data: bytes) -> None:
        self.send(data)


@pytest.fixture
def port() -> Iterator[PtyPort]:
    found = PtyPort(Echo())
    yield found
    found.unplug()


@pytest.fixture
def line(port: PtyPort) -> Iterator[SerialLine]:
    found = SerialLine(port.node, 921_600)
    yield found
    found.close()


def read_all(line: SerialLine, size: int, most: int = 65_536) -> bytes:
    data = b""
    while len(data) < size:
        piece = line.read(most, 5.0)
        assert 1 <= len(piece) <= most
        data += piece
    return data


@pytest.mark.parametrize("most", [1, 7, 65_536])
def test_every_byte_goes_through_as_it_is(line: SerialLine, most: int) -> None:
    """Control characters, XON and XOFF among them, mean nothing to the line."""
    line.write(ALL_BYTES * 2, 5.0)
    assert read_all(line, 512, most) == ALL_BYTES * 2


def test_much_goes_through_in_both_directions(line: SerialLine) -> None:
    data = ALL_BYTES * 2000
    writer = threading.Thread(target=line.write, args=(data, 20.0))
    writer.start()
    assert read_all(line, len(data)) == data
    writer.join()


def test_nothing_in_time_is_said_in_time(line: SerialLine) -> None:
    began = time.monotonic()
    with pytest.raises(TimedOut, match=r"nothing came for 0\.05 s"):
        line.read(10, 0.05)
    assert 0.04 < time.monotonic() - began < 2.0


def test_a_time_out_of_zero_only_looks(line: SerialLine) -> None:
    with pytest.raises(TimedOut):
        line.read(10, 0.0)


def test_what_nobody_takes_is_not_waited_for(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    line = SerialLine(Path(os.ttyname(slave)), 115_200)
    try:
        with pytest.raises(TimedOut, match="nothing went out"):
            line.write(bytes(1_000_000), 0.05)
    finally:
        line.close()
        os.close(slave)
        os.close(master)


@pytest.mark.parametrize(
    "act",
    [lambda line: line.read(1, 5.0), lambda line: line.write(b"x", 5.0)],
    ids=["read", "write"],
)
def test_unplugged_it_is_gone_and_stays_so(
    port: PtyPort, line: SerialLine, act: Callable[[SerialLine], object]
) -> None:
    port.unplug()
    for _ in range(2):
        with pytest.raises(RecorderGone):
            act(line)
    line.close()


def test_unplugged_while_waiting_it_is_gone_at_once(port: PtyPort, line: SerialLine) -> None:
    threading.Timer(0.05, port.unplug).start()
    began = time.monotonic()
    with pytest.raises(RecorderGone):
        line.read(1, 30.0)
    assert time.monotonic() - began < 10


def test_closed_it_is_gone(line: SerialLine) -> None:
    line.close()
    line.close()
    with pytest.raises(RecorderGone, match="was closed"):
        line.read(1, 1.0)
    with pytest.raises(RecorderGone, match="was closed"):
        line.write(b"x", 1.0)


def test_one_program_at_a_time(port: PtyPort, line: SerialLine) -> None:
    with pytest.raises(RecorderBusy, match="another program holds"):
        SerialLine(port.node, 115_200)
    line.close()
    SerialLine(port.node, 115_200).close()


def test_what_came_before_it_was_opened_is_not_read(port: PtyPort) -> None:
    port._face.receive(b"boot messages")  # echoed at once
    while port.sent < 13:
        time.sleep(0.001)
    line = SerialLine(port.node, 115_200)
    with pytest.raises(TimedOut):
        line.read(100, 0.05)
    line.close()


@pytest.mark.parametrize("name", ["nothing", "file"])
def test_what_is_no_serial_port_is_gone(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("no port")
    with pytest.raises(RecorderGone):
        SerialLine(tmp_path / name, 115_200)


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (serial.SerialException(errno.EACCES, "no"), RecorderBusy),
        (serial.SerialException(errno.EBUSY, "no"), RecorderBusy),
        (serial.SerialException(errno.EWOULDBLOCK, "no"), RecorderBusy),
        (serial.SerialException(errno.ENXIO, "no"), RecorderGone),
        (serial.SerialException("no number at all"), RecorderGone),
        (OSError(errno.EIO, "no"), RecorderGone),
        (ValueError("Failed to set custom baud rate"), RecorderRefused),
    ],
    ids=repr,
)
def test_what_the_library_raises_is_told_in_our_words(
    monkeypatch: pytest.MonkeyPatch, raised: Exception, error: type[RecorderError]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(serial, "Serial", fail)
    with pytest.raises(error, match="ttyUSB0"):
        SerialLine(Path("/dev/ttyUSB0"), 115_200)


def test_no_descriptor_is_left_behind(port: PtyPort) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a list, and nothing of it opened
    for _ in range(5):
        SerialLine(port.node, 115_200).close()
    with pytest.raises(RecorderGone):
        SerialLine(Path("/dev/null"), 115_200)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
