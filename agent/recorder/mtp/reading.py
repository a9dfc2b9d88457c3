"""Reading parts of an object: whichever operation the recorder has, and does not refuse.

GetPartialObject64 (Android) reaches everywhere, GetPartialObject below 4 GiB. Where neither helps,
GetObject gives the whole object once: it is kept open while readings follow on, and begun anew,
with what lies before the wanted place thrown away, where they do not.
"""

from __future__ import annotations

from collections.abc import Container

from agent.errors import RecorderMisbehaved
from agent.recorder.mtp.answers import complaint
from agent.recorder.mtp.session import Session
from agent.wire.ptp.codes import Operation

PIECE = 256 * 1024
"""Bytes in one transaction."""
CRUMB = 4096
"""A recorder may give less than was asked for, but not less than this."""
_PARTIAL_LIMIT = 0xFFFFFFFF


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
        """`size` bytes from `offset` of an object of `length` bytes; fewer only at its end."""
        end = min(offset + size, length)
        pieces = []
        while offset < end:
            pieces.append(self._piece(handle, length, offset, min(PIECE, end - offset)))
            offset += len(pieces[-1])
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _piece(self, handle: int, length: int, offset: int, size: int) -> bytes:
        while way := self._way(length):
            wide = way == Operation.GET_PARTIAL_OBJECT_64
            where = (offset & 0xFFFFFFFF, offset >> 32) if wide else (offset,)
            answer = self._session.ask(way, handle, *where, size, most=size)
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

    def _way(self, length: int) -> Operation | None:
        """The best operation for an object; None where only GetObject is left."""
        for way in self._ways:
            if way == Operation.GET_PARTIAL_OBJECT_64 or length <= _PARTIAL_LIMIT:
                return way
        return None

    def _from_stream(self, handle: int, length: int, offset: int, size: int) -> bytes:
        follows_on = self._session.running and self._streamed == handle and self._position <= offset
        if not follows_on:
            refusal = self._session.start(Operation.GET_OBJECT, handle, size=length)
            if refusal:
                raise complaint("reading", refusal.code)
            self._streamed, self._position = handle, 0
        while self._position < offset:
            skipped = min(PIECE, offset - self._position)
            self._session.more(skipped)
            self._position += skipped
        data = self._session.more(size)
        self._position += size
        return data
