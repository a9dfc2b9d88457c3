"""An ISO 9660 image for burning, made and read back through `xorriso` (Debian: xorriso).

Rock Ridge and Joliet keep long and Chinese names, level 3 takes files beyond 4 GiB. The image is
made as `<name>.incomplete` and gets its name once every file in it has the digests of the bag.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.custody.export.medium import STEP, Digester, Written, on_medium, sync
from agent.errors import MediumBroken, UsageError
from agent.model import printable

BLOCK = 2048
_EXTENT = re.compile(r"File data lba: *(\d+) , *(\d+) , *(\d+) , *(\d+) , '(.*)'\Z")
"""`xorriso -exec report_lba`: extent, start, blocks, size, path."""


def insist_on_xorriso() -> str:
    """Where the program is. Raises `UsageError` where it is not installed."""
    if found := shutil.which("xorriso"):
        return found
    raise UsageError(
        "an image needs the program xorriso, which is not installed",
        do="install it (Debian: apt install xorriso), or export to a folder with --to",
    )


def make_image(folder: Path, image: Path, name: str) -> None:
    """Write what is in `folder` into a new image; links in it are followed.

    Raises `MediumBroken` with the program's last words where it fails.
    """
    options = ("-iso-level", "3", "-rational-rock", "-joliet", "-joliet-long", "-follow-links")
    tell = ("-V", name[:32], "-o", str(image), str(folder))
    _xorriso(["-as", "mkisofs", "-quiet", *options, *tell], "making the image")
    with on_medium(f"syncing {image}"):
        sync(image)


def check_image(image: Path, files: Sequence[Written]) -> str:
    """Read the image back; its own SHA-256. Raises `MediumBroken` where a file in it is missing,
    too many, or not as it should be."""
    held = extents(image)
    if held.keys() != {each.name for each in files}:
        raise MediumBroken(f"{image} does not hold the files of the bag", do="make it again")
    with on_medium(f"reading {image} back"):
        file = os.open(image, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            for each in files:
                if not _inside(file, held[each.name], each.name).is_as(each):
                    raise MediumBroken(
                        f"{image}: {each.name} is not as written", do="make it again"
                    )
            return _whole(file)
        finally:
            os.close(file)


def extents(image: Path) -> dict[str, list[tuple[int, int]]]:
    """Where in an image each file lies: (offset, length) in bytes, in order, by name."""
    said = _xorriso(
        ["-indev", f"stdio:{image}", "-find", "/", "-type", "f", "-exec", "report_lba", "--"],
        "reading the image",
    )
    found: dict[str, list[tuple[int, int]]] = {}
    for line in said.splitlines():
        if match := _EXTENT.match(line.strip()):
            start, blocks, size = (int(match[number]) for number in (2, 3, 4))
            known = found.setdefault(match[5].lstrip("/"), [])
            left = size - sum(length for _, length in known)
            known.append((start * BLOCK, min(blocks * BLOCK, left)))
    return found


def _inside(file: int, places: list[tuple[int, int]], name: str) -> Written:
    digester = Digester()
    for offset, length in places:
        for piece in _range(file, offset, length):
            digester.update(piece)
    return digester.written(name)


def _whole(file: int) -> str:
    digester = Digester()
    for piece in _range(file, 0, os.fstat(file).st_size):
        digester.update(piece)
    return digester.written("").sha256


def _range(file: int, offset: int, length: int) -> Iterator[memoryview]:
    """The bytes of a range, in one buffer; fewer where the file ends before."""
    buffer = bytearray(STEP)
    while length > 0:
        with memoryview(buffer) as whole, whole[: min(length, STEP)] as wanted:
            if not (count := os.preadv(file, [wanted], offset)):
                return
            yield wanted[:count]
        offset, length = offset + count, length - count


def _xorriso(arguments: Sequence[str], doing: str) -> str:
    """Standard output. It reads no start-up files and gets no shell and no terminal."""
    done = subprocess.run(
        [insist_on_xorriso(), "-no_rc", *arguments]
        if arguments[0] != "-as"
        else [insist_on_xorriso(), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    if done.returncode:
        words = done.stderr.decode("utf-8", "replace").strip().splitlines()
        last = printable(" / ".join(words[-3:]))[-400:]
        raise MediumBroken(f"{doing}: xorriso says: {last}", do="look at the medium's free space")
    return done.stdout.decode("utf-8", "replace")
