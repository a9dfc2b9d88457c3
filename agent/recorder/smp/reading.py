"""Reading files piece by piece, and checking them against the recorder's own digest.

A server gives as much as its buffer holds; every piece says its offset, the first also the file's
length. CRC-16 lets one damaged packet in 65,536 pass, too many for evidence over a noisy line: so
where the recorder can, each reading is compared with its own digest of the same bytes.
"""

from __future__ import annotations

import hashlib
import logging
import zlib
from collections.abc import Callable

from agent.errors import RecorderMisbehaved, RecorderRefused
from agent.model import printable
from agent.recorder.smp.refusals import complaint, is_behind_the_end, is_unsupported
from agent.recorder.smp.session import Session
from agent.wire.smp import requests
from agent.wire.smp.message import Refusal
from agent.wire.smp.requests import Piece

log = logging.getLogger(__name__)

PEEP = 64
"""Bytes given of what lies past the declared end: whether there is something is the question."""
DIGEST_RATE = 50_000
"""Bytes a second that a small processor digests at the least."""

_DIGESTS: dict[str, Callable[[bytes], bytes | int]] = {
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "crc32": zlib.crc32,
}
"""Which kinds we can compute too, the best first (SMP group 8)."""


class Reader:
    """Reads files of one session. What a piece brings beyond a reading is kept for the next."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._ahead = ("", 0, b"")
        """Path, offset and bytes that came and were not asked for yet."""
        self._digest: str | None = None
        """What the recorder can compute; empty for nothing, None as long as it was not asked."""

    def length(self, path: str) -> int | Refusal:
        """Of a file, in bytes; by its first piece where the server has no file status."""
        answer = self._session.ask(requests.status(path))
        if isinstance(answer, Refusal) and is_unsupported(answer):
            piece = self._session.ask(requests.download(path, 0))
            return piece if isinstance(piece, Refusal) else _length_of(path, piece)
        return answer

    def whole(self, path: str, limit: int) -> bytes:
        """A small file. Raises `RecorderMisbehaved` for one of more than `limit` bytes."""
        piece = self._piece(path, 0)
        length = _length_of(path, piece)
        if length > limit:
            raise RecorderMisbehaved(f"{printable(path)} has {length} bytes, more than {limit}")
        self._ahead = (path, 0, piece.data)
        return self.read(path, length, 0, length)

    def read(self, path: str, length: int, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` of a file of `length` bytes; fewer only at its end.

        With an `offset` at or past the end: up to `PEEP` of the bytes that the recorder has there
        against its own word, empty where it keeps its word.
        """
        if size <= 0:
            return b""
        if offset >= length:
            return self._past_end(path, offset)[: min(size, PEEP)]
        size = min(size, length - offset)
        for _ in range(2):
            data = self._gathered(path, length, offset, size)
            if self._is_as_digested(path, offset, data):
                return data
            self._ahead = ("", 0, b"")
            log.warning("%s: %d bytes at %d are not as digested", printable(path), size, offset)
        raise RecorderMisbehaved(
            f"{printable(path)}: {size} bytes at {offset} do not have the recorder's own digest"
        )

    def _gathered(self, path: str, length: int, offset: int, size: int) -> bytes:
        kept, begin, data = self._ahead
        skip = offset - begin
        data = data[skip:] if kept == path and 0 <= skip <= len(data) else b""
        pieces, have = [data], len(data)
        while have < size:
            piece = self._piece(path, offset + have)
            if piece.length not in (None, length):
                raise RecorderMisbehaved(f"{printable(path)} has {piece.length} bytes by now")
            if not piece.data:
                raise RecorderMisbehaved(f"{printable(path)} ends at {offset + have} of {length}")
            pieces.append(piece.data)
            have += len(piece.data)
        whole = b"".join(pieces)
        self._ahead = (path, offset + size, whole[size:])
        return whole[:size]

    def _piece(self, path: str, offset: int) -> Piece:
        return self._placed(
            path, offset, self._session.need(_reading(path), requests.download(path, offset))
        )

    def _past_end(self, path: str, offset: int) -> bytes:
        answer = self._session.ask(requests.download(path, offset))
        if not isinstance(answer, Refusal):
            return self._placed(path, offset, answer).data
        if is_behind_the_end(answer):
            return b""
        raise complaint(_reading(path), answer)

    @staticmethod
    def _placed(path: str, offset: int, piece: Piece) -> Piece:
        if piece.offset != offset:
            raise RecorderMisbehaved(
                f"{printable(path)}: gives offset {piece.offset} where {offset} was asked"
            )
        return piece

    def _is_as_digested(self, path: str, offset: int, data: bytes) -> bool:
        kind = self._kind()
        if not kind:
            return True
        question = requests.digest(path, kind, offset, len(data))
        answer = self._session.need(
            f"digesting {printable(path)}", question, slow=1 + len(data) / DIGEST_RATE
        )
        if (answer.kind, answer.offset, answer.length) != (kind, offset, len(data)):
            raise RecorderMisbehaved(f"{printable(path)}: gives a digest of something else")
        return answer.value == _DIGESTS[kind](data)

    def _kind(self) -> str:
        """The best digest that the recorder can compute; empty for none."""
        if self._digest is None:
            try:
                kinds = self._session.need("asking for digests", requests.digests())
            except RecorderRefused as error:
                log.info("readings cannot be compared: %s", error)
                kinds = ()
            self._digest = next((kind for kind in _DIGESTS if kind in kinds), "")
        return self._digest


def _reading(path: str) -> str:
    return f"reading {printable(path)}"


def _length_of(path: str, piece: Piece) -> int:
    if piece.length is None:
        raise RecorderMisbehaved(f"{printable(path)}: its first piece tells no length")
    return piece.length
