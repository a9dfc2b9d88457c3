"""Volumes that lead in circles, built by hand: each ends at once, and what is whole is listed."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from agent.errors import RecorderMisbehaved
from agent.recorder.volume.recorder import VolumeRecorder
from hwsim.body import Card, HeldClip
from hwsim.images import Kind, make_image
from tests.contracts.volume import opened
from tests.volume.mutations import Target, target_of

LONG_CLIP = bytes(range(256)) * 400


def card() -> Card:
    clips = [
        HeldClip("DCIM/100/LONG.MP4", content=LONG_CLIP),
        HeldClip("DCIM/100/SHORT.MP4", content=b"short"),
        HeldClip("OTHER/O.MP4", content=b"other"),
    ]
    return Card("SD", 10**7, clips)


def image_of(folder: Path, kind: Kind, *, fragmented: bool = False) -> Target:
    path = folder / "card.img"
    return target_of(make_image(path, card(), kind=kind, superfloppy=True, fragmented=fragmented))


def listed(recorder: VolumeRecorder) -> tuple[dict[str, bytes], str]:
    """What is listed and can be read, and the words about the rest."""
    found, words = {}, ""
    try:
        for clip in recorder.clips():
            found[clip.path] = recorder.read(clip, 0, clip.size)
    except RecorderMisbehaved as error:
        words = str(error)
    recorder.close()
    return found, words


def entry_of(raw: bytearray, short_name: bytes) -> int:
    place = raw.index(short_name)
    assert place % 32 == 0
    return place


def first_cluster(raw: bytearray, entry: int) -> int:
    high, low = struct.unpack_from("<20xH4xH", raw, entry)
    return int(low + (high << 16))


@pytest.mark.parametrize("kind", ["fat16", "fat32"])
def test_a_chain_that_bites_its_tail_is_told(kind: Kind, tmp_path: Path) -> None:
    target = image_of(tmp_path, kind)
    raw = bytearray(target.image.read_bytes())
    start = first_cluster(raw, entry_of(raw, b"LONG    MP4"))
    width = 2 if kind == "fat16" else 4
    place = target.boot.fat_at + (start + 1) * width
    raw[place : place + width] = start.to_bytes(width, "little")
    target.image.write_bytes(raw)
    found, words = listed(opened(tmp_path / "machine", target.image))
    assert found == {"DCIM/100/SHORT.MP4": b"short", "OTHER/O.MP4": b"other"}
    assert "LONG.MP4 has 102400 bytes, its clusters hold" in words


@pytest.mark.parametrize("kind", ["fat16", "fat32"])
def test_a_chain_that_ends_too_early_is_told(kind: Kind, tmp_path: Path) -> None:
    target = image_of(tmp_path, kind)
    raw = bytearray(target.image.read_bytes())
    start = first_cluster(raw, entry_of(raw, b"LONG    MP4"))
    width = 2 if kind == "fat16" else 4
    place = target.boot.fat_at + (start + 2) * width
    raw[place : place + width] = b"\xff" * (width - 1) + b"\x0f" if width == 4 else b"\xff\xff"
    target.image.write_bytes(raw)
    found, words = listed(opened(tmp_path / "machine", target.image))
    assert found.keys() == {"DCIM/100/SHORT.MP4", "OTHER/O.MP4"}
    assert "LONG.MP4 has 102400 bytes" in words


@pytest.mark.parametrize("kind", ["fat16", "fat32"])
@pytest.mark.parametrize("to", ["itself", "its parent", "the root"])
def test_a_folder_in_a_circle_is_entered_once(kind: Kind, to: str, tmp_path: Path) -> None:
    target = image_of(tmp_path, kind)
    raw = bytearray(target.image.read_bytes())
    inner, outer = entry_of(raw, b"100        "), entry_of(raw, b"DCIM       ")
    clusters = {
        "itself": first_cluster(raw, inner),
        "its parent": first_cluster(raw, outer),
        "the root": 2 if kind == "fat32" else 0,
    }
    other = entry_of(raw, b"OTHER      ")
    struct.pack_into("<H", raw, other + 26, clusters[to])
    target.image.write_bytes(raw)
    found, _ = listed(opened(tmp_path / "machine", target.image))
    assert {path.rpartition("/")[2]: data for path, data in found.items()} == {
        "LONG.MP4": LONG_CLIP,
        "SHORT.MP4": b"short",
    }


def test_folders_without_end_are_left_in_time(tmp_path: Path) -> None:
    depth = 80
    path = "/".join(f"D{n}" for n in range(depth)) + "/DEEP.MP4"
    clips = [HeldClip(path, content=b"deep"), HeldClip("TOP.MP4", content=b"top")]
    image = make_image(tmp_path / "card.img", Card("SD", 10**7, clips), kind="fat16")
    found, words = listed(opened(tmp_path / "machine", image))
    assert found == {"TOP.MP4": b"top"}
    assert "lies more than 64 folders deep" in words
