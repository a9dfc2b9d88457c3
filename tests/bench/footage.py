"""What is copied: a simulated recorder's folder with clips of noise."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from hwsim.media.grown import Noise, write_to

LARGEST_CLIP = 128 * 1024 * 1024
FEWEST_CLIPS = 4
RECORDED = 1_785_800_000
"""Seconds since 1970, of the first clip; each one is ten minutes later than the one before."""


@dataclass(frozen=True, slots=True)
class Footage:
    """`home` is what a pull starts from, a folder for `Body.from_folder` or an image; `files` hold
    its clips, `size` bytes."""

    home: Path
    files: tuple[Path, ...]
    size: int

    def warm(self) -> None:
        """Read everything once, so that it comes from memory whoever reads it next."""
        buffer = bytearray(1024 * 1024)
        for path in self.files:
            with path.open("rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass


def record(home: Path, size: int, seed: int, *, serial: str = "BENCH0001") -> Footage:
    """Make a recorder of `size` bytes: equal clips of at most 128 MiB, at least four."""
    card = home / "card" / "DCIM" / "100MEDIA"
    card.mkdir(parents=True)
    (home / "recorder.toml").write_text(f'serial = "{serial}"\n', "utf-8")
    number = max(FEWEST_CLIPS, -(-size // LARGEST_CLIP))
    files = tuple(card / f"CLIP{place:04}.MP4" for place in range(number))
    for place, path in enumerate(files):
        write_to(path, Noise(size // number, seed * 1000 + place))
        os.utime(path, (RECORDED + 600 * place,) * 2)
    return Footage(home, files, size // number * number)
