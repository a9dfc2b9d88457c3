"""A recorder that speaks PTP and MTP over USB: bytes in, bytes out.

Containers as in the Still Image class §7.1, operations as in MTP 1.1 annex D. Data goes out as a
stream: an object of 5 GiB is never held.
"""

from __future__ import annotations

import struct

from hwsim.body import Body
from hwsim.card import Content
from hwsim.faces.ptp_answers import Quirks, Responder
from hwsim.faces.ptp_codes import (
    CANCEL_CODE,
    FULL_MTP,
    NO_PARTIAL_64,
    NO_PROP_LIST,
    PLAIN_PTP,
    WHOLE_OBJECTS,
    Answer,
    ClassRequest,
    Event,
    Kind,
    Operation,
)
from hwsim.faces.ptp_data import (
    HEADER,
    Command,
    NotPtp,
    Padded,
    Reply,
    Window,
    container,
    header,
    read_command,
)
from hwsim.faults import (
    AnswerFirst,
    BadContainer,
    BadData,
    BadResponse,
    Faults,
    NoAnswer,
    Refuse,
    Repeat,
)
from hwsim.usb import BULK_IN, BULK_OUT, INTERRUPT_IN, Pipe, Setup, Silent, Stalled, UsbFacts

__all__ = [
    "FULL_MTP",
    "NO_PARTIAL_64",
    "NO_PROP_LIST",
    "PLAIN_PTP",
    "WHOLE_OBJECTS",
    "Event",
    "Operation",
    "PtpFace",
    "Quirks",
]

STILL_IMAGE = (0x06, 0x01, 0x01)
VENDOR_SPECIFIC = (0xFF, 0xFF, 0x00)
MOST_INCOMING = 1 << 16
"""Bytes that a host may send as data: no operation here takes more."""

EVENT_PACKET = 28
LAST_TRANSACTION = 0xFFFFFFFE


class PtpFace:
    """One recorder's answers over USB.

    In a session, transaction ids must go up, and OpenSession must carry 0 (PIMA 15740 §9.3.1,
    §10.5): a host that errs is answered 0x2004.
    """

    def __init__(
        self, body: Body, faults: Faults | None = None, quirks: Quirks | None = None
    ) -> None:
        self.body = body
        self.faults = faults if faults is not None else Faults()
        self.quirks = quirks if quirks is not None else Quirks()
        self._responder = Responder(body, self.faults, self.quirks)
        self._bulk = Pipe()
        self._events = Pipe(EVENT_PACKET)
        self._command: Command | None = None
        self._incoming = b""
        self._transaction = 0
        self._current = 0
        self._busy = 0

    @property
    def facts(self) -> UsbFacts:
        quirks = self.quirks
        return UsbFacts(
            vendor_id=quirks.vendor_id,
            product_id=quirks.product_id,
            maker=self.body.maker,
            product=self.body.model,
            serial=self.body.serial,
            interface_class=VENDOR_SPECIFIC if quirks.android else STILL_IMAGE,
            interface_name="MTP" if quirks.android else "",
        )

    def attach(self) -> None:
        self.reset()
        if self.quirks.session_open:
            self._responder.open(1)

    def reset(self) -> None:
        """Everything of the session is forgotten."""
        self._flush()
        self._events.clear()
        self._responder.close()
        self._transaction = 0
        self._busy = 0

    def tell(self, event: Event, *params: int) -> None:
        """Send an event over the interrupt endpoint."""
        raw = container(Kind.EVENT, event, self._transaction, params)
        self._events.send(raw, zero_packet=False)

    # What ports call.

    def read(self, endpoint: int, into: memoryview) -> tuple[int, bool]:
        if endpoint == BULK_IN:
            return self._bulk.read(into)
        if endpoint == INTERRUPT_IN:
            return self._events.read(into)
        raise Stalled

    def write(self, endpoint: int, data: bytes) -> None:
        """A command, or a piece of the data that belongs to one.

        While there is something to be read, the endpoint takes nothing: `Silent`.
        """
        if endpoint != BULK_OUT:
            raise Stalled
        if len(self._bulk):
            raise Silent
        try:
            self._take(data)
        except NotPtp as cause:
            self._flush()
            raise Stalled from cause

    def control(self, setup: Setup, data: bytes) -> bytes:
        """The requests of the still image class (§5.2). Raises `Stalled` for any other."""
        match setup.request_type, setup.request:
            case (0x21, ClassRequest.CANCEL):
                return self._cancel(data)
            case (0x21, ClassRequest.RESET):
                self.reset()
                return b""
            case (0xA1, ClassRequest.STATUS):
                return self._status()
        raise Stalled

    # Commands and data from the host.

    def _take(self, data: bytes) -> None:
        if self._command is None:
            if data:
                self._begin(read_command(data))
            return
        self._incoming += data
        if len(self._incoming) < HEADER.size:
            return
        length, kind, code, transaction = HEADER.unpack_from(self._incoming)
        expected = (Kind.DATA, self._command.code, self._command.transaction)
        if (kind, code, transaction) != expected or not HEADER.size <= length <= MOST_INCOMING:
            raise NotPtp("no data container of this transaction")
        if len(self._incoming) > length:
            raise NotPtp("more data than declared")
        if len(self._incoming) == length:
            command, payload = self._command, self._incoming[HEADER.size :]
            self._command, self._incoming = None, b""
            self._answer(command, payload)

    def _begin(self, command: Command) -> None:
        self._current = command.transaction
        if command.code == Operation.SET_DEVICE_PROP_VALUE:
            self._command = command
        else:
            self._answer(command, b"")

    def _answer(self, command: Command, data: bytes) -> None:
        refusal = self.faults.due(Refuse, command.code)
        if refusal is not None:
            reply = Reply(refusal.code)
        elif not self._in_order(command):
            reply = Reply(Answer.INVALID_TRANSACTION)
        else:
            reply = self._responder.answer(command, data)
        self._send(command, reply)

    def _in_order(self, command: Command) -> bool:
        """Whether the transaction id may follow the last one; past the end it begins at 1."""
        last, now = self._transaction, command.transaction
        if command.code == Operation.OPEN_SESSION:
            self._transaction = 0 if not self._responder.session else last
            return now == 0
        if not self._responder.session:
            return True
        self._transaction = now
        return last < now <= LAST_TRANSACTION or (last == LAST_TRANSACTION and now == 1)

    # Data and responses to the host.

    def _send(self, command: Command, reply: Reply) -> None:
        answer_first = self.faults.due(AnswerFirst, command.code) is not None
        if answer_first:
            self._send_response(command, reply)
        if reply.data is not None:
            self._send_data(command, reply.data, reply.deliver)
        if not answer_first:
            self._send_response(command, reply)

    def _send_data(self, command: Command, data: Content, deliver: int) -> None:
        bad = self.faults.due(BadData, command.code)
        if bad is not None:
            data = Window(data, 0, data.size - bad.cut)
        head = header(Kind.DATA, command.code, command.transaction, data.size)
        if bad is not None:
            head = _spoilt(head, bad)
            deliver += bad.deliver
        if deliver < 0:
            data = Window(data, 0, data.size + deliver)
        elif deliver > 0:
            data = Padded(data, deliver)
        if self.quirks.split_header:
            self._queue(head)
            if data.size:
                self._queue(b"", data)
        else:
            self._queue(head, data)

    def _send_response(self, command: Command, reply: Reply) -> None:
        if self.faults.due(NoAnswer, command.code):
            return
        raw = container(Kind.RESPONSE, reply.code, command.transaction, reply.params)
        bad = self.faults.due(BadResponse, command.code)
        if bad is not None:
            raw = _spoilt(raw, bad)
            raw = (raw + bytes(max(0, bad.deliver)))[: len(raw) + bad.deliver]
        for _ in range(2 if self.faults.due(Repeat, command.code) else 1):
            self._queue(raw)

    def _queue(self, head: bytes, data: Content | None = None) -> None:
        self._bulk.send(head, data, zero_packet=self.quirks.zero_packet)

    def _flush(self) -> None:
        self._bulk.clear()
        self._command = None
        self._incoming = b""

    # Class requests.

    def _cancel(self, data: bytes) -> bytes:
        """Cancellation (§5.2.1): a code and the transaction; one that is over is left alone."""
        if len(data) != 6 or int.from_bytes(data[:2], "little") != CANCEL_CODE:
            raise Stalled
        if int.from_bytes(data[2:], "little") == self._current:
            self._flush()
            self._busy = self.quirks.cancel_busy
        return b""

    def _status(self) -> bytes:
        """The device status (§5.2.4): its length and a response code."""
        code = Answer.DEVICE_BUSY if self._busy else Answer.OK
        self._busy = max(0, self._busy - 1)
        return struct.pack("<HH", 4, code)


def _spoilt(raw: bytes, bad: BadContainer) -> bytes:
    """A container with what the fault puts into its header."""
    length, kind, code, transaction = HEADER.unpack_from(raw)
    return (
        HEADER.pack(
            length if bad.length is None else bad.length,
            kind if bad.kind is None else bad.kind,
            code if bad.code is None else bad.code,
            (transaction + bad.transaction) % 2**32,
        )
        + raw[HEADER.size :]
    )
