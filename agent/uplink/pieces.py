"""Which chunks of one clip are missing, under way, or stored at the archive. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from agent.errors import Malformed

_MISSING, _FLYING, _STORED = 0, 1, 2

Ranges = Sequence[tuple[int, int]]
"""Byte ranges [start, end) of the clip, ascending and apart."""


class Pieces:
    """One byte for each chunk; chunks under way carry the mark with which they were sent.

    Marks grow with every chunk that the dock sends, whatever its clip, so that marks of two
    chunks say which went first.
    """

    def __init__(self, size: int, chunk_bytes: int) -> None:
        self._size = size
        self._chunk_bytes = chunk_bytes
        self._count = -(-size // chunk_bytes)
        self._states = bytearray(self._count)
        self._flying: dict[int, int] = {}
        self.flying_bytes = 0
        self.stored_bytes = 0

    @property
    def complete(self) -> bool:
        """Whether the archive confirmed every byte."""
        return self.stored_bytes == self._size

    @property
    def unsent_bytes(self) -> int:
        return self._size - self.stored_bytes - self.flying_bytes

    @property
    def oldest_mark(self) -> int | None:
        """The mark of the chunk that is under way longest; None where none is."""
        return min(self._flying.values(), default=None)

    def length(self, index: int) -> int:
        """Bytes of one chunk; only the last is shorter."""
        return min(self._chunk_bytes, self._size - index * self._chunk_bytes)

    def next_missing(self) -> int | None:
        """The first chunk that is neither stored nor under way."""
        found = self._states.find(_MISSING)
        return None if found < 0 else found

    def send(self, index: int, mark: int) -> None:
        """A missing chunk goes on its way."""
        self._states[index] = _FLYING
        self._flying[index] = mark
        self.flying_bytes += self.length(index)

    def start(self, have: Ranges) -> None:
        """Begin anew from what the archive says it has; what was under way counts as lost."""
        spans = self._spans(have)
        self._states = bytearray(self._count)
        self._flying.clear()
        self.flying_bytes = self.stored_bytes = 0
        self._store(spans)

    def confirm(self, have: Ranges) -> int | None:
        """Note what the archive has; what it had stays so. The newest mark among the news.

        None where nothing that was under way has arrived by this. Raises `Malformed` for ranges
        that are no ranges of this clip, with nothing noted.
        """
        self._store(self._spans(have))
        arrived = [index for index in self._flying if self._states[index] == _STORED]
        return max((self._land(index) for index in arrived), default=None)

    def refuse(self, offset: int) -> int | None:
        """The archive got a broken chunk at `offset`: it is missing again, and its number.

        None where that chunk is not under way, so that a repeated message counts once.
        """
        index, rest = divmod(offset, self._chunk_bytes)
        if rest or index not in self._flying:
            return None
        self._land(index)
        self._states[index] = _MISSING
        return index

    def _land(self, index: int) -> int:
        self.flying_bytes -= self.length(index)
        return self._flying.pop(index)

    def _spans(self, ranges: Ranges) -> list[tuple[int, int]]:
        """The chunks that lie wholly inside each range, as [first, after last)."""
        spans, before = [], 0
        for start, end in ranges:
            if not before <= start < end <= self._size:
                raise Malformed(f"range {start} to {end} of a clip of {self._size} bytes")
            before = end
            after = self._count if end == self._size else end // self._chunk_bytes
            spans.append((-(-start // self._chunk_bytes), after))
        return spans

    def _store(self, spans: list[tuple[int, int]]) -> None:
        for first, after in spans:
            if first < after and (new := after - first - self._states.count(_STORED, first, after)):
                last_is_new = after == self._count and self._states[-1] != _STORED
                self._states[first:after] = bytes([_STORED]) * (after - first)
                self.stored_bytes += new * self._chunk_bytes
                if last_is_new:
                    self.stored_bytes -= self._chunk_bytes - self.length(self._count - 1)
