"""The contract over disks: FAT12, FAT16, FAT32 and exFAT, made and filled by stock tools."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from hwsim.body import Body
from hwsim.images import Kind, make_image
from tests.contracts.recorder import Docked, RecorderContract
from tests.contracts.volume import dock_disk

PARTITION = 1 << 20
"""Where the first one starts."""


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images that were made once and are only read."""
    return tmp_path_factory.mktemp("shelf")


class VolumeContract(RecorderContract):
    kind: Kind
    superfloppy = False
    fragmented = False
    deletes = False
    described = ("北斗", "BW-7", "")

    @pytest.fixture(autouse=True)
    def _places(self, tmp_path: Path, shelf: Path) -> Iterator[None]:
        self._folder, self._shelf, self._numbers = tmp_path, shelf, count(1)
        self._docked: list[Docked] = []
        yield
        for docked in self._docked:
            docked.recorder.close()

    def dock(self, body: Body) -> Docked:
        docked = dock_disk(self._folder / str(next(self._numbers)), self.image(body), body)
        self._docked.append(docked)
        return docked

    def image(self, body: Body) -> Path:
        name = f"{type(self).__name__}-{len(body.clips)}-{body.serial}.img"
        if not (path := self._shelf / name).exists():
            make_image(
                path,
                body.cards,
                kind=self.kind,
                label=body.serial,
                superfloppy=self.superfloppy,
                fragmented=self.fragmented,
            )
        return path

    def room(self, docked: Docked) -> tuple[int, int]:
        """As stock tools count it."""
        image = self.image(docked.body)
        start = 0 if self.superfloppy else PARTITION
        if self.kind == "exfat":
            volume = self._folder / "volume.img"
            with image.open("rb") as whole:
                whole.seek(start)
                volume.write_bytes(whole.read())
            facts = _said("dump.exfat", str(volume))
            return tuple(  # type: ignore[return-value]
                facts[what] * facts["Cluster size"] for what in ("Total Clusters", "Free Clusters")
            )
        last, size = _fsstat(image, start)
        listing = _run("mdir", "-i", f"{image}@@{start}", "::/")
        free = re.search(r"([\d ]+) bytes free", listing)
        assert free
        return (last - 1) * size, int(free[1].replace(" ", ""))


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _said(*command: str) -> dict[str, int]:
    lines = re.findall(r"^(\w[\w ]*):\s*(\d+)$", _run(*command), re.MULTILINE)
    return {name: int(number) for name, number in lines}


def _fsstat(image: Path, start: int) -> tuple[int, int]:
    """The last cluster and a cluster's size, by the program of The Sleuth Kit."""
    text = _run("fsstat", "-o", str(start // 512), str(image))
    last = re.search(r"^Total Cluster Range: 2 - (\d+)$", text, re.MULTILINE)
    size = re.search(r"^Cluster Size: (\d+)$", text, re.MULTILINE)
    assert last
    assert size
    return int(last[1]), int(size[1])


class TestFat12Superfloppy(VolumeContract):
    kind = "fat12"
    superfloppy = True


class TestFat16(VolumeContract):
    kind = "fat16"


class TestFat32Fragmented(VolumeContract):
    kind = "fat32"
    fragmented = True


class TestExfatFragmented(VolumeContract):
    kind = "exfat"
    fragmented = True


class TestExfatSuperfloppy(VolumeContract):
    kind = "exfat"
    superfloppy = True
