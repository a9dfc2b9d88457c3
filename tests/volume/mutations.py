"""Images that a hostile recorder could show: bits flipped, numbers made extreme, chains in circles.

A mutation is made in place and taken back, since an image is large and its damage small.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from agent.wire.volume.boot import Boot, decode_boot

SECTOR = 512
NUMBERS = (0, 1, 2, 3, 0x7F, 0xFF, 0xFFF7, 0xFFFF, 0x0FFFFFF7, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
_Put = Callable[[int, bytes], None]
_IN_USE = 64
"""Clusters from the first one that a small card's folders lie in."""


@dataclass(frozen=True)
class Target:
    """An image without a partition table, and the parts of it that are worth attacking."""

    image: Path
    boot: Boot

    @property
    def parts(self) -> list[range]:
        boot = self.boot
        width = {"fat12": 1.5, "fat16": 2, "fat32": 4, "exfat": 4}[boot.kind]
        return [
            range(SECTOR),
            range(boot.fat_at, boot.fat_at + int(_IN_USE * width)),
            range(boot.root_at, boot.root_at + min(boot.root_bytes, 2048)),
            range(boot.heap_at, boot.heap_at + _IN_USE * boot.cluster),
        ]


def target_of(image: Path) -> Target:
    with image.open("rb") as file:
        return Target(image, decode_boot(file.read(SECTOR)))


@contextmanager
def mutated(target: Target, seed: int) -> Iterator[None]:
    """The image as this seed damages it."""
    random = Random(seed)
    file = os.open(target.image, os.O_RDWR)
    size = os.fstat(file).st_size
    undo: list[tuple[int, bytes]] = []

    def put(at: int, data: bytes) -> None:
        if at >= 0 and at + len(data) <= size:
            undo.append((at, os.pread(file, len(data), at)))
            os.pwrite(file, data, at)

    try:
        for _ in range(random.choice((1, 1, 2, 5, 20))):
            random.choice(_WAYS)(target, random, put)
        cut = random.randrange(size) if random.random() < 0.05 else size
        tail = os.pread(file, size - cut, cut)
        os.ftruncate(file, cut)
        yield
        os.ftruncate(file, size)
        os.pwrite(file, tail, cut)
    finally:
        for at, data in reversed(undo):
            os.pwrite(file, data, at)
        os.close(file)


def _place(target: Target, random: Random) -> int:
    return random.choice(random.choice(target.parts))


def _flip(target: Target, random: Random, put: _Put) -> None:
    put(_place(target, random), random.randbytes(1))


def _number(target: Target, random: Random, put: _Put) -> None:
    width = random.choice((1, 2, 4, 8))
    value = random.choice(NUMBERS) & (1 << 8 * width) - 1
    put(_place(target, random) // width * width, value.to_bytes(width, "little"))


def _sector(target: Target, random: Random, put: _Put) -> None:
    fill = random.choice((bytes(SECTOR), b"\xff" * SECTOR, random.randbytes(SECTOR)))
    put(_place(target, random) // SECTOR * SECTOR, fill)


def _chain(target: Target, random: Random, put: _Put) -> None:
    """One cluster follows on another that may come before it: a circle, or two files in one."""
    cluster, following = random.randrange(2, 40), random.randrange(2, 40)
    if target.boot.kind == "fat12":
        put(target.boot.fat_at + cluster * 3 // 2, (following * 0x1001).to_bytes(3, "little"))
        return
    width = 2 if target.boot.kind == "fat16" else 4
    put(target.boot.fat_at + cluster * width, following.to_bytes(width, "little"))


def _loop(target: Target, random: Random, put: _Put) -> None:
    """A directory entry leads to a cluster of another folder, or becomes a folder itself."""
    entry = _place(target, random) // 32 * 32
    cluster = random.randrange(16).to_bytes(4, "little")
    if target.boot.kind == "exfat":
        put(entry + 20, cluster)
        return
    put(entry + 26, cluster[:2])
    put(entry + 20, cluster[2:])
    if random.random() < 0.5:
        put(entry + 11, b"\x10")


_WAYS = (_flip, _number, _sector, _chain, _loop)
