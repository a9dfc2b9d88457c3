"""The plainest PTP host over the plainest PyUSB: writes, reads, complains."""

from __future__ import annotations

import struct
from typing import Any

import usb.core
import usb.util

from hwsim.body import Body, HeldClip
from hwsim.faces.ptp import PtpFace, Quirks
from hwsim.faults import Fault, Faults
from hwsim.ports.usb_memory import MemoryBus

OUT, IN, EVENTS = 0x01, 0x81, 0x82
TIMEOUT = 1000
ROOM = 1 << 20
CLIP = bytes(range(256)) * 20


class Wrong(Exception):
    """The device broke the protocol, or said no."""


class Host:
    """Talks to the one device of a bus; as strict as needed to notice each fault."""

    def __init__(self, bus: MemoryBus) -> None:
        self.device: Any = usb.core.find(backend=bus)
        self.transaction = 0

    def close(self) -> None:
        usb.util.dispose_resources(self.device)

    def send(self, code: int, *params: int) -> None:
        length = 12 + 4 * len(params)
        command = struct.pack(f"<IHHI{len(params)}I", length, 1, code, self.transaction, *params)
        self.device.write(OUT, command, TIMEOUT)

    def read(self, size: int = ROOM) -> bytes:
        return bytes(self.device.read(IN, size, TIMEOUT))

    def ask(self, code: int, *params: int) -> tuple[bytes, tuple[int, ...]]:
        """Data and the response's parameters. Raises `Wrong`."""
        self.send(code, *params)
        first = self.read()
        data = b""
        if first[4:6] == b"\2\0":
            data = self._whole(first, code)
            first = self.read() or self.read()
        length, kind, answer, transaction = struct.unpack_from("<IHHI", first.ljust(12, b"\0"))
        if (length, kind, transaction) != (len(first), 3, self.transaction):
            raise Wrong(f"no response: {first[:40].hex()}")
        self.transaction += 1
        if answer != 0x2001:
            raise Wrong(hex(answer))
        return data, struct.unpack_from(f"<{(len(first) - 12) // 4}I", first, 12)

    def _whole(self, container: bytes, code: int) -> bytes:
        length, _kind, told, transaction = struct.unpack_from("<IHHI", container)
        if (told, transaction) != (code, self.transaction) or length < 12:
            raise Wrong(f"no data: {container[:12].hex()}")
        while len(container) < length and (piece := self.read()):
            container += piece
        if len(container) != length:
            raise Wrong(f"{len(container)} bytes, {length} declared")
        return container[12:]

    def open(self) -> None:
        self.transaction = 0
        self.ask(0x1002, 1)
        self.transaction = 1

    def handles(self, parent: int = 0) -> list[int]:
        data, _ = self.ask(0x1007, 0xFFFFFFFF, 0, parent)
        return list(struct.unpack_from(f"<{len(data) // 4 - 1}I", data, 4))

    def part(self, handle: int, offset: int, size: int) -> bytes:
        high, low = divmod(offset, 2**32)
        data, _ = self.ask(0x95C1, handle, low, high, size)
        return data

    def contact(self, size: int, *, delete: bool = False) -> bytes:
        """A whole contact: who it is, how it is, what it has; the last clip, by the kilobyte."""
        assert self.device.serial_number
        self.ask(0x1001)
        self.open()
        self.ask(0x1015, 0x5001)
        self.ask(0x1015, 0x5011)
        handle = self.handles()[-1]
        self.ask(0x1008, handle)
        got = b"".join(self.part(handle, offset, 1000) for offset in range(0, size, 1000))
        if delete:
            self.ask(0x100B, handle)
        self.ask(0x1003)
        return got


def plugged(
    *contents: bytes, faults: Faults | None = None, quirks: Quirks | None = None
) -> tuple[MemoryBus, Host]:
    """A bus with one recorder that holds these clips, and a host for it."""
    body = Body()
    for number, content in enumerate(contents):
        body.add(HeldClip(f"DCIM/100MEDIA/{number}.MP4", content=content))
    bus = MemoryBus()
    bus.plug("1-1.2", PtpFace(body, faults, quirks))
    return bus, Host(bus)


def face_of(bus: MemoryBus) -> PtpFace:
    """The face of the only recorder."""
    (device,) = bus.enumerate_devices()
    assert isinstance(device.face, PtpFace)
    return device.face


def opened(*struck: Fault, clips: tuple[bytes, ...] = (CLIP,)) -> Host:
    """A host in a session with a recorder that has these faults; they count from here."""
    bus, host = plugged(*clips, faults=Faults())
    host.open()
    recorder = face_of(bus).faults
    recorder.new_contact()
    recorder.add(*struck)
    return host


def fired(host: Host) -> int:
    return face_of(host.device.backend).faults.fired.total()
