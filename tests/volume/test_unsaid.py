"""What the library passes over without a word is told all the same: entries that it finds
implausible, and partitions in which it finds nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.link.volume import census
from agent.recorder.volume.recorder import VolumeRecorder
from hwsim.body import Card, HeldClip
from hwsim.images import Kind, make_image
from hwsim.partitions import join
from tests.contracts.volume import opened
from tests.volume.gpt import with_gpt
from tests.volume.test_circles import listed

Patch = Callable[[bytearray, int], None]


def card() -> Card:
    clips = [HeldClip(f"DCIM/AAAA000{n}.MP4", content=b"x" * 5000 + b"%d" % n) for n in range(4)]
    return Card("CARD", 10**8, clips)


def put(*places: tuple[int, bytes]) -> Patch:
    def patch(raw: bytearray, entry: int) -> None:
        for offset, data in places:
            raw[entry + offset : entry + offset + len(data)] = data

    return patch


def patched(folder: Path, kind: Kind, patch: Patch) -> VolumeRecorder:
    """A card of which the entry of the second clip is changed."""
    image = make_image(folder / "card.img", card(), kind=kind, superfloppy=True)
    raw = bytearray(image.read_bytes())
    if kind == "exfat":
        entry = raw.index("AAAA0001.MP4".encode("utf-16-le")) - 2 - 64
    else:
        entry = raw.index(b"AAAA0001MP4")
    patch(raw, entry)
    image.write_bytes(raw)
    return opened(folder / "machine", image)


IMPLAUSIBLE: dict[str, Patch] = {
    "a size beyond the volume": put((28, b"\xff" * 4)),
    "no first cluster": put((20, b"\0\0"), (26, b"\0\0")),
    "a first cluster behind the end": put((20, b"\xff\x0f"), (26, b"\xf0\xff")),
    "a letter that no name may have": put((2, b"*|")),
    "a control character": put((2, b"\1\2")),
    "a space in front": put((0, b" ")),
}


@pytest.mark.parametrize("kind", ["fat16", "fat32"])
@pytest.mark.parametrize("patch", IMPLAUSIBLE.values(), ids=IMPLAUSIBLE.keys())
def test_an_implausible_entry_is_told(kind: Kind, patch: Patch, tmp_path: Path) -> None:
    found, words = listed(patched(tmp_path, kind, patch))
    assert len(found) == 3
    assert "1 things could not be listed; the first: DCIM" in words


@pytest.mark.parametrize("kind", ["fat16", "fat32"])
@pytest.mark.parametrize("clock", [b"\0\0", b"\xff\xff", b"\xe0\x7f"])
def test_a_clock_that_shows_nonsense_hides_no_clip(
    kind: Kind, clock: bytes, tmp_path: Path
) -> None:
    patch = put((13, b"\xff"), (14, clock), (16, clock), (18, clock), (22, clock), (24, clock))
    found, words = listed(patched(tmp_path, kind, patch))
    assert (len(found), words) == (4, "")


EXFAT: dict[str, Patch] = {
    "no name": put((32 + 3, b"\0")),
    "a stream that is none": put((32, b"\xc5")),
    "more entries than may be": put((1, b"\xff")),
    "a size beyond the volume": put((32 + 8, b"\xff" * 8), (32 + 24, b"\xff" * 8)),
    "a first cluster behind the end": put((32 + 20, b"\xf0\xff\xff\xff")),
    "no first cluster": put((32 + 20, bytes(4))),
}


@pytest.mark.parametrize("patch", EXFAT.values(), ids=EXFAT.keys())
def test_an_implausible_entry_of_exfat_is_told(patch: Patch, tmp_path: Path) -> None:
    found, words = listed(patched(tmp_path, "exfat", patch))
    assert len(found) >= 3
    assert len(found) == 4 or words


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("put_together", [lambda path, parts: join(path, parts, 0x0C), with_gpt])
def test_a_partition_without_a_file_system_that_can_be_read_is_told(
    put_together: Callable[[Path, list[Path]], Path], first: bool, tmp_path: Path
) -> None:
    good = make_image(tmp_path / "good", card(), kind="fat32", superfloppy=True)
    bad = tmp_path / "bad"
    bad.write_bytes(bytes(16_384) + good.read_bytes()[16_384:])
    parts = [bad, good] if first else [good, bad]
    image = put_together(tmp_path / "card.img", parts)
    found, words = listed(opened(tmp_path / "machine", image))
    assert len(found) == 4
    assert f"no file system that can be read in partition {1 if first else 2}" in words


def test_the_count_ends_where_the_folder_does_and_leaves_out_what_is_no_file() -> None:
    def entry(name: bytes, attributes: int = 0x20) -> bytes:
        return (name.ljust(11) + bytes([attributes])).ljust(32, b"\0")

    folder = [
        entry(b".", 0x10),
        entry(b"..", 0x10),
        entry(b"CARD", 0x08),
        entry(b"\xe5ONE    MP4"),
        entry(b"Along na", 0x0F),
        entry(b"ONE     MP4"),
        entry(b"SUB", 0x10),
    ]
    assert census.count([b"".join(folder), entry(b"TWO     MP4")], "fat") == 3
    assert census.count([b"".join(folder) + bytes(32), entry(b"TWO     MP4")], "fat") == 2


def test_footage_that_the_profile_does_not_take_is_left_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    image = make_image(tmp_path / "card.img", card(), kind="fat16")
    recorder = opened(tmp_path / "machine", image, clips={"folders": ["REC"]})
    found, words = listed(recorder)
    assert (len(found), words) == (0, "")
    assert "4 files that are footage by their names are left on the recorder" in caplog.text
