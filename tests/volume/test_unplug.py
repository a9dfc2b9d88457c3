"""A disk pulled out at any reading: gone, and nothing false was read (reliability, row 8)."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from agent.errors import RecorderGone
from agent.link.volume import child
from agent.recorder.volume.recorder import open_volume
from hwsim.images import make_image
from hwsim.ports.block_node import BlockNode, Gone
from tests.contracts.recorder import FOOTAGE, small_card
from tests.contracts.volume import DiskPort
from tests.volume.contact import Contact
from tests.volume.forked import forked


def test_unplugged_at_any_reading_it_is_gone(
    node: BlockNode, port: DiskPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever error number the kernel finds for it; and the next contact has everything."""
    monkeypatch.setattr(child, "_child", forked)
    Contact().run(port)
    total = node.reads
    assert total > 20
    for at in range(total):
        node.plug()
        node.add(Gone(at=at, number=(errno.EIO, errno.ENODEV, errno.ENXIO)[at % 3]))
        known = Contact()
        with pytest.raises(RecorderGone):
            known.run(port)
        assert known.failed == []
        known.check()
    node.plug()
    known = Contact()
    known.run(port)
    assert known.whole


def test_what_was_read_before_an_unplug_is_gone_on_with_after_it(
    node: BlockNode, port: DiskPort
) -> None:
    Contact().run(port)
    for at in range(node.reads - 8, node.reads):
        node.plug()
        node.add(Gone(at=at))
        known = Contact()
        with pytest.raises(RecorderGone):
            known.run(port)
        node.plug()
        again = port.open()
        for clip in again.clips():
            begun = known.read.get(clip, b"")
            assert begun + again.read(clip, len(begun), 10**6) == FOOTAGE[clip.path]
        again.close()


def test_another_disk_in_its_place_is_no_continuation(
    node: BlockNode, port: DiskPort, tmp_path: Path
) -> None:
    recorder = port.open()
    clip = next(clip for clip in recorder.clips() if clip.size)
    other = make_image(tmp_path / "other.img", small_card(), kind="fat12")
    port.unplug()
    port.plug(other)
    for verb in (recorder.health, lambda: recorder.read(clip, 0, 10), recorder.identify):
        with pytest.raises(RecorderGone):
            verb()
    recorder.close()


def test_unplugged_before_it_was_opened_it_is_gone(port: DiskPort) -> None:
    site, disk = port.site(), port.await_disk(1.0)
    port.unplug()
    with pytest.raises(RecorderGone):
        open_volume(site, disk)
