"""One PTP session: transactions, one at a time, each checked and each brought to an end.

A transaction is a command, maybe data, and a response (PIMA 15740 clause 9.3). Kind, code,
transaction id and length of every container are checked; a violation ends the transaction with
`RecorderMisbehaved`, and either both sides come to rest again or the session is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from agent.clock import Clock
from agent.errors import Malformed, RecorderError, RecorderGone, RecorderMisbehaved
from agent.link.usb import UsbLink
from agent.link.usb_facts import Stalled, TimedOut
from agent.recorder.mtp.answers import Answer, TooLarge, complaint
from agent.recorder.mtp.transport import PATIENCE, Deadline, Transport
from agent.wire.ptp.codes import Operation, Response, response_name
from agent.wire.ptp.container import (
    HEAD_BYTES,
    UNTIL_SHORT_PACKET,
    Head,
    Kind,
    decode_parameters,
    encode_command,
    encode_data,
)

_SESSION = 1
_LAST_TRANSACTION = 0xFFFFFFFE
_CLOSE_PATIENCE = 2.0
_READ_OUT = 256 * 1024
"""A stream with this little left is read to its end rather than cancelled."""


@dataclass(slots=True)
class _Running:
    """A transaction whose data is taken piece by piece."""

    operation: Operation
    transaction: int
    left: int


class Session:
    """Methods raise `RecorderGone`, `RecorderMisbehaved`, and where they insist on OK the error
    that fits the response.
    """

    def __init__(self, link: UsbLink, clock: Clock) -> None:
        self._link = link
        self._clock = clock
        self._transport = Transport(link, clock)
        self._transaction = 0
        """The newest transaction's id."""
        self._running: _Running | None = None
        self._over: RecorderError | None = None

    def open(self) -> None:
        """Open the session; one that somebody left open, or left in mid-transfer, is ended."""
        try:
            self._open()
        except RecorderMisbehaved:
            self._over = None
            self._open()

    def _open(self) -> None:
        answer = self._open_once()
        if answer.code == Response.SESSION_ALREADY_OPEN:
            self.ask(Operation.CLOSE_SESSION)
            answer = self._open_once()
        if not answer.ok:
            raise complaint("opening a session", answer.code)

    def _open_once(self) -> Answer:
        self._transaction = -1  # OpenSession always has transaction id 0
        return self.ask(Operation.OPEN_SESSION, _SESSION, repeat=False)

    def close(self) -> None:
        """Close the session and the link; safe at any time."""
        try:
            if self._over is None:
                self.ask(Operation.CLOSE_SESSION, repeat=False, patience=_CLOSE_PATIENCE)
                self._over = RecorderGone("the session was closed")
        except RecorderError as error:
            self._over = error
        finally:
            self._link.close()

    def need(
        self, doing: str, operation: Operation, *parameters: int, most: int = 0, send: bytes = b""
    ) -> bytes:
        """The data of a transaction that has to succeed; `doing` says in an error what failed."""
        answer = self.ask(operation, *parameters, most=most, send=send)
        if not answer.ok:
            raise complaint(doing, answer.code)
        return answer.data

    def ask(
        self,
        operation: Operation,
        *parameters: int,
        most: int = 0,
        send: bytes = b"",
        bare: bool = False,
        repeat: bool = True,
        patience: float = PATIENCE,
    ) -> Answer:
        """One transaction, whatever its response.

        `most` is how much data may come, `send` what goes out. OK without the data that may come
        is a violation, unless `bare` allows it, where there may be none. After a stall it
        is done once more, unless `repeat` is false, for what must not happen twice.
        Raises `TooLarge`.
        """
        self._settle()
        try:
            return self._transact(operation, parameters, most, send, patience, bare=bare)
        except Stalled as error:
            if not repeat or self._over:
                raise RecorderMisbehaved(f"{operation.name}: the recorder stalls") from error
        try:
            return self._transact(operation, parameters, most, send, patience, bare=bare)
        except Stalled as error:
            raise RecorderMisbehaved(f"{operation.name}: the recorder stalls again") from error

    def _transact(
        self,
        operation: Operation,
        parameters: tuple[int, ...],
        most: int,
        send: bytes,
        patience: float,
        *,
        bare: bool,
    ) -> Answer:
        with self._at_rest_after(operation):
            deadline = Deadline(self._clock, patience)
            transaction = self._begin(operation, parameters, deadline)
            if send:
                self._transport.send(encode_data(operation, transaction, send), deadline)
            head = self._transport.head(most, deadline)
            if head.kind is Kind.RESPONSE:
                expected = most > 0 and not bare
                return self._without_data(head, transaction, deadline, expected=expected)
            self._check(head, operation, transaction)
            size = head.length - HEAD_BYTES
            if size > most:
                raise TooLarge(f"declares {size} bytes of data, at most {most} were expected")
            data = self._transport.take(size, deadline)
            return self._response(self._transport.head(0, deadline), transaction, deadline, data)

    def _begin(self, operation: Operation, parameters: tuple[int, ...], deadline: Deadline) -> int:
        transaction = self._transaction + 1 if self._transaction < _LAST_TRANSACTION else 1
        self._transaction = transaction
        self._transport.send(encode_command(operation, transaction, *parameters), deadline)
        return transaction

    def _check(self, head: Head, operation: Operation, transaction: int) -> None:
        """That this is the head of the data that was asked for."""
        if head.kind is not Kind.DATA or head.code != operation:
            raise RecorderMisbehaved(f"sends a {head.kind.name} container, code 0x{head.code:04x}")
        if head.transaction != transaction:
            raise RecorderMisbehaved(
                f"sends data of transaction {head.transaction} in transaction {transaction}"
            )

    def _response(
        self, head: Head, transaction: int, deadline: Deadline, data: bytes = b""
    ) -> Answer:
        if head.kind is not Kind.RESPONSE:
            raise RecorderMisbehaved(f"sends a {head.kind.name} container for a response")
        if head.transaction != transaction:
            raise RecorderMisbehaved(
                f"answers transaction {head.transaction} in transaction {transaction}"
            )
        parameters = decode_parameters(self._transport.take(head.length - HEAD_BYTES, deadline))
        self._transport.finish()
        return Answer(head.code, parameters, data)

    def _without_data(
        self, head: Head, transaction: int, deadline: Deadline, *, expected: bool
    ) -> Answer:
        """A response where data could have come: a refusal, or an operation that has none."""
        answer = self._response(head, transaction, deadline)
        if answer.ok and expected:
            raise RecorderMisbehaved("answers before it sends its data")
        return answer

    # Data in pieces: one transaction that stays open over many calls.

    def start(self, operation: Operation, *parameters: int, size: int) -> Answer | None:
        """Begin a transaction that gives exactly `size` bytes; None, or what was answered
        instead: a refusal, or OK where there are no bytes to give."""
        self._settle()
        with self._at_rest_after(operation, final=True):
            deadline = Deadline(self._clock)
            transaction = self._begin(operation, parameters, deadline)
            head = self._transport.head(min(size, _READ_OUT), deadline)
            if head.kind is Kind.RESPONSE:
                return self._without_data(head, transaction, deadline, expected=size > 0)
            self._check(head, operation, transaction)
            if head.length != min(size + HEAD_BYTES, UNTIL_SHORT_PACKET):
                raise RecorderMisbehaved(
                    f"declares {head.length - HEAD_BYTES} bytes of an object that has {size}"
                )
        self._running = _Running(operation, transaction, size)
        return None

    def more(self, size: int) -> bytes:
        """The next `size` bytes of what was started, of which there must be as many."""
        running = self._running
        if running is None or size > running.left:
            raise ValueError(f"{size} bytes of what has ended or is shorter")
        with self._at_rest_after(running.operation, final=True):
            deadline = Deadline(self._clock)
            data = self._transport.take(size, deadline)
            running.left -= size
            if not running.left:
                self._running = None
                head = self._transport.head(0, deadline)
                answer = self._response(head, running.transaction, deadline)
                if not answer.ok:
                    raise RecorderMisbehaved(f"takes its data back: {response_name(answer.code)}")
        return data

    @property
    def running(self) -> bool:
        """Whether what was started goes on; any other transaction ends it."""
        return self._running is not None

    def check(self) -> None:
        """Raise why the session is over, if it is."""
        if self._over:
            raise type(self._over)(self._over.what)

    def _settle(self) -> None:
        """End what was started, before something else begins."""
        self.check()
        running = self._running
        if running is None:
            return
        if running.left <= _READ_OUT:
            self.more(running.left)
            return
        self._running = None
        self._come_to_rest(running.operation, stalled=False)
        self.check()

    # Trouble.

    @contextmanager
    def _at_rest_after(self, operation: Operation, *, final: bool = False) -> Iterator[None]:
        """Whatever goes wrong inside, both sides are at rest after it or the session is over.

        `Stalled` is passed on, for a repetition, unless it is `final`.
        """
        try:
            yield
        except (TimedOut, Stalled, Malformed, RecorderMisbehaved) as error:
            self._running = None
            self._come_to_rest(operation, stalled=isinstance(error, Stalled))
            if isinstance(error, Stalled) and not final:
                raise
            kind = TooLarge if isinstance(error, TooLarge) else RecorderMisbehaved
            raise kind(f"{operation.name}: the recorder {_what(error)}") from error
        except RecorderGone as error:
            self._over = error
            raise

    def _come_to_rest(self, operation: Operation, *, stalled: bool) -> None:
        try:
            rests = self._transport.resynchronise(max(0, self._transaction), stalled=stalled)
        except RecorderGone as error:
            self._over = error
            raise
        if not rests:
            self._over = RecorderMisbehaved(
                f"{operation.name}: the recorder did not come to rest, the session is over"
            )


def _what(error: Exception) -> str:
    if isinstance(error, TimedOut):
        return f"does not answer in time ({error})"
    if isinstance(error, Stalled):
        return "stalls"
    if isinstance(error, Malformed):
        return f"sends what is no container: {error}"
    return str(error)
