"""Messages to and from a recorder in control mode, whatever carries them.

A channel knows frames and deadlines and no meaning. It is used by one thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from agent.clock import Clock
from agent.errors import Malformed, RecorderMisbehaved
from agent.link.line import Line
from agent.link.usb_facts import Stalled, TimedOut
from agent.link.usb_handle import Handle
from agent.link.usb_handle import Request as UsbRequest
from agent.recorder.profiles.dialect import Frame, Usb
from agent.wire.dialect.framing import Cutter, Lengthened, WholeLines

PIECE = 4096
QUIET = 0.01
"""Seconds without a byte after which a line counts as quiet."""
MOST_STALE = 64 * 1024
MOST_PIECES = 2048
"""Pieces, empty USB packets included, in which one message may come; no limit has more bytes."""
MOST_STALE_PIECES = 64
_FETCHES = 8


class Deadline:
    """When to stop waiting."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._end = clock.monotonic() + seconds

    def left(self, most: float = 60.0) -> float:
        """Seconds left, at most `most`. Raises `TimedOut` when there are none."""
        left = self._end - self._clock.monotonic()
        if left <= 0:
            raise TimedOut("too slow")
        return min(left, most)

    def earn(self, seconds: float) -> None:
        """That much later."""
        self._end += seconds


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it is to be sent: message, SCSI command block, and how much to ask for."""

    message: bytes
    command: bytes = b""
    receive: int | None = None


class Channel(Protocol):
    """All methods raise `RecorderGone`, `RecorderMisbehaved`, `TimedOut`; of one that asks back
    also `Stalled`, for a request that the recorder does not carry out, and `RecorderBusy`.
    """

    @property
    def asks_back(self) -> bool:
        """Whether `receive` itself asks the recorder, so that nothing comes unasked."""
        ...

    def send(self, request: Outgoing, deadline: Deadline, quiet: float = QUIET) -> None:
        """Where messages may come unasked, those are dropped before, until `quiet` seconds of
        silence: they answer nothing of this.
        """
        ...

    def receive(self, deadline: Deadline) -> bytes:
        """The next message; for lines, those that are whole by now (at least one)."""
        ...

    def close(self) -> None:
        """Safe at any time."""
        ...


class StreamChannel:
    """Packets, lines or messages with their length, over a line."""

    asks_back = False

    def __init__(self, line: Line, frame: Frame) -> None:
        self._line = line
        self._limit = frame.limit
        self._lengths = Lengthened(frame.length_bytes, frame.length_order, frame.limit)
        self._cutter: Cutter | None = {
            "packet": None,
            "lines": WholeLines(frame.limit),
            "length": self._lengths,
        }[frame.kind]

    def send(self, request: Outgoing, deadline: Deadline, quiet: float = QUIET) -> None:
        self._become_quiet(deadline, quiet)
        framed = self._cutter is self._lengths
        self._write(self._lengths.wrap(request.message) if framed else request.message, deadline)

    def receive(self, deadline: Deadline) -> bytes:
        if self._cutter is None:
            return self._packet(self._read(deadline.left()))
        try:
            for _ in range(MOST_PIECES):
                if message := self._cutter.take():
                    return message
                self._cutter.feed(self._read(deadline.left()))
        except Malformed as error:
            raise RecorderMisbehaved(f"answers with {error.what}") from error
        raise RecorderMisbehaved("its answer comes in too many pieces")

    def close(self) -> None:
        self._line.close()

    def _packet(self, piece: bytes) -> bytes:
        if len(piece) > self._limit:
            raise RecorderMisbehaved(f"answers with {len(piece)} bytes, {self._limit} are the most")
        return piece

    def _become_quiet(self, deadline: Deadline, quiet: float) -> None:
        stale = 0
        if self._cutter:
            self._cutter.clear()
        for _ in range(MOST_STALE_PIECES):
            try:
                stale += len(self._read(deadline.left(quiet)))
            except TimedOut:
                deadline.left()
                return
            if stale > MOST_STALE:
                break
        raise RecorderMisbehaved("talks without end before it is asked anything")

    def _read(self, timeout: float) -> bytes:
        try:
            return self._line.read(PIECE, timeout)
        except Stalled as error:
            raise RecorderMisbehaved("halts instead of answering") from error

    def _write(self, message: bytes, deadline: Deadline) -> None:
        try:
            self._line.write(message, deadline.left())
        except Stalled as error:
            raise RecorderMisbehaved("halts instead of listening") from error


class ControlChannel:
    """Vendor requests: the message goes out with one, the answer is fetched with another."""

    asks_back = True

    def __init__(self, handle: Handle, usb: Usb, patience: float) -> None:
        """`patience`: seconds that one fetching of an answer may take."""
        if usb.request is None:
            raise ValueError("there is no request")
        self._handle = handle
        self._patience = patience
        self._out = UsbRequest(usb.out_type, usb.request, usb.out_value, usb.index)
        self._in = UsbRequest(usb.in_type, usb.request, usb.in_value, usb.index)
        self._size = 0

    def send(self, request: Outgoing, deadline: Deadline, quiet: float = QUIET) -> None:  # noqa: ARG002
        self._size = request.receive or len(request.message)
        self._handle.tell(self._out, request.message, deadline.left())

    def receive(self, deadline: Deadline) -> bytes:
        """Fetched again while the recorder has nothing to say yet."""
        for _ in range(_FETCHES):
            try:
                return self._handle.ask(self._in, self._size, deadline.left(self._patience))
            except TimedOut:
                deadline.left()
        raise TimedOut("nothing to fetch")

    def close(self) -> None:
        self._handle.close()
