"""Nothing on the original changes (that nothing could, `test_child` shows: descriptors)."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from agent.errors import RecorderRefused
from hwsim.images import Kind, make_image
from tests.contracts.recorder import FOOTAGE, TestClock, small_card
from tests.contracts.volume import DiskPort

KINDS: tuple[Kind, ...] = ("fat12", "fat16", "fat32", "exfat")


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.mark.parametrize("dirty", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_contact_changes_not_one_byte(kind: Kind, dirty: bool, tmp_path: Path) -> None:
    image = make_image(tmp_path / "card.img", small_card(), kind=kind, dirty=dirty)
    before, times = digest(image), image.stat()
    port = DiskPort(tmp_path / "machine")
    port.plug(image)
    recorder = port.open()
    recorder.identify()
    recorder.health()
    assert recorder.clock() is None
    with pytest.raises(RecorderRefused):
        recorder.set_clock(TestClock().now())
    clips = list(recorder.clips())
    assert {clip.path: recorder.read(clip, 0, clip.size) for clip in clips} == FOOTAGE
    for clip in clips:
        with pytest.raises(RecorderRefused):
            recorder.delete(clip)
    recorder.close()
    assert digest(image) == before
    after = image.stat()
    assert (after.st_mtime_ns, after.st_ctime_ns) == (times.st_mtime_ns, times.st_ctime_ns)
