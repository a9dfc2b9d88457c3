"""What is compared before an interrupted clip is gone on with."""

from __future__ import annotations

from blake3 import blake3

PROBE = 16 * 1024
"""Bytes that are compared in all."""
PIECE = PROBE // 4

Place = tuple[int, int]
"""Offset and length of a piece of a clip."""


def probes(written: int, clip: str) -> list[Place]:
    """Offset and length of what to compare of the first `written` bytes; the tail comes last.

    The tail alone may be padding that two clips share: so the head and a place in each half of
    what lies between belong to it, the places drawn from the clip's id. Up to 16 KiB are compared
    whole.
    """
    if written <= PROBE:
        return [(0, written)]
    tail = written - PIECE
    half = (tail - PIECE) // 2
    seed = blake3(f"{written}:{clip}".encode()).digest()
    drawn = (int.from_bytes(seed[:8], "big"), int.from_bytes(seed[8:16], "big"))
    between = [
        (PIECE + half * number + each % (half - PIECE + 1), PIECE)
        for number, each in enumerate(drawn)
    ]
    return [(0, PIECE), *between, (tail, PIECE)]
