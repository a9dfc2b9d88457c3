"""Lines that carry a dialect: bytes one by one, noise, and what can be opened at all."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import ConfigError, RecorderError, RecorderGone, RecorderRefused
from agent.link.attached import Attached, SerialPort
from agent.link.tcp import TcpLine
from agent.link.usb_bulk import find_pair
from agent.link.usb_facts import BULK, INTERRUPT, Endpoint, Interface, TimedOut, UsbDevice
from agent.recorder.control.dialect import open_control
from hwsim.dialects import OVER_SERIAL, OVER_TCP
from hwsim.ports.pty_port import LineNoise, PtyPort, SerialFace
from hwsim.ports.tcp_port import TcpPort
from tests.dialects.families import HURRY, PORT, TCP, docked


class Dripping:
    """A face whose bytes go out one by one."""

    def __init__(self, face: SerialFace) -> None:
        self._face = face
        self.receive = face.receive

    def attach(self, send: Callable[[bytes], None]) -> None:
        def drip(data: bytes) -> None:
            for byte in data:
                send(bytes([byte]))

        self._face.attach(drip)


@pytest.mark.parametrize("family", [*TCP, "at-serial"])
def test_where_the_bytes_fall_never_changes_what_they_say(family: str) -> None:
    with docked(family) as dock:
        face = Dripping((OVER_TCP | OVER_SERIAL)[family](dock.recorder, dock.faults))
        port: TcpPort | PtyPort = TcpPort(face) if family in TCP else PtyPort(face)
        try:
            there = (
                Attached(PORT, address=port.address)
                if isinstance(port, TcpPort)
                else Attached(PORT, serials=(SerialPort(port.node, PORT),))
            )
            session = open_control(replace(dock.site, attached=there))
            assert session.identity().serial == "SN-4217"
            assert session.health().battery_percent == 63
            session.close()
        finally:
            port.unplug()


@pytest.mark.parametrize("seed", range(12))
def test_noise_never_makes_one_recorder_another(seed: int) -> None:
    """A line without checksums: the right identity or an error, and no other identity."""
    noise = LineNoise(flip=1 / 150, lose=1 / 600, chatter=(b"\r\nRDY\r\n", b"W (10) wifi: x\r\n"))
    with docked("at-serial", seconds=HURRY) as dock:
        face = OVER_SERIAL["at-serial"](dock.recorder, dock.faults)
        port = PtyPort(face, noise=noise, seed=seed)
        try:
            there = Attached(PORT, serials=(SerialPort(port.node, PORT),))
            session = open_control(replace(dock.site, attached=there))
        except RecorderError:
            port.unplug()
            return
        try:
            assert session.identity().serial == "SN-4217", f"seed {seed}"
        except RecorderError:
            return
        finally:
            session.close()
            port.unplug()


def test_a_serial_port_that_is_not_there_is_gone() -> None:
    there = Attached(PORT, serials=(SerialPort(Path("/nowhere/ttyUSB0"), PORT),))
    with docked("at-serial") as dock, pytest.raises(RecorderGone):
        open_control(replace(dock.site, attached=there))


# Which endpoints.

END = {
    0x81: Endpoint(0x81, BULK, 512),
    0x01: Endpoint(0x01, BULK, 512),
    0x83: Endpoint(0x83, BULK, 64),
    0x04: Endpoint(0x04, BULK, 64),
    0x85: Endpoint(0x85, INTERRUPT, 8),
}


def device(*interfaces: tuple[int, ...]) -> UsbDevice:
    shown = tuple(
        Interface(number, (0xFF, 0, 0), 0, tuple(END[address] for address in ends))
        for number, ends in enumerate(interfaces)
    )
    return UsbDevice(PORT, 2, 1, 0x1209, 1, (0, 0, 0), shown)


@pytest.mark.parametrize(
    ("interfaces", "wanted", "found"),
    [
        (((0x81, 0x01),), (None, None), (0, 0x81, 0x01)),
        (((0x85,), (0x83, 0x04)), (None, None), (1, 0x83, 0x04)),
        (((0x81, 0x01), (0x83, 0x04)), (0x83, 0x04), (1, 0x83, 0x04)),
        (((0x81,), (0x81, 0x04, 0x01)), (0x81, 0x01), (1, 0x81, 0x01)),
    ],
)
def test_a_pair_is_found_on_any_interface(
    interfaces: tuple[tuple[int, ...], ...],
    wanted: tuple[int | None, int | None],
    found: tuple[int, int, int],
) -> None:
    interface, to_host, from_host = find_pair(device(*interfaces), *wanted)
    assert (interface.number, to_host.address, from_host.address) == found


@pytest.mark.parametrize("interfaces", [(), ((0x85,),), ((0x81,), (0x01,)), ((0x83, 0x04),)])
def test_without_such_a_pair_it_is_refused(interfaces: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(RecorderRefused):
        find_pair(device(*interfaces), 0x81, 0x01)


# TCP.


@pytest.mark.parametrize("address", ["", "localhost", "localhost:", ":80", "localhost:x"])
def test_what_is_no_address_is_a_fault_of_the_configuration(address: str) -> None:
    with pytest.raises(ConfigError):
        TcpLine(address, 1.0)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:99999", "[::1]:1"])
def test_where_nobody_listens_nobody_is_there(address: str) -> None:
    with pytest.raises(RecorderGone):
        TcpLine(address, 1.0)


def test_a_line_tells_silence_from_an_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        line = TcpLine(f"127.0.0.1:{listener.getsockname()[1]}", 1.0)
        client, _ = listener.accept()
        with pytest.raises(TimedOut):
            line.read(10, 0.02)
        client.sendall(b"abc")
        assert line.read(10, 1.0) == b"abc"
        client.close()
        with pytest.raises(RecorderGone):
            line.read(10, 1.0)
        line.close()
        with pytest.raises(RecorderGone):
            line.read(10, 1.0)
