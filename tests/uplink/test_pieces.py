"""`Pieces` against the plainest model: sets of chunk numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Malformed
from agent.uplink.pieces import Pieces

CHUNK = 10
sizes = st.integers(0, 95)


def covered(size: int, ranges: list[tuple[int, int]]) -> set[int]:
    """Chunks all of whose bytes lie in one of the ranges."""
    count = -(-size // CHUNK)
    return {
        n
        for n in range(count)
        if any(a <= n * CHUNK and min(size, (n + 1) * CHUNK) <= b for a, b in ranges)
    }


@st.composite
def ranges_in(draw: st.DrawFn, size: int) -> list[tuple[int, int]]:
    cuts = sorted(draw(st.sets(st.integers(0, size), max_size=8)))
    return list(zip(cuts[::2], cuts[1::2], strict=False))


@given(st.data())
def test_it_counts_what_is_missing_under_way_and_stored(data: st.DataObject) -> None:
    size = data.draw(sizes)
    pieces = Pieces(size, CHUNK)
    flying: dict[int, int] = {}
    stored: set[int] = set()
    for mark in range(data.draw(st.integers(0, 25))):
        match data.draw(st.sampled_from(["send", "send", "confirm", "refuse", "start"])):
            case "send":
                index = pieces.next_missing()
                left = sorted(covered(size, [(0, size)]) - stored - flying.keys())
                assert index == (left[0] if left else None)
                if index is not None:
                    pieces.send(index, mark)
                    flying[index] = mark
            case "confirm":
                have = data.draw(ranges_in(size))
                stored |= covered(size, have)
                landed = [flying.pop(index) for index in stored & flying.keys()]
                assert pieces.confirm(have) == max(landed, default=None)
            case "refuse":
                offset = data.draw(st.integers(0, 120))
                index = offset // CHUNK if offset % CHUNK == 0 else -1
                expected = index if flying.pop(index, None) is not None else None
                assert pieces.refuse(offset) == expected
            case "start":
                have = data.draw(ranges_in(size))
                stored, flying = covered(size, have), {}
                pieces.start(have)
        assert pieces.flying_bytes == sum(pieces.length(index) for index in flying)
        assert pieces.stored_bytes == sum(pieces.length(index) for index in stored)
        assert pieces.unsent_bytes == size - pieces.flying_bytes - pieces.stored_bytes
        assert pieces.complete == (len(stored) == -(-size // CHUNK))
        assert pieces.oldest_mark == min(flying.values(), default=None)


@pytest.mark.parametrize(
    "ranges", [[(0, 0)], [(5, 4)], [(0, 31)], [(20, 30), (0, 10)], [(0, 20), (10, 30)]]
)
def test_ranges_that_are_none_of_this_clip_change_nothing(ranges: list[tuple[int, int]]) -> None:
    pieces = Pieces(30, CHUNK)
    pieces.send(0, 1)
    for take in (pieces.confirm, pieces.start):
        with pytest.raises(Malformed):
            take(ranges)
    assert (pieces.flying_bytes, pieces.stored_bytes) == (10, 0)
