"""What an encrypted intake remembers of a clip, to know it again after an unplug.

The dock cannot read back what it encrypted. In memory, and nowhere else, it keeps the end of what
came, and keyed digests of small pieces at places that nobody can foretell; never more than 16 KiB
and 64 digests, however long the clip.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from blake3 import blake3

from agent.spool.probes import PIECE, PROBE, Place

PIECES = 64
"""Digests that are kept at most; then every second goes."""


@dataclass(slots=True)
class _Piece:
    """One remembered piece; `digest` is of what came of it while that is not whole."""

    at: int
    hasher: blake3
    came: int = 0


class Witness:
    """Fed with a stream in order."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._written = 0
        self._tail = b""
        self._head = _Piece(0, blake3(key=self._key))
        self._pieces: list[_Piece] = []
        self._stride = PIECE

    def update(self, data: bytes) -> None:
        start, self._written = self._written, self._written + len(data)
        self._feed(self._head, start, data)
        if self._pieces:
            self._feed(self._pieces[-1], start, data)
        while (piece := self._drawn()).at < self._written:
            self._pieces.append(piece)
            self._feed(piece, start, data)
            if len(self._pieces) == PIECES:
                self._thin_out()
        self._tail = data[-PROBE:] if len(data) >= PROBE else (self._tail + data)[-PROBE:]

    def probes(self) -> list[Place]:
        """Offset and length of what to compare; the tail comes last. See `spool.probes`."""
        if self._written <= PROBE:
            return [(0, self._written)]
        tail = self._written - PIECE
        known = [each.at for each in self._pieces if each.at + PIECE <= tail]
        middle = len(known) // 2  # they are spread evenly, two at least
        halves = (known[:middle], known[middle:])
        between = [(half[self._draw(len(half), b"half")], PIECE) for half in halves]
        return [(0, PIECE), *between, (tail, PIECE)]

    def fits(self, offset: int, data: bytes) -> bool:
        """Whether `data` is what came at one of the `probes`."""
        if offset + len(data) == self._written and len(data) <= len(self._tail):
            return data == self._tail[len(self._tail) - len(data) :]
        digest = blake3(data, key=self._key).digest()
        known = (self._head, *self._pieces)
        return any(each.at == offset and each.hasher.digest() == digest for each in known)

    def _feed(self, piece: _Piece, start: int, data: bytes) -> None:
        """Whatever of `data`, which begins at `start`, is still wanted for a piece."""
        wanted = piece.at + piece.came
        if piece.came < PIECE and start <= wanted < start + len(data):
            part = data[wanted - start : piece.at + PIECE - start]
            piece.hasher.update(part)
            piece.came += len(part)

    def _drawn(self) -> _Piece:
        """The piece of the next stretch; the first stretch begins behind the head."""
        stretch = 0
        if self._pieces:
            stretch = (self._pieces[-1].at - PIECE) // self._stride + 1
        begin = PIECE + stretch * self._stride
        shift = self._draw(self._stride - PIECE + 1, begin.to_bytes(8, "big"))
        return _Piece(begin + shift, blake3(key=self._key))

    def _thin_out(self) -> None:
        """Half as many from here on: one, drawn, of each two."""
        pairs = zip(self._pieces[::2], self._pieces[1::2], strict=True)
        drawn = [pair[self._draw(2, pair[0].at.to_bytes(8, "big"))] for pair in pairs]
        self._pieces = drawn
        self._stride *= 2

    def _draw(self, number: int, about: bytes) -> int:
        """One of `number`, always the same for the same clip, stride and words."""
        seed = blake3(b"%d:%s" % (self._stride, about), key=self._key).digest(length=8)
        return int.from_bytes(seed, "big") % number
