"""Reading parts of an object: whichever operation the recorder has, and does not refuse.

GetPartialObject64 (Android) reaches everywhere, GetPartialObject below 4 GiB. Where neither helps,
GetObject gives the whole object once: it is kept open while readings follow on, and begun anew,
with what lies before the wanted place thrown away, where they do not.

The length that a recorder declares may be too small: 32 bits that ran over, a stale listing, a
file that still grows. So a reading past the end asks the recorder whether there is more, once.
"""

from __future__ import annotations

from collections.abc import Container

from agent.errors import RecorderMisbehaved
from agent.recorder.mtp.answers import complaint
from agent.recorder.mtp.session import Session
from agent.wire.ptp.codes import Operation, Response

PIECE = 256 * 1024
"""Bytes in one transaction."""
CRUMB = 4096
"""A recorder may give less than was asked for, but not less than this."""
PEEP = 64
"""Bytes asked for past the end: whether there is something is the question, not what."""
_PARTIAL_LIMIT = 0xFFFFFFFF
_NOTHING_THERE = frozenset({Response.INVALID_PARAMETER, Response.GENERAL_ERROR})
"""How recorders refuse an offset past the end. PTP has no code for it: to some the offset is a
parameter that is not valid, to others an error without a name.
"""


class Reader:
    """Reads objects of one session. `operations` are those the device knows."""

    def __init__(self, session: Session, operations: Container[int]) -> None:
        self._session = session
        self._ways = [
            way
            for way in (Operation.GET_PARTIAL_OBJECT_64, Operation.GET_PARTIAL_OBJECT)
            if way in operations
        ]
        self._streamed = 0
        """The object that a GetObject goes on for, and where it stands."""
        self._position = 0

    def read(self, handle: int, length: int, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` of an object of `length` bytes; fewer only at its end.

        With an `offset` at or past the end: up to `PEEP` of the bytes that the recorder has there
        against its own word, empty where it keeps its word.
        """
        if offset >= length and size > 0:
            return self._past_end(handle, length, offset, min(size, PEEP))
        end = min(offset + size, length)
        pieces = []
        while offset < end:
            pieces.append(self._piece(handle, length, offset, min(PIECE, end - offset)))
            offset += len(pieces[-1])
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _piece(self, handle: int, length: int, offset: int, size: int) -> bytes:
        while way := self._way(length):
            answer = self._session.ask(way, handle, *_place(way, offset), size, most=size)
            if answer.ok:
                if len(answer.data) < min(size, CRUMB):
                    raise RecorderMisbehaved(
                        f"the recorder gives {len(answer.data)} bytes at {offset} of {length}"
                    )
                return answer.data
            if not answer.unsupported:
                raise complaint("reading", answer.code)
            self._ways.remove(way)
        return self._from_stream(handle, length, offset, size)

    def _past_end(self, handle: int, length: int, offset: int, size: int) -> bytes:
        """What is there past the end. A refusal of the one reading is no word on other readings,
        so the way stays. Where only GetObject is left, the length that it declares has to be
        `length`, else `RecorderMisbehaved`; one that was begun before was held against it then.
        """
        for way in self._ways:
            if way == Operation.GET_PARTIAL_OBJECT and offset > _PARTIAL_LIMIT:
                continue
            answer = self._session.ask(
                way, handle, *_place(way, offset), size, most=size, bare=True
            )
            if answer.ok or answer.code in _NOTHING_THERE:
                return answer.data
            if not answer.unsupported:
                raise complaint("reading past the end", answer.code)
        if self._streamed != handle:
            self._from_stream(handle, length, 0, 0)
        return b""

    def _way(self, length: int) -> Operation | None:
        """The best operation for an object; None where only GetObject is left."""
        for way in self._ways:
            if way == Operation.GET_PARTIAL_OBJECT_64 or length <= _PARTIAL_LIMIT:
                return way
        return None

    def _from_stream(self, handle: int, length: int, offset: int, size: int) -> bytes:
        follows_on = self._session.running and self._streamed == handle and self._position <= offset
        if not follows_on:
            answer = self._session.start(Operation.GET_OBJECT, handle, size=length)
            if answer and not answer.ok:
                raise complaint("reading", answer.code)
            self._streamed, self._position = handle, 0
            if answer:
                return b""
        while self._position < offset:
            skipped = min(PIECE, offset - self._position)
            self._session.more(skipped)
            self._position += skipped
        data = self._session.more(size)
        self._position += size
        return data


def _place(way: Operation, offset: int) -> tuple[int, ...]:
    """An offset as the parameters of `way`."""
    wide = way == Operation.GET_PARTIAL_OBJECT_64
    return (offset & 0xFFFFFFFF, offset >> 32) if wide else (offset,)
