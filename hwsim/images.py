"""A recorder's card as a disk image: made by mkfs, filled by stock tools, never by code of ours.

    make_image(folder / "card.img", body.cards[0], kind="exfat")

FAT is written by mtools, which needs no privilege. For exFAT no stock tool writes without a mount,
so exfat-fuse mounts the image by a loop device, in a mount namespace of its own: that needs root
and `/dev/fuse`. Where the kernel's own drivers are absent both work all the same.
"""

from __future__ import annotations

import math
import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import BinaryIO, Literal

from hwsim.body import CHINA
from hwsim.card import Card, HeldClip
from hwsim.partitions import MIB, SECTOR, join

Kind = Literal["fat12", "fat16", "fat32", "exfat"]

HOLES = 32
"""Free clusters, each between two used ones, that the clips of a `fragmented` card begin in."""

_UNDATED = datetime(1980, 1, 1)  # noqa: DTZ001 - what FAT's zero stands for, in no zone
_TYPES = {"fat12": 0x01, "fat16": 0x06, "fat32": 0x0C, "exfat": 0x07}
_MOST = {"fat12": 4_000, "fat16": 60_000}
FEWEST_FAT32 = 66_000
"""How many clusters make the kind (Microsoft's FAT specification 1.03, "FAT Type Determination"),
with some distance from the limits."""
_LEAST = {"fat12": 2 * MIB, "fat16": 16 * MIB, "fat32": 40 * MIB, "exfat": 8 * MIB}
_MOST_CLUSTER = 32 * 1024
_STEP = 1 << 20


class ImageFailed(Exception):
    """A stock tool did not do what it was asked; the text is the tool's."""


def make_image(
    path: Path,
    card: Card | Sequence[Card],
    *,
    kind: Kind = "fat32",
    label: str | None = None,
    size: int | None = None,
    superfloppy: bool = False,
    partitions: int = 1,
    dirty: bool = False,
    fragmented: bool = False,
    zone: timedelta = CHINA,
    volume_id: int = 0x20260804,
) -> Path:
    """A sparse image of a card at `path`, made anew; `path` itself.

    Several cards become a partition each; one card's clips are dealt over `partitions` in turn.
    A `superfloppy` has no partition table. `size` in bytes is that of each file system: None gives
    what its clips need and some room, where `card.capacity` gives the card's own. A file's time is
    its clip's `recorded` as the recorder's clock showed it, east of UTC by `zone` (exFAT notes the
    zone, FAT does not). `label` None is the card's. `dirty` sets the mark of a volume that was not
    closed; `fragmented` puts the clips into the holes of an older filling.
    Raises `ImageFailed`, and ValueError for more file systems than there is a place for.
    """
    shares = _dealt(card, partitions) if isinstance(card, Card) else list(card)
    if superfloppy and len(shares) != 1:
        raise ValueError("a superfloppy holds one file system")
    path.unlink(missing_ok=True)
    with TemporaryDirectory(prefix=".image-", dir=path.parent) as scratch:
        volumes = []
        for number, share in enumerate(shares):
            room = size or _enough(share.clips, kind)
            volume = _Volume(Path(scratch, str(number)), kind, room)
            volume.make(share.label if label is None else label, volume_id + number)
            volume.fill(share.clips, zone, fragmented=fragmented)
            if dirty:
                mark_dirty(volume.image, kind)
            volumes.append(volume.image)
        return volumes[0].rename(path) if superfloppy else join(path, volumes, _TYPES[kind])


def mark_dirty(volume: Path, kind: Kind) -> None:
    """Mark a file system as not closed, as its specification has it.

    FAT: bit 0 of the boot sector's BS_Reserved1, as Windows and Linux do, and for FAT16 and FAT32
    ClnShutBit of FAT[1] in each FAT (specification 1.03). exFAT: VolumeDirty in VolumeFlags
    (§3.1.13), which the boot checksum leaves out.
    """
    with volume.open("r+b") as image:
        boot = image.read(SECTOR)
        if kind == "exfat":
            _set_bits(image, 106, 0x02)
            return
        _set_bits(image, 0x41 if kind == "fat32" else 0x25, 0x01)
        if kind == "fat12":
            return
        reserved, count, short = boot[14] + 256 * boot[15], boot[16], boot[22] + 256 * boot[23]
        sectors = short or int.from_bytes(boot[36:40], "little")
        byte, bit = (7, 0x08) if kind == "fat32" else (3, 0x80)
        for number in range(count):
            _set_bits(image, (reserved + number * sectors) * SECTOR + byte, bit, on=False)


def _set_bits(image: BinaryIO, offset: int, bits: int, *, on: bool = True) -> None:
    image.seek(offset)
    old = image.read(1)[0]
    image.seek(offset)
    image.write(bytes([old | bits if on else old & ~bits]))


class _Volume:
    """One file system in a file of its own."""

    def __init__(self, folder: Path, kind: Kind, size: int) -> None:
        folder.mkdir()
        self.image = folder / "volume.img"
        self._kind = kind
        self._size = size
        self._cluster = _cluster(kind, size)

    def make(self, label: str, volume_id: int) -> None:
        with self.image.open("xb") as image:
            image.truncate(self._size)
        if self._kind == "exfat":
            named = ["-L", label] if label else []
            _run("mkfs.exfat", *named, "-c", str(self._cluster), str(self.image))
            _run("tune.exfat", "-I", f"{volume_id:#x}", str(self.image))
            return
        named = ["-n", label] if label else []
        cluster = str(self._cluster // SECTOR)
        bits = self._kind.removeprefix("fat")
        identity = ["-i", f"{volume_id:08x}", *named]
        _run("mkfs.vfat", "-F", bits, "-s", cluster, *identity, str(self.image))

    def fill(self, clips: Sequence[HeldClip], zone: timedelta, *, fragmented: bool) -> None:
        tree, pads = self.image.parent / "tree", self.image.parent / "pads"
        _stage(tree, clips, zone if self._kind == "exfat" else timedelta())
        pads.mkdir()
        for number in range(2 * HOLES if fragmented else 0):
            (pads / f"PAD{number:05}.{'OLD' if number % 2 else 'GAP'}").write_bytes(
                bytes(self._cluster)
            )
        if self._kind == "exfat":
            self._fill_exfat(tree, pads, zone)
        else:
            self._fill_fat(tree, pads)

    def _fill_fat(self, tree: Path, pads: Path) -> None:
        """mtools keep local times; told that local is UTC, they keep what the staged files show."""
        image = str(self.image)
        old = sorted(map(str, pads.iterdir()))
        if old:
            _run("mcopy", "-n", "-i", image, *old, "::/")
            _run("mdel", "-i", image, "::/PAD*.GAP")
            self._forget_hint()
        tops = sorted(map(str, tree.iterdir()))
        if tops:
            _run("mcopy", "-s", "-m", "-n", "-i", image, *tops, "::/")
        if old:
            _run("mdel", "-i", image, "::/PAD*.OLD")

    def _forget_hint(self) -> None:
        """FAT32 notes where free clusters are to be looked for (FSI_Nxt_Free): nowhere known."""
        if self._kind == "fat32":
            with self.image.open("r+b") as image:
                image.seek(SECTOR + 492)
                image.write(b"\xff" * 4)

    def _fill_exfat(self, tree: Path, pads: Path, zone: timedelta) -> None:
        mounted = self.image.parent / "mounted"
        mounted.mkdir()
        places = map(str, (self.image, mounted, tree, pads))
        _run("unshare", "--mount", "sh", "-euc", _FILL_EXFAT, "sh", *places, zone=zone)


_FILL_EXFAT = """
node=$(losetup --find --show "$1")
trap 'losetup --detach "$node"' EXIT
mount.exfat-fuse "$node" "$2"
cp -r "$4/." "$2"
rm -f "$2"/PAD*.GAP
cp -r --preserve=timestamps "$3/." "$2"
rm -f "$2"/PAD*.OLD
umount "$2"
"""
"""Arguments: image, where to mount it, the tree of clips, the padding."""


def _stage(tree: Path, clips: Sequence[HeldClip], zone: timedelta) -> None:
    """Lay the clips out as files whose times, in UTC, are their recorded ones less `zone`."""
    tree.mkdir()
    for clip in clips:
        target = tree / clip.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as out:
            for offset in range(0, clip.size, _STEP):
                out.write(clip.content.read(offset, _STEP))
        when = ((clip.recorded or _UNDATED) - zone).replace(tzinfo=UTC).timestamp()
        os.utime(target, (when, when))


def _run(*command: str, zone: timedelta = timedelta()) -> None:
    """Run a stock tool in UTC, or in a zone as POSIX writes one, and in UTF-8."""
    minutes = round(abs(zone) / timedelta(minutes=1))
    sign = "-" if zone > timedelta() else "+"
    surroundings = {
        **os.environ,
        "TZ": f"REC{sign}{minutes // 60:02}:{minutes % 60:02}",
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(command, capture_output=True, env=surroundings, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise ImageFailed(f"{command[0]} ended with {done.returncode}: {said}")


# Sizes.


def _cluster(kind: Kind, size: int) -> int:
    """Bytes in a cluster, so that a file system of `size` has as many as its kind must have."""
    if kind == "exfat":
        return 4096 if size <= 256 * MIB else 32 * 1024
    if kind == "fat32":
        most = max(SECTOR, size // FEWEST_FAT32)
        return min(_MOST_CLUSTER, 1 << (most.bit_length() - 1))
    least = max(SECTOR, math.ceil(size / _MOST[kind]))
    return 1 << (least - 1).bit_length()


def _enough(clips: Sequence[HeldClip], kind: Kind) -> int:
    """Bytes of a file system that holds the clips, their folders and some padding; whole MiB."""
    folders = {parent for clip in clips for parent in PurePosixPath(clip.path).parents}
    size = _LEAST[kind]
    while True:
        cluster = _cluster(kind, size)
        data = sum(-(-clip.size // cluster) for clip in clips)
        entries = len(clips) * 1024 // cluster + len(folders)
        need = (data + entries + 4 * HOLES) * cluster * 21 // 20 + MIB
        if need <= size:
            return size
        size = -(-need // MIB) * MIB


def _dealt(card: Card, partitions: int) -> list[Card]:
    return [Card(card.label, card.capacity, card.clips[n::partitions]) for n in range(partitions)]
