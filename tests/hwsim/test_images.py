"""Card images hold what the body holds: read back by tools that had no part in making them."""

from __future__ import annotations

import subprocess
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from hwsim.card import Card, HeldClip
from hwsim.images import HOLES, ImageFailed, Kind, make_image

KINDS: tuple[Kind, ...] = ("fat12", "fat16", "fat32", "exfat")
LONG = "DCAM_CAM001_000001_20260804_100000_IMP_" + "长" * 60 + ".mp4"
WHEN = datetime(2026, 8, 4, 10, 0, 2)  # noqa: DTZ001 - a recorder's clock knows no zone


def said(*command: str | Path) -> str:
    """What a tool says; it has to succeed."""
    done = subprocess.run(
        [*map(str, command)],
        capture_output=True,
        check=True,
        env={"LC_ALL": "C.UTF-8", "TZ": "UTC"},
    )
    return done.stdout.decode()


def footage(*sizes: int, seed: int = 1) -> Card:
    draw = Random(seed)
    names = [f"DCIM/100MEDIA/VID_{number:04}.MP4" for number in range(len(sizes))]
    clips = [
        HeldClip(name, recorded=WHEN, content=draw.randbytes(size))
        for name, size in zip(names, sizes, strict=True)
    ]
    return Card("CARD", clips=clips)


def listing(image: Path, sector: int = 0) -> dict[str, tuple[str, str]]:
    """Every file that The Sleuth Kit's `fls` sees: name to inode and time of writing."""
    found = {}
    for line in said("fls", "-o", str(sector), "-rlpuF", "-z", "UTC", image).splitlines():
        head, name, written, *_ = line.split("\t")
        if not name.startswith("$") and "Volume Label Entry" not in name:
            found[name] = (head.split()[-1].rstrip(":"), written)
    return found


def content(image: Path, inode: str, sector: int = 0) -> bytes:
    command = ["icat", "-o", str(sector), str(image), inode]
    return subprocess.run(command, capture_output=True, check=True).stdout


def pieces(image: Path, inode: str) -> int:
    """In how many runs of sectors a file lies, as `istat` sees it."""
    sectors = [int(number) for number in said("istat", image, inode).split("Sectors:")[1].split()]
    return 1 + sum(after - before != 1 for before, after in pairwise(sectors))


def check(image: Path, kind: Kind) -> str:
    """What the makers' own checker says of it; it repairs nothing."""
    program = "fsck.exfat" if kind == "exfat" else "fsck.vfat"
    done = subprocess.run([program, "-n", str(image)], capture_output=True, check=False)
    return f"{done.returncode} {done.stdout.decode()}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_clip_reads_back_with_its_name_its_bytes_and_its_time(
    tmp_path: Path, kind: Kind
) -> None:
    card = footage(0, 1, 511, 70_000, 300_001)
    card.clips.append(HeldClip(f"现场/{LONG}", recorded=WHEN, content=b"long"))
    image = make_image(tmp_path / "card.img", card, kind=kind, superfloppy=True)
    found = listing(image)
    assert set(found) == {clip.path for clip in card.clips}
    for clip in card.clips:
        inode, written = found[clip.path]
        assert content(image, inode) == clip.content.read(0, clip.size)
        assert written == "2026-08-04 10:00:02 (UTC)"
    assert check(image, kind).startswith("0 ")
    assert kind.upper() in said("fsstat", image).upper().splitlines()[2]


@pytest.mark.parametrize("kind", KINDS)
def test_a_partition_table_leads_to_each_file_system(tmp_path: Path, kind: Kind) -> None:
    card = footage(1000, 2000, 3000)
    image = make_image(tmp_path / "card.img", card, kind=kind, partitions=2)
    starts = [
        int(line.split()[2]) for line in said("mmls", image).splitlines() if ":  000:0" in line
    ]
    assert len(starts) == 2
    names = [sorted(listing(image, start)) for start in starts]
    paths = [clip.path for clip in card.clips]
    assert names == [[paths[0], paths[2]], [paths[1]]]
    inode, _ = listing(image, starts[1])[paths[1]]
    assert content(image, inode, starts[1]) == card.clips[1].content.read(0, 2000)


@pytest.mark.parametrize("kind", KINDS)
def test_a_dirty_volume_says_so_to_its_checker_and_keeps_its_files(
    tmp_path: Path, kind: Kind
) -> None:
    card = footage(5000)
    image = make_image(tmp_path / "card.img", card, kind=kind, superfloppy=True, dirty=True)
    assert "dirty" in check(image, kind).lower()
    ((inode, _),) = listing(image).values()
    assert content(image, inode) == card.clips[0].content.read(0, 5000)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fragmented_clip_lies_in_pieces_and_reads_back_whole(tmp_path: Path, kind: Kind) -> None:
    card = footage(60_000, 400_000)
    image = make_image(tmp_path / "card.img", card, kind=kind, superfloppy=True, fragmented=True)
    found = listing(image)
    assert max(pieces(image, inode) for inode, _ in found.values()) > HOLES // 2
    for clip in card.clips:
        assert content(image, found[clip.path][0]) == clip.content.read(0, clip.size)
    assert check(image, kind).startswith("0 ")


def test_more_than_ten_thousand_files_fit_into_one_folder(tmp_path: Path) -> None:
    clips = [HeldClip(f"DCIM/F{n:05}.MP4", content=b"%d" % n) for n in range(10_001)]
    image = make_image(tmp_path / "card.img", Card(clips=clips), superfloppy=True)
    found = listing(image)
    assert len(found) == 10_001
    assert content(image, found["DCIM/F10000.MP4"][0]) == b"10000"


def test_label_and_serial_number_are_those_asked_for(tmp_path: Path) -> None:
    for kind in KINDS:
        image = make_image(
            tmp_path / "card.img",
            footage(1),
            kind=kind,
            superfloppy=True,
            label="CAM00042",
            volume_id=0xCAFE1234,
        )
        facts = said("fsstat", image).lower()
        assert "cam00042" in facts
        assert "cafe1234" in facts.replace("-", "")


def test_a_partition_table_holds_four(tmp_path: Path) -> None:
    cards = [footage(1, seed=seed) for seed in range(5)]
    image = make_image(tmp_path / "card.img", cards[:4], kind="fat12")
    assert said("mmls", image).count(":  000:0") == 4
    with pytest.raises(ValueError, match="4"):
        make_image(tmp_path / "other.img", cards, kind="fat12")


@pytest.mark.parametrize("superfloppy", [True, False])
def test_an_image_is_sparse_and_as_large_as_it_is_told(tmp_path: Path, superfloppy: bool) -> None:
    image = make_image(tmp_path / "card.img", footage(10), size=4 << 30, superfloppy=superfloppy)
    facts = image.stat()
    assert facts.st_size == (4 << 30) + (0 if superfloppy else 1 << 20)
    assert facts.st_blocks * 512 < 32 << 20


def test_a_tool_that_fails_is_heard(tmp_path: Path) -> None:
    with pytest.raises(ImageFailed, match=r"mkfs\.vfat"):
        make_image(tmp_path / "card.img", Card("A LABEL OF MORE THAN ELEVEN"))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="superfloppy"):
        make_image(tmp_path / "card.img", Card(), superfloppy=True, partitions=2)
