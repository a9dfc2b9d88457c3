"""A clip's bytes: straight from where they lie, or through the library where only that can."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator, Iterator

from agent.errors import RecorderError
from agent.link.volume.child import content
from agent.link.volume.frames import RUN
from agent.link.volume.node import BlockNode
from agent.recorder.volume.survey import UNWRITTEN, Held

_SKIP = 16 * 1024 * 1024
"""Bytes that are read in vain rather than begun anew behind them."""


class Reader:
    """Remembers the file it read last, since files are read in order."""

    def __init__(self) -> None:
        self._last: Held | None = None
        self._starts: list[int] = []
        """Where in the file each of its runs begins."""
        self._stream: Generator[bytes, None, None] | None = None
        self._left = b""
        self._position = 0

    def read(self, held: Held, offset: int, size: int) -> bytes:
        """`size` bytes from `offset`, fewer at the end of the file; none past it, where slack lies
        that is not its footage.

        Raises `RecorderGone` and `RecorderMisbehaved`.
        """
        end = min(offset + size, held.size)
        if offset >= end:
            return b""
        if held is not self._last:
            self._change_to(held)
        if held.runs is None:
            return self._by_library(held, offset, end)
        pieces = list(self._by_runs(held.node, held.runs, offset, end))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Ends what goes on for the last file."""
        stream, self._stream = self._stream, None
        self._last, self._starts, self._left = None, [], b""
        if stream is not None:
            stream.close()

    def _change_to(self, held: Held) -> None:
        self.close()
        self._last, start = held, 0
        for _, length in RUN.iter_unpack(held.runs or b""):
            self._starts.append(start)
            start += length

    def _by_runs(self, node: BlockNode, runs: bytes, offset: int, end: int) -> Iterator[bytes]:
        number = bisect_right(self._starts, offset) - 1
        while offset < end:
            place, length = RUN.unpack_from(runs, number * RUN.size)
            within = offset - self._starts[number]
            size = min(length - within, end - offset)
            yield bytes(size) if place == UNWRITTEN else node.read(place + within, size)
            offset += size
            number += 1

    def _by_library(self, held: Held, offset: int, end: int) -> bytes:
        """From a stream that goes on while readings follow on."""
        if self._stream is None or not 0 <= offset - self._position <= _SKIP:
            self.close()
            self._last, self._position = held, offset
            self._stream = content(held.node, held.start, held.entry, offset, held.size)
        try:
            return b"".join(self._streamed(self._stream, offset, end))
        except RecorderError:
            self.close()
            raise

    def _streamed(self, stream: Iterator[bytes], offset: int, end: int) -> Iterator[bytes]:
        while self._position < end:
            piece = self._left or next(stream)
            skip = max(0, offset - self._position)
            taken = piece[: end - self._position]
            yield taken[skip:]
            self._position += len(taken)
            self._left = piece[len(taken) :]
