"""A disk that is there and fails: what it still has is pulled, and what it lacks is told."""

from __future__ import annotations

import pytest

from agent.errors import RecorderGone, RecorderMisbehaved
from agent.link.volume import child
from hwsim.ports.block_node import BadSectors, BlockNode, FlipBit, Short, Slow
from tests.contracts.recorder import FOOTAGE
from tests.contracts.volume import DiskPort
from tests.volume.contact import Contact
from tests.volume.forked import forked


def test_a_reading_that_is_short_once_is_made_up_for(node: BlockNode, port: DiskPort) -> None:
    recorder = port.open()
    clips = list(recorder.clips())
    node.add(Short(keep=100))
    assert {clip.path: recorder.read(clip, 0, clip.size) for clip in clips} == FOOTAGE
    assert node.fired == {"Short": 1}
    recorder.close()


def test_a_disk_that_gives_nothing_any_more_is_gone(node: BlockNode, port: DiskPort) -> None:
    recorder = port.open()
    clips = list(recorder.clips())
    node.add(Short(times=None))
    with pytest.raises(RecorderGone, match="ends before its end"):
        recorder.read(clips[-1], 0, 10)
    recorder.close()


def test_bad_sectors_spoil_one_clip_and_no_other(node: BlockNode, port: DiskPort) -> None:
    """The disk is still there: what it has of the others is pulled."""
    recorder = port.open()
    path = "DCIM/100BODY/CAM_0001.MP4"
    clips = {clip.path: clip for clip in recorder.clips()}
    assert recorder._found
    held = recorder._found.clips[clips[path]]
    recorder.close()
    assert held.runs
    place = int.from_bytes(held.runs[:8], "big")
    node.add(BadSectors(start=place, end=place + 512))
    known = Contact()
    known.run(port)
    assert known.failed == [path]
    assert {clip.path: data for clip, data in known.read.items()} == FOOTAGE | {path: b""}


def test_a_folder_on_bad_sectors_is_told_and_the_others_are_listed(
    node: BlockNode, port: DiskPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever cannot be read, from the first byte to the last: words, and what else there is."""
    monkeypatch.setattr(child, "_child", forked)
    known = Contact()
    known.run(port)
    whole = known.read
    ends = set()
    for start in range(0, 3 << 20, 128 * 1024):
        node.plug()
        node.add(BadSectors(start=start, end=start + 128 * 1024))
        known = Contact()
        try:
            known.run(port)
            assert known.read.keys() == whole.keys()
            ends.add("read")
        except RecorderMisbehaved:
            ends.add("told")
        known.check()
        assert known.read.keys() <= whole.keys()
    assert ends == {"read", "told"}


def test_a_disk_that_stalls_ends_the_listing_in_time(
    node: BlockNode, port: DiskPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "SILENCE_SECONDS", 0.2)
    node.add(Slow(at=5, seconds=0.8))
    recorder = port.open()
    with pytest.raises(RecorderMisbehaved, match="takes too long"):
        recorder.health()
    recorder.close()


def test_changed_bytes_are_what_was_read(node: BlockNode, port: DiskPort) -> None:
    """No file system of these keeps a checksum of content: nobody can see it. Nothing breaks."""
    recorder = port.open()
    clips = [clip for clip in recorder.clips() if clip.path.endswith("CAM_0001.MP4")]
    node.add(FlipBit(byte=7, bit=3))
    data = recorder.read(clips[0], 0, clips[0].size)
    assert data != FOOTAGE[clips[0].path]
    assert len(data) == clips[0].size
    recorder.close()
