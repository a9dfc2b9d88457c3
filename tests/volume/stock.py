"""A card as stock tools see it: The Sleuth Kit's programs, and the checkers of file systems."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

from hwsim.images import Kind
from hwsim.partitions import MIB

SECTOR = 512
START = MIB // SECTOR
_LINE = re.compile(r"r/r (\d+)(?:-\d+-\d+)?:\t(.*)")


def ran(*command: str) -> bytes:
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    return done.stdout


def files(image: Path, start: int = START) -> dict[str, str]:
    """SHA-256 of every file by its path, as `fls` and `icat` tell; none that was deleted."""
    listed = ran("fls", "-r", "-p", "-u", "-o", str(start), str(image)).decode()
    found = {}
    for entry, path in _LINE.findall(listed):
        if not path.startswith("$") and not path.endswith("(Volume Label Entry)"):
            data = ran("icat", "-o", str(start), str(image), entry)
            found[path] = hashlib.sha256(data).hexdigest()
    return found


def checked(image: Path, kind: Kind, scratch: Path) -> None:
    """The stock checker finds nothing to complain of."""
    volume = scratch / "volume.img"
    volume.write_bytes(image.read_bytes()[START * SECTOR :])
    said = ran("fsck.exfat" if kind == "exfat" else "fsck.vfat", "-n", str(volume)).decode()
    assert kind == "exfat" or len(said.splitlines()) == 2, said
    volume.unlink()


def sectors(before: bytes, after: bytes) -> list[int]:
    """Numbers of the sectors that differ."""
    assert len(before) == len(after)
    return [
        at // SECTOR
        for at in range(0, len(before), SECTOR)
        if before[at : at + SECTOR] != after[at : at + SECTOR]
    ]
