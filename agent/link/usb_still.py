"""A still image interface (PTP, MTP): bulk in and out, interrupt in, class requests."""

from __future__ import annotations

from array import array

from agent.errors import RecorderRefused
from agent.link.usb_facts import BULK, IN, INTERRUPT, Interface, TimedOut, UsbDevice
from agent.link.usb_handle import Handle, Request

STILL_IMAGE = (0x06, 0x01, 0x01)
VENDOR_SPECIFIC = 0xFF
TO_INTERFACE, FROM_INTERFACE = 0x21, 0xA1
"""Class requests to and from an interface (USB 2.0 table 9-2)."""

LARGEST_READ = 256 * 1024
"""One transfer asks for at most this and one packet more: a chunk and its header."""


class UsbLink:
    """One claimed interface: bulk in and out, interrupt in, class requests. One thread only.

    Timeouts are in seconds. Every method raises `RecorderGone` once the device is unplugged, and
    `Stalled` or `TimedOut`.
    """

    def __init__(self, handle: Handle, interface: Interface) -> None:
        self._handle = handle
        self._interface = interface.number
        ends = {(end.kind, end.address & IN): end for end in interface.endpoints}
        self._in, self._out = ends[BULK, IN], ends[BULK, 0]
        self._events = ends[INTERRUPT, IN]
        self.packet = self._in.packet
        """Bytes in the largest bulk packet: a transfer that ends with a smaller one has ended."""
        self._small = array("B", bytes(self.packet))
        self._large = array("B", bytes(LARGEST_READ + self.packet))

    def read(self, size: int, timeout: float) -> memoryview:
        """One bulk transfer of about `size` bytes; good until the next read.

        It may bring more than `size`, since a device may send on without a pause, and it brings
        less where the device ended its transfer or the time ran out. Empty: a zero-length packet.
        """
        buffer = self._small if size <= self.packet else self._large
        count = self._handle.read(self._in.address, buffer, timeout)
        return memoryview(buffer)[:count]

    def write(self, data: bytes, timeout: float) -> None:
        """One bulk transfer, with a zero-length packet where its length would not end it."""
        if self._handle.write(self._out.address, data, timeout) != len(data):
            raise TimedOut(f"port {self._handle.port}: only a part went out")
        if len(data) % self._out.packet == 0:
            self._handle.write(self._out.address, b"", timeout)

    def event(self, timeout: float) -> bytes:
        """One interrupt transfer."""
        into = array("B", bytes(self._events.packet))
        count = self._handle.read(self._events.address, into, timeout)
        return into[:count].tobytes()

    def clear_halts(self) -> None:
        """Let all endpoints start afresh."""
        for end in (self._in, self._out, self._events):
            self._handle.clear_halt(end.address)

    def send_request(self, request: int, data: bytes, timeout: float) -> None:
        """A class request to the interface."""
        self._handle.tell(Request(TO_INTERFACE, request, 0, self._interface), data, timeout)

    def ask_request(self, request: int, size: int, timeout: float) -> bytes:
        """A class request from the interface: what it answers, at most `size` bytes."""
        return self._handle.ask(Request(FROM_INTERFACE, request, 0, self._interface), size, timeout)

    def serial(self) -> str:
        """The device's USB serial number; empty where it has none."""
        return self._handle.serial()

    def close(self) -> None:
        """Give the interface back; safe at any time, also when the device is gone."""
        self._handle.close()


def still_interface(handle: Handle, facts: UsbDevice) -> Interface:
    """The device's still image interface, else Android's own one, by its name "MTP".

    Raises `RecorderRefused` where it has neither.
    """
    fitting = [one for one in facts.interfaces if one.has_still_image_pipes]
    for interface in fitting:
        if interface.triple == STILL_IMAGE:
            return interface
    for interface in fitting:
        if interface.triple[0] == VENDOR_SPECIFIC and "MTP" in handle.text(interface.name):
            return interface
    raise RecorderRefused(f"port {facts.port}: no interface speaks PTP or MTP")
