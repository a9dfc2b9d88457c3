"""Containers over one USB link: lengths, packets and time are checked, meaning is not.

The bulk pipe is read as a stream of transfers. A transfer ends with a short packet (USB 2.0
clause 5.8.3); a container's head may be a transfer of its own, its data is one, and the response
may follow in the same transfer where the data filled its last packet and no empty one came.
"""

from __future__ import annotations

import logging

from agent.clock import Clock
from agent.errors import Malformed, RecorderGone, RecorderMisbehaved
from agent.link.usb import UsbLink
from agent.link.usb_facts import Stalled, TimedOut
from agent.wire.ptp.codes import ClassRequest, Response
from agent.wire.ptp.container import (
    HEAD_BYTES,
    DeviceStatus,
    Head,
    decode_event,
    decode_head,
    decode_status,
    encode_cancel,
)

log = logging.getLogger(__name__)

PATIENCE = 20.0
"""Seconds that an answer may take before its first byte."""
SLOWEST = 32 * 1024
"""Bytes a second that a recorder has to keep up, else its time runs out."""
EMPTY_LIMIT = 16
"""Zero-length packets in front of one container."""

_CONTROL_PATIENCE = 2.0
_QUIET = 0.2
"""Seconds without a byte after which a pipe counts as empty."""
_DRAIN_LIMIT = 4 * 1024 * 1024
_DRAIN_PATIENCE = 5.0
_DRAIN_TRANSFERS = 1024
_DRAIN_STALLS = 3
_STATUS_TRIES = 10
_EVENT_LIMIT = 16


class Deadline:
    """When to stop waiting: some patience, and more of it for every byte that came."""

    def __init__(self, clock: Clock, patience: float = PATIENCE) -> None:
        self._clock = clock
        self._end = clock.monotonic() + patience

    def left(self) -> float:
        """Seconds left. Raises `TimedOut` when there are none."""
        left = self._end - self._clock.monotonic()
        if left <= 0:
            raise TimedOut("too slow")
        return left

    def earn(self, size: int) -> None:
        self._end += size / SLOWEST


class Transport:
    """One link's pipes. Methods raise `RecorderGone`, `Stalled`, `TimedOut`, and for what breaks
    the format `Malformed` or `RecorderMisbehaved`; after any but the first, `resynchronise`.
    """

    def __init__(self, link: UsbLink, clock: Clock) -> None:
        self._link = link
        self._clock = clock
        self._held = memoryview(b"")
        """What came and was not taken yet; it lies in the link's buffer until the next fetch."""
        self._ended = True
        """Whether the newest transfer ended with a short packet."""
        self._bare_head = False
        """Whether the newest head came alone, so that its data is a transfer of its own."""

    def send(self, container: bytes, deadline: Deadline) -> None:
        self._link.write(container, deadline.left())

    def head(self, expected: int, deadline: Deadline) -> Head:
        """The next container's head; about `expected` bytes are expected to follow it."""
        for _ in range(1 + EMPTY_LIMIT):
            if not self._held:
                self._fetch(HEAD_BYTES + expected, deadline)
        if not self._held:
            raise RecorderMisbehaved("sends nothing but empty packets")
        head = decode_head(self._held)
        self._held = self._held[HEAD_BYTES:]
        self._bare_head = not self._held
        return head

    def take(self, size: int, deadline: Deadline) -> bytes:
        """Exactly `size` bytes that follow the head."""
        if size <= len(self._held):
            return self._cut(size)
        pieces = [self._cut(len(self._held))] if self._held else []
        missing = size - sum(map(len, pieces))
        while missing:
            if self._ended and not self._bare_head:
                raise RecorderMisbehaved(f"delivers {missing} bytes less than it declares")
            self._bare_head = False
            self._fetch(missing, deadline)
            pieces.append(self._cut(min(missing, len(self._held))))
            missing -= len(pieces[-1])
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def finish(self) -> None:
        """After a response: raise `RecorderMisbehaved` if anything came after it."""
        if self._held:
            raise RecorderMisbehaved(f"sends {len(self._held)} bytes after its response")

    def _cut(self, size: int) -> bytes:
        piece = bytes(self._held[:size])
        self._held = self._held[size:]
        return piece

    def _fetch(self, expected: int, deadline: Deadline) -> None:
        """One transfer; what was held has to be cut before, since the buffer is the same."""
        self._held = self._link.read(expected, deadline.left())
        self._ended = len(self._held) % self._link.packet != 0 or not self._held
        deadline.earn(len(self._held))

    # Coming to rest after trouble (still image class definition, clause 5.2).

    def resynchronise(self, transaction: int, *, stalled: bool) -> bool:
        """Cancel what runs, empty the pipe, wait until the device is ready: whether it is.

        Raises `RecorderGone` where it answers no control request any more.
        """
        self._held = memoryview(b"")
        if stalled:
            self._clear_halts()
        self._request(ClassRequest.CANCEL, encode_cancel(transaction))
        ready = self._drain() and self._becomes_ready()
        if not ready:
            self._request(ClassRequest.DEVICE_RESET, b"")
        return ready

    def _request(self, request: ClassRequest, data: bytes) -> None:
        try:
            self._link.send_request(request, data, _CONTROL_PATIENCE)
        except Stalled:
            log.debug("the recorder does not know the request %s", request.name)
        except TimedOut as error:
            raise RecorderGone("the recorder answers nothing any more") from error

    def _clear_halts(self) -> None:
        try:
            self._link.clear_halts()
        except (Stalled, TimedOut) as error:
            raise RecorderGone("the recorder's endpoints stay halted") from error

    def _drain(self) -> bool:
        """Whether the bulk pipe became quiet, within its budgets of bytes, time and transfers."""
        end, size, stalls = self._clock.monotonic() + _DRAIN_PATIENCE, 0, 0
        for _ in range(_DRAIN_TRANSFERS):
            try:
                size += len(self._link.read(_DRAIN_LIMIT, _QUIET))
            except TimedOut:
                return True
            except Stalled:
                stalls += 1
                self._clear_halts()
            if size > _DRAIN_LIMIT or stalls > _DRAIN_STALLS or self._clock.monotonic() > end:
                break
        return False

    def _becomes_ready(self) -> bool:
        for _ in range(_STATUS_TRIES):
            status = self._status()
            if status is None or status.code == Response.OK:
                return True
            if status.halted:
                self._clear_halts()
            self._log_events()
        return False

    def _status(self) -> DeviceStatus | None:
        """None where the device does not know the request or garbles its answer."""
        try:
            answer = self._link.ask_request(ClassRequest.GET_DEVICE_STATUS, 24, _CONTROL_PATIENCE)
            return decode_status(answer)
        except (Stalled, Malformed) as error:
            log.debug("no device status: %s", error)
            return None
        except TimedOut as error:
            raise RecorderGone("the recorder answers nothing any more") from error

    def _log_events(self) -> None:
        """What the device says by itself; reading it also passes the time until it is ready."""
        for _ in range(_EVENT_LIMIT):
            try:
                head, parameters = decode_event(self._link.event(_QUIET))
            except (TimedOut, Stalled):
                return
            except Malformed as error:
                log.debug("%s", error)
            else:
                log.info("the recorder signals event 0x%04x %r", head.code, parameters)
