"""The plainest hosts of the control dialects, by the bytes of the public code that is named in
each face: nothing of the agent has a part in them.
"""

from __future__ import annotations

import os
import select
import socket
from datetime import datetime
from pathlib import Path
from typing import Any

import usb.core
import usb.util

from hwsim.body import Body
from hwsim.faces.zfy import ZfyBody
from hwsim.ports.tcp_port import TcpPort
from hwsim.ports.usb_memory import MemoryBus
from hwsim.usb import UsbFace

PORT = "1-1.2"
TIMEOUT = 1000
SECONDS = 10.0
MOMENT = datetime(2026, 8, 4, 10, 0)  # noqa: DTZ001 - a recorder's clock knows no zone
SET_TO = datetime(2026, 8, 5, 7, 8, 9)  # noqa: DTZ001
INFO = (
    # "SIM0001", "000001", "张三", "110000", "一大队" in GBK, NUL-filled to 7, 6, 32, 12, 32.
    b"SIM0001"
    b"000001"
    b"\xd5\xc5\xc8\xfd" + bytes(28) + b"110000" + bytes(6) + b"\xd2\xbb\xb4\xf3\xb6\xd3" + bytes(26)
)


def recorder(password: str = "0" * 6, **facts: Any) -> ZfyBody:
    return ZfyBody(body=Body(battery=77), password=password, **facts)


class UsbHost:
    """Raw PyUSB on a bus in memory."""

    def __init__(self, face: UsbFace) -> None:
        self.bus = MemoryBus()
        self.bus.plug(PORT, face)
        self.device: Any = usb.core.find(backend=self.bus)

    def close(self) -> None:
        usb.util.dispose_resources(self.device)

    def control(self, message: bytes) -> bytes:
        """Ambarella A's `send_command`."""
        assert self.device.ctrl_transfer(0x40, 85, 0x00AA, 0, message, TIMEOUT) == len(message)
        return bytes(self.device.ctrl_transfer(0xC0, 85, 0, 0, len(message), TIMEOUT))

    def bulk(self, text: str) -> bytes:
        """Ambarella B's `SendCommand`, with room for more than its 64 bytes."""
        self.device.write(0x01, text.encode("gbk"), TIMEOUT)
        return bytes(self.device.read(0x81, 4096, TIMEOUT))


class TcpHost:
    """A socket to a port of the loopback interface."""

    def __init__(self, port: TcpPort) -> None:
        host, number = port.address.split(":")
        self.socket = socket.create_connection((host, int(number)), timeout=SECONDS)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def exactly(self, size: int) -> bytes:
        """Fewer where the connection ends."""
        data = b""
        while len(data) < size and (piece := self.socket.recv(size - len(data))):
            data += piece
        return data

    def message(self) -> bytes:
        """One of E12's: four bytes of length and the rest."""
        return self.exactly(int.from_bytes(self.exactly(4), "little"))

    def line(self) -> bytes:
        data = b""
        while not data.endswith(b"\r\n") and (byte := self.socket.recv(1)):
            data += byte
        return data

    def close(self) -> None:
        self.socket.close()


class TtyHost:
    """A serial port's node, opened as a file."""

    def __init__(self, node: Path) -> None:
        self._node = os.open(node, os.O_RDWR | os.O_NOCTTY)

    def ask(self, line: str, until: tuple[bytes, ...] = (b"OK\r\n", b"ERROR\r\n")) -> bytes:
        """What came up to one of `until`, or until a result with a number."""
        os.write(self._node, line.encode())
        data = b""
        while not (data.endswith(until) or (b"+CME" in data and data.endswith(b"\r\n"))):
            assert select.select([self._node], [], [], SECONDS)[0], data
            data += os.read(self._node, 4096)
        return data

    def close(self) -> None:
        os.close(self._node)
