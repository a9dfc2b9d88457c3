"""A small film that plays, grown to any size by a box of noise that players skip.

ISO/IEC 14496-12 §4.2 and §8.1.2: a file is a row of boxes, each with a 32-bit size and a type,
and the size 1 says that a 64-bit `largesize` follows; a `free` box may hold anything. The noise
comes from BLAKE3's extendable output, which can be read at any offset: a clip of 5 GiB costs no
memory, no two clips share bytes, and no part of a clip repeats.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

from blake3 import blake3

from hwsim.card import Content

SHORT_BOX = 8
LONG_BOX = 16
LONGEST_SHORT_BOX = 2**32 - 1
_WRITE_BYTES = 1 << 20


@cache
def small(name: str) -> bytes:
    """The committed piece of media of that name: `small.mp4`, `small.wav` or `small.jpg`."""
    return files("hwsim.media").joinpath(name).read_bytes()


class Noise:
    """Bytes that look random, given by `seed`, readable anywhere. A clip that does not play."""

    __slots__ = ("_bytes", "size")

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self._bytes = blake3(b"hwsim noise %d" % seed)

    def read(self, offset: int, size: int) -> bytes:
        length = min(size, self.size - offset)
        return self._bytes.digest(length, seek=offset) if length > 0 else b""


class GrownMp4:
    """The small film followed by a `free` box, `size` bytes in all.

    Raises ValueError for a size that no such file can have: less than the film, or up to seven
    bytes more, since a box has at least its eight bytes of header.
    """

    __slots__ = ("_head", "_noise", "size")

    def __init__(self, size: int, seed: int) -> None:
        film = small("small.mp4")
        self.size = size
        self._head = film + _free_header(size - len(film))
        self._noise = Noise(size - len(self._head), seed)

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`; fewer only where the film ends."""
        if offset >= len(self._head):
            return self._noise.read(offset - len(self._head), size)
        head = self._head[offset : offset + size]
        return head + self._noise.read(0, size - len(head))


def _free_header(size: int) -> bytes:
    """The header of a `free` box of `size` bytes, header included; nothing for none."""
    if size == 0:
        return b""
    if size < SHORT_BOX:
        raise ValueError(f"an MP4 cannot be grown by {size} bytes")
    if size <= LONGEST_SHORT_BOX:
        return size.to_bytes(4, "big") + b"free"
    return b"\0\0\0\1free" + size.to_bytes(8, "big")


def write_to(path: Path, content: Content) -> None:
    """Write any content to a real file, a MiB at a time."""
    with path.open("wb") as out:
        for offset in range(0, content.size, _WRITE_BYTES):
            out.write(content.read(offset, _WRITE_BYTES))
