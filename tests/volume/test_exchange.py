"""A card that is exchanged for one of the same size while it is read: no clip is of two cards."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import RecorderGone
from agent.link.volume import node
from hwsim.images import make_image
from tests.contracts.recorder import small_card
from tests.contracts.volume import opened


def test_the_kernels_count_tells_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = 7
    monkeypatch.setattr(node, "_sequence", lambda _descriptor: counted)
    recorder = opened(tmp_path / "machine", make_image(tmp_path / "card.img", small_card()))
    clip = max(recorder.clips(), key=lambda each: each.size)
    recorder.read(clip, 0, 10)
    counted = 8
    with pytest.raises(RecorderGone, match="another card"):
        recorder.read(clip, 10, 10)
    with pytest.raises(RecorderGone, match="another card"):
        recorder.read(clip, clip.size, 1)
    recorder.close()


def test_where_nothing_is_counted_nothing_is_missed(tmp_path: Path) -> None:
    recorder = opened(tmp_path / "machine", make_image(tmp_path / "card.img", small_card()))
    for clip in recorder.clips():
        assert len(recorder.read(clip, 0, clip.size)) == clip.size
    recorder.close()
