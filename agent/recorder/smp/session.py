"""One question at a time over a noisy line, asked again until it is answered.

All that is asked may be asked twice, so a question is sent again as soon as its answer is late or
came damaged. Every sending has a number of its own, so that it shows which one was answered: any of
them will do, and how long it took is learned. What answers another number is passed over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol, TypeVar

from agent.clock import Clock
from agent.errors import Malformed, RecorderError, RecorderGone, RecorderMisbehaved
from agent.link.line import Line
from agent.link.usb_facts import TimedOut
from agent.recorder.smp.refusals import TOO_NEW, complaint
from agent.wire.smp import requests
from agent.wire.smp.console import PacketReader, encode_lines
from agent.wire.smp.message import Refusal, Request, answered, decode_answer, encode_request

log = logging.getLogger(__name__)

R = TypeVar("R")

PATIENCE = 10.0
"""Seconds of silence after which a recorder does not answer any more."""
NOISY_PATIENCE = 20.0
"""Seconds for one answer while something, but no answer, is heard."""
SHORTEST_WAIT, LONGEST_WAIT = 0.1, 4.0
"""Seconds for an answer before the question is sent again."""
GAP = 0.1
"""Seconds of silence in mid-packet after which the rest does not come any more."""
TRIES = 200
NONSENSE_LIMIT = 5
"""Answers to one question that are whole but make no sense."""
HEARD_LIMIT = 1 << 20
"""Bytes heard while waiting for one answer."""
PROBE_WAITS = (0.3, 0.5, 0.8)

_FIRST_GUESS = 0.5
_PIECE = 4096
_BITS = 10
"""A byte on the line: start, eight, stop."""
_HELLO = "bodydock"


class SerialLine(Line, Protocol):
    """What a session needs of a serial port; `baud` counts bits a second."""

    baud: int


class Session:
    """Questions and answers over one line; one thread only.

    Methods raise `RecorderGone` when the line is gone or the recorder answers nothing any more, and
    `RecorderMisbehaved` when it answers nonsense. After either the session is over.
    """

    def __init__(self, line: SerialLine, clock: Clock) -> None:
        self._line = line
        self._clock = clock
        self._packets = PacketReader()
        self._sequence = 0
        self._version = 1
        self._usual = _FIRST_GUESS
        self._sent: dict[int, float] = {}
        """When this question was sent, by number."""
        self._heard = 0
        self._over = ""
        self.took = 0.0
        """Seconds from the sending that was answered to its answer."""

    def answers(self) -> bool:
        """Whether an SMP server answers an echo, within two seconds."""
        self._next()
        for wait in PROBE_WAITS:
            asked = requests.echo(_HELLO)
            try:
                if self._receive(asked, wait + self._send(asked, wait)) is not None:
                    return True
            except Malformed as error:
                log.debug("no SMP: %s", error)
        return False

    def open(self) -> None:
        """Make sure that a server answers, and learn the size of its largest packet.

        Raises also what a refusal of the echo is, and `RecorderBusy`.
        """
        said = self.need("greeting", requests.echo(_HELLO))
        if said != _HELLO:
            raise self._end(RecorderMisbehaved("the recorder's echo gives back something else"))
        found = self.ask(requests.parameters())
        if not isinstance(found, Refusal):
            self._packets.most = min(self._packets.most, found.buffer)

    def check(self) -> None:
        """Raise `RecorderGone` where the session is over."""
        if self._over:
            raise RecorderGone(self._over)

    def need(self, doing: str, request: Request[R], slow: float = 0.0) -> R:
        """The answer; a refusal is raised as `RecorderRefused` or `RecorderBusy`."""
        answer = self.ask(request, slow)
        if isinstance(answer, Refusal):
            raise complaint(doing, answer)
        return answer

    def ask(self, request: Request[R], slow: float = 0.0) -> R | Refusal:
        """The answer, or that it is refused. `slow`: seconds that the recorder may well need."""
        return self.ask_anew(lambda: request, slow)

    def ask_anew(self, make: Callable[[], Request[R]], slow: float = 0.0) -> R | Refusal:
        """As `ask`, with a question made for each sending."""
        answer = self._exchange(make, slow)
        if answer == TOO_NEW and self._version:
            self._version = 0
            answer = self._exchange(make, slow)
        return answer

    def close(self) -> None:
        self._over = self._over or "the session was closed"
        self._line.close()

    def _exchange(self, make: Callable[[], Request[R]], slow: float) -> R | Refusal:
        self.check()
        self._next()
        began, nonsense, late = self._clock.monotonic(), [], 0
        for _ in range(TRIES):
            request, damaged = make(), self._packets.damaged
            wait = max(slow, min(LONGEST_WAIT, max(SHORTEST_WAIT, 2 * self._usual) * 2**late))
            try:
                packet = self._receive(request, wait + self._send(request, wait))
                if packet is not None:
                    return decode_answer(packet, request)
            except Malformed as error:
                nonsense.append(error)
            late = late + 1 if self._packets.damaged == damaged else 0
            if len(nonsense) >= NONSENSE_LIMIT or self._heard > HEARD_LIMIT:
                break
            if self._clock.monotonic() - began > self._patience(slow):
                break
        raise self._end(self._failure(nonsense))

    def _patience(self, slow: float) -> float:
        return (NOISY_PATIENCE if self._heard else PATIENCE) + 4 * slow

    def _next(self) -> None:
        """A new question: not sent, and nothing heard yet."""
        self._sent.clear()
        self._heard = 0

    def _send(self, request: Request[R], wait: float) -> float:
        """Send it behind a line end, which closes whatever line the recorder took for begun; how
        many seconds the line needs for that.
        """
        self._packets.drop()
        self._sequence = (self._sequence + 1) % 256
        self._sent[self._sequence] = self._clock.monotonic()
        lines = b"\n" + encode_lines(encode_request(request, self._sequence, self._version))
        try:
            self._line.write(lines, wait)
        except TimedOut as error:
            log.debug("%s", error)
        return len(lines) * _BITS / self._line.baud

    def _receive(self, request: Request[R], wait: float) -> bytes | None:
        """The packet that answers; None where it is late or was damaged."""
        end, damaged = self._clock.monotonic() + wait, self._packets.damaged
        while self._heard <= HEARD_LIMIT and (left := end - self._clock.monotonic()) > 0:
            try:
                data = self._line.read(_PIECE, left)
            except TimedOut:
                break
            self._heard += len(data)
            for packet in self._packets.feed(data):
                number = answered(packet, request)
                if number in self._sent:
                    self._learn(self._clock.monotonic() - self._sent[number])
                    return packet
            if self._packets.midway:
                end = max(end, self._clock.monotonic() + GAP)
            elif self._packets.damaged > damaged:
                break
        return None

    def _learn(self, took: float) -> None:
        self.took = took
        self._usual += (min(took, LONGEST_WAIT) - self._usual) / 4

    def _failure(self, nonsense: list[Malformed]) -> RecorderError:
        if nonsense:
            return RecorderMisbehaved(f"the recorder answers nonsense: {nonsense[-1].what}")
        if self._heard > HEARD_LIMIT:
            return RecorderMisbehaved("the recorder sends without end and does not answer")
        if self._heard:
            return RecorderMisbehaved(f"{self._heard} bytes came, but no answer among them")
        return RecorderGone("the recorder does not answer any more")

    def _end(self, error: RecorderError) -> RecorderError:
        self._over = f"the session is over: {error.what}"
        return error
