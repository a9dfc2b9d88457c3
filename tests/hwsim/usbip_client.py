"""A USB/IP client that packs its own packets, and looks like a PyUSB device to a test's host."""

from __future__ import annotations

import errno
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import usb.core

from hwsim.faces.bulk_only import BulkOnlyFace
from hwsim.ports.usb_memory import MemoryBus
from hwsim.ports.usbip_server import UsbipServer
from hwsim.usb import UsbFace

PORT = "1-1.2"
DEADLINE = 20.0
"""Seconds after which a test that hangs has failed."""


class Reply(NamedTuple):
    command: int
    number: int
    status: int
    length: int
    data: bytes


class Client:
    """Speaks to a server; every wait has a deadline."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE)
        self.number = 0
        self._reads: set[int] = set()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def receive(self, size: int) -> bytes:
        """Exactly that. Raises EOFError where the server ended the connection."""
        got = b""
        while len(got) < size:
            try:
                piece = self.socket.recv(size - len(got))
            except ConnectionError as cause:
                raise EOFError from cause
            if not piece:
                raise EOFError
            got += piece
        return got

    def ended(self) -> bool:
        """Whether the server ends the connection, whatever it still says."""
        try:
            while self.socket.recv(1 << 16):
                pass
        except ConnectionError:
            pass
        return True

    def attach(self, bus_id: str = PORT) -> int:
        """Import a device: the answer's status."""
        self.socket.sendall(struct.pack(">HHI32s", 0x0111, 0x8003, 0, bus_id.encode()))
        _, code, status = struct.unpack(">HHI", self.receive(8))
        assert code == 0x0003
        if status == 0:
            self.receive(312)
        return int(status)

    def submit(
        self,
        endpoint: int,
        size: int,
        data: bytes = b"",
        *,
        setup: bytes = bytes(8),
        flags: int = 0,
        number: int | None = None,
        packets: int = 0xFFFFFFFF,
    ) -> int:
        self.number += 1
        number = self.number if number is None else number
        reads = bool(endpoint & 0x80)
        if reads:
            self._reads.add(number)
        head = struct.pack(">5I", 1, number, 0x00010002, reads, endpoint & 0x0F)
        rest = struct.pack(">IIIII8s", flags, size, 0, packets, 0, setup)
        self.socket.sendall(head + rest + data)
        return number

    def unlink(self, unlinked: int) -> int:
        self.number += 1
        self.socket.sendall(struct.pack(">6I24x", 2, self.number, 0x00010002, 0, 0, unlinked))
        return self.number

    def reply(self) -> Reply:
        raw = self.receive(48)
        command, number, *_, status, length = struct.unpack(">5IiI20x", raw)
        data = self.receive(length) if command == 3 and number in self._reads else b""
        return Reply(command, number, status, length, data)

    def reply_to(self, number: int) -> Reply:
        """The next reply, which is to be this one's."""
        reply = self.reply()
        assert reply.number == number, reply
        return reply

    def control(self, setup: bytes, size: int = 0) -> Reply:
        self.submit(0x80 if setup[0] & 0x80 else 0, size, setup=setup)
        return self.reply()


class UsbipDevice:
    """The four calls of a `usb.core.Device` that a `DiskHost` makes."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def write(self, endpoint: int, data: bytes, timeout: int) -> int:
        return self._done(endpoint, len(data), timeout, data).length

    def read(self, endpoint: int, size: int, timeout: int = 1000) -> bytes:
        return self._done(endpoint, size, timeout).data

    def ctrl_transfer(
        self, kind: int, request: int, value: int, index: int, rest: object, timeout: int = 1000
    ) -> bytes:
        data = rest if isinstance(rest, bytes) else b""
        size = rest if isinstance(rest, int) else len(data)
        setup = struct.pack("<BBHHH", kind, request, value, index, size)
        return self._done(kind & 0x80, size, timeout, data, setup).data

    def clear_halt(self, endpoint: int) -> None:
        self.ctrl_transfer(0x02, 0x01, 0, endpoint, b"")

    def _done(
        self, endpoint: int, size: int, timeout: int, data: bytes = b"", setup: bytes = bytes(8)
    ) -> Reply:
        """One transfer at a time, taken back when its time is up, as a real host does it."""
        try:
            number = self.client.submit(endpoint, size, data, setup=setup)
            if not self._comes(timeout):
                self.client.unlink(number)
            reply = self.client.reply()
        except (EOFError, ConnectionError):
            raise _error(errno.ENODEV) from None
        if reply.command == 4:
            raise usb.core.USBTimeoutError("timed out", errno=errno.ETIMEDOUT)
        if reply.status:
            raise _error(-reply.status)
        return reply

    def _comes(self, timeout: int) -> bool:
        return bool(select.select([self.client.socket], [], [], timeout / 1000)[0])


def _error(number: int) -> usb.core.USBError:
    return usb.core.USBError(errno.errorcode[number], errno=number)


@contextmanager
def served(
    *faces: UsbFace, bus: MemoryBus | None = None
) -> Iterator[tuple[MemoryBus, UsbipServer, list[str]]]:
    """A bus with these on 1-1.2, 1-1.3 …, its server, and what that told."""
    told: list[str] = []
    bus = bus if bus is not None else MemoryBus(live=True)
    for place, face in enumerate(faces, 2):
        bus.plug(f"1-1.{place}", face)
    with UsbipServer(bus, tell=told.append, patience=DEADLINE) as server:
        yield bus, server, told


@contextmanager
def attached(face: BulkOnlyFace) -> Iterator[tuple[MemoryBus, Client]]:
    """One disk, served and imported."""
    with served(face) as (bus, server, _), Client(server.port) as client:
        assert client.attach() == 0
        yield bus, client


def says(told: list[str], words: str) -> bool:
    """Whether the server tells this in time; it may tell after the client has seen the end."""
    for _ in range(int(DEADLINE / 0.01)):
        if any(words in line for line in told):
            return True
        threading.Event().wait(0.01)
    return False
