"""The serial part measures what it says: a whole clip, and a limit that nothing can pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from .serial import LINE, SIDES, room_for_data
from .works.serial import read


@pytest.mark.parametrize("side", SIDES)
def test_a_clip_is_read_whole(side: str, tmp_path: Path) -> None:
    via, buffer, digests = SIDES[side]
    cost = read(str(tmp_path), via, 20_000, 1, buffer, None, list(digests))
    assert cost["wall"] > 0


@pytest.mark.parametrize("side", SIDES)
def test_three_quarters_of_the_line_at_most_are_data(side: str) -> None:
    assert LINE / 2 < room_for_data(side) < LINE * 3 / 4
