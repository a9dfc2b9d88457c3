"""What a face shows to a USB port, whatever the port: descriptors, transfers, no library.

Sizes and ends of transfers follow USB 2.0 §5.8.3: a transfer ends when the buffer is full or with
a packet shorter than the endpoint's packet size, which may be empty (a zero-length packet).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

from hwsim.card import Content
from hwsim.faults import Faults

BULK_OUT = 0x01
BULK_IN = 0x81
INTERRUPT_IN = 0x82
PACKET = 512
"""Bytes in a high-speed bulk packet."""

KIND_BULK = 2
KIND_INTERRUPT = 3
_STEP = 1 << 16
"""Bytes copied at once: larger blocks cost a memory mapping each."""


class Signal(Exception):
    """What a port has to make of a transfer instead of carrying it out."""


class Unplugged(Signal):
    """The recorder is gone."""


class Stalled(Signal):
    """The endpoint halts until somebody clears it."""


class Silent(Signal):
    """Nothing comes until the host gives up."""


class Overflowed(Signal):
    """A packet was larger than what was left of the host's buffer."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint; `kind` as in bmAttributes (USB 2.0 table 9-13)."""

    address: int
    kind: int
    packet: int


STILL_IMAGE_ENDPOINTS = (
    Endpoint(BULK_IN, KIND_BULK, PACKET),
    Endpoint(BULK_OUT, KIND_BULK, PACKET),
    Endpoint(INTERRUPT_IN, KIND_INTERRUPT, 28),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbFacts:
    """What a device's descriptors say: one configuration, one interface, no alternatives."""

    vendor_id: int
    product_id: int
    maker: str
    product: str
    serial: str
    interface_class: tuple[int, int, int]
    interface_name: str = ""
    endpoints: tuple[Endpoint, ...] = STILL_IMAGE_ENDPOINTS


@dataclass(frozen=True, slots=True)
class Setup:
    """The setup packet of a control transfer (USB 2.0 §9.3)."""

    request_type: int
    request: int
    value: int
    index: int
    length: int


class UsbFace(Protocol):
    """A face that can be plugged into a USB port. A port calls it from one thread at a time.

    Beside what each method names, all may raise `Stalled` (the endpoint halts) and `Silent`
    (nothing happened, and nothing happens until the host gives up; a live port asks again and
    again till then).
    """

    faults: Faults

    @property
    def facts(self) -> UsbFacts: ...

    def attach(self) -> None:
        """Power came: a new contact begins and nothing of the last one is left."""
        ...

    def reset(self) -> None:
        """The host reset the bus."""
        ...

    def write(self, endpoint: int, data: bytes) -> None:
        """One transfer from the host."""
        ...

    def read(self, endpoint: int, into: memoryview) -> tuple[int, bool]:
        """One transfer to the host: how many bytes, and whether the transfer ended.

        One that did not end would go on waiting: the host gets the bytes when its time is up.
        Raises `Overflowed` where a packet does not fit into what is left of the buffer.
        """
        ...

    def control(self, setup: Setup, data: bytes) -> bytes:
        """A class or vendor request: `data` is what the host sent, the result what it gets."""
        ...


class Pipe:
    """An IN endpoint's queue: transfers that wait to be read, streamed, never held whole."""

    def __init__(self, packet: int = PACKET) -> None:
        self._packet = packet
        self._waiting: deque[_Sending] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def clear(self) -> None:
        self._waiting.clear()

    def send(self, head: bytes, data: Content | None = None, *, zero_packet: bool = True) -> None:
        """Queue one transfer: `head`, then `data`.

        `zero_packet` says whether an empty packet ends a transfer of whole packets.
        """
        sending = _Sending(head, data)
        sending.zero_packet = zero_packet and sending.left % self._packet == 0
        self._waiting.append(sending)

    def read(self, into: memoryview) -> tuple[int, bool]:
        """See `UsbFace.read`. Raises `Silent` where nothing waits."""
        if not self._waiting:
            raise Silent
        done = 0
        while self._waiting:
            sending = self._waiting[0]
            if sending.left > len(into) - done and (len(into) - done) % self._packet:
                sending.skip(len(into) - done)
                raise Overflowed
            short = sending.left % self._packet != 0
            done += self._copy(sending, into[done:])
            if sending.left > 0:
                return done, True
            if done == len(into) and not short:
                if not sending.zero_packet:
                    self._waiting.popleft()
                return done, True
            self._waiting.popleft()
            if short or sending.zero_packet:
                return done, True
        return done, False

    def _copy(self, sending: _Sending, into: memoryview) -> int:
        try:
            return sending.copy(into)
        except OSError as cause:
            self._waiting.clear()
            raise Stalled from cause


class _Sending:
    """One transfer on its way: where it stands, and whether an empty packet ends it."""

    __slots__ = ("_data", "_head", "_offset", "left", "zero_packet")

    def __init__(self, head: bytes, data: Content | None) -> None:
        self._head = head
        self._data = data
        self._offset = 0
        self.left = len(head) + (data.size if data is not None else 0)
        self.zero_packet = False

    def skip(self, size: int) -> None:
        self._offset += size
        self.left -= size

    def copy(self, into: memoryview) -> int:
        """Fill `into` as far as there is data; data that ends early ends the transfer."""
        done = 0
        while self.left > 0 and done < len(into):
            piece = self._next(min(self.left, len(into) - done, _STEP))
            if not piece:
                self.left = 0
                self.zero_packet = True
                break
            into[done : done + len(piece)] = piece
            done += len(piece)
            self.skip(len(piece))
        return done

    def _next(self, most: int) -> bytes:
        past = self._offset - len(self._head)
        if past < 0:
            return self._head[self._offset : self._offset + most]
        return self._data.read(past, most) if self._data is not None else b""
