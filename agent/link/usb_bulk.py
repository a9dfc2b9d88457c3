"""A pair of bulk endpoints of any interface, as a stream of bytes (`agent.link.line.Line`)."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import contextmanager

from agent.errors import RecorderRefused
from agent.link.usb_facts import BULK, IN, Endpoint, Interface, Stalled, TimedOut, UsbDevice
from agent.link.usb_handle import Handle, Request
from agent.link.usb_still import TO_INTERFACE

_ROOM = 16 * 1024
"""Bytes that one transfer may bring; larger than any answer, and whole packets."""


MASS_STORAGE = (0x08, 0x06, 0x50)
"""SCSI transparent command set over bulk-only transport."""


def find_pair(
    facts: UsbDevice, to_host: int | None, from_host: int | None
) -> tuple[Interface, Endpoint, Endpoint]:
    """An interface and its bulk endpoints to and from the host: those with these addresses, or
    for None the first ones. Raises `RecorderRefused` where no interface has such a pair.
    """
    for interface in facts.interfaces:
        bulk = [end for end in interface.endpoints if end.kind == BULK and end.packet > 0]
        ins = [end for end in bulk if end.address & IN and to_host in (None, end.address)]
        outs = [end for end in bulk if not end.address & IN and from_host in (None, end.address)]
        if ins and outs:
            return interface, ins[0], outs[0]
    raise RecorderRefused(f"port {facts.port}: no interface has such a pair of bulk endpoints")


class BulkPair:
    """Bulk in and out of one claimed interface. One thread only; timeouts are in seconds.

    Every method raises `RecorderGone` once the device is unplugged, and `Stalled` or `TimedOut`;
    what stalled is started afresh before.
    """

    def __init__(
        self, handle: Handle, interface: int, to_host: Endpoint, from_host: Endpoint
    ) -> None:
        self._handle = handle
        self._interface = interface
        self._in, self._out = to_host, from_host
        self._room = array("B", bytes(_ROOM // to_host.packet * to_host.packet or to_host.packet))

    def read(self, size: int, timeout: float) -> bytes:
        """One transfer, in whole packets: it may bring more than `size`. Empty: a zero-length
        packet.
        """
        packet = self._in.packet
        wanted = min(len(self._room), max(packet, -(-size // packet) * packet))
        room = self._room if wanted == len(self._room) else array("B", bytes(wanted))
        with self._started_afresh(self._in):
            count = self._handle.read(self._in.address, room, timeout)
        return room[:count].tobytes()

    def write(self, data: bytes, timeout: float) -> None:
        """One transfer, without an empty packet behind it."""
        with self._started_afresh(self._out):
            if self._handle.write(self._out.address, data, timeout) != len(data):
                raise TimedOut(f"port {self._handle.port}: only a part went out")

    @contextmanager
    def _started_afresh(self, end: Endpoint) -> Iterator[None]:
        """A stall is told and ended at once: nobody finds a halted endpoint later."""
        try:
            yield
        except Stalled:
            self._handle.clear_halt(end.address)
            raise

    def clear_halts(self) -> None:
        """Let both endpoints start afresh."""
        self._handle.clear_halt(self._in.address)
        self._handle.clear_halt(self._out.address)

    def tell(self, request: int, timeout: float) -> None:
        """A class request to the interface, without data."""
        self._handle.tell(Request(TO_INTERFACE, request, 0, self._interface), b"", timeout)

    def close(self) -> None:
        """Give the interface back; safe at any time, also when the device is gone."""
        self._handle.close()
