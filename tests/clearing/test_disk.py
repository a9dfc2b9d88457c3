"""The whole way over a disk: pulled, receipted, proved, and taken off by the helper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.link.volume import child
from agent.offload.clearing import volume
from agent.offload.clearing.volume import VolumeEraser
from agent.spool.clearance import Clearance
from hwsim.images import make_image
from tests.clearing.docks import ClearingDock
from tests.contracts.recorder import FOOTAGE, small_card
from tests.contracts.volume import DiskPort
from tests.volume.forked import forked, helped
from tests.volume.stock import checked, files


def test_a_card_is_cleared_and_the_next_listing_misses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "_child", forked)
    monkeypatch.setattr(volume, "_asked", helped)
    image = make_image(tmp_path / "c.img", small_card(), kind="fat16")
    port, dock = DiskPort(tmp_path / "machine"), ClearingDock(tmp_path / "dock")
    port.plug(image)

    def session() -> Any:
        recorder: Any = port.open()
        recorder.identity = recorder.identify()
        return recorder

    recorder = session()
    dock.pull(recorder)
    dock.receipt()
    dock.place.clock.advance(73 * 3600.0)
    dock.clear(recorder, eraser=VolumeEraser(recorder))
    assert dock.prove()
    whole = files(image)
    done = dock.clear(recorder, eraser=VolumeEraser(recorder))
    recorder.close()
    assert (done.cleared, done.kept) == (len(FOOTAGE), 0)
    assert {dock.step(path) for path in FOOTAGE} == {Clearance.CLEARED}
    assert files(image) == {path: each for path, each in whole.items() if path not in FOOTAGE}
    checked(image, "fat16", tmp_path)
    recorder = session()
    dock.pull(recorder)
    recorder.close()
    assert dock.ledger.findings() == []
    dock.place.close()
