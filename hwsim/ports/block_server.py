"""The process behind a block node: a FUSE file system of one file, which is the image.

A process of its own, since a reader in the same one would wait for itself: forking closes files,
and closing a FUSE file asks the one who serves it. Orders come on standard input, one JSON object
a line, and each is answered with how many readings there were and which faults struck.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Any

import mfusepy

from hwsim.faults import Faults
from hwsim.ports.block_node import NAME, BadSectors, FlipBit, Gone, Short, Slow, fault_from

_DIRECTORY = {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}


class _OneFile(mfusepy.Operations):  # type: ignore[misc]
    """The image, read-only, with faults at each reading. Nothing is cached by the kernel."""

    use_ns = True

    def __init__(self, image: Path) -> None:
        self._image = os.open(image, os.O_RDONLY | os.O_CLOEXEC)
        self._size = image.stat().st_size
        self._lock = threading.Lock()
        self.plug()

    def plug(self) -> None:
        """As new."""
        with self._lock:
            self.faults, self.reads, self.gone = Faults(), 0, False

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:  # noqa: ARG002
        if path == "/":
            return _DIRECTORY
        if path != f"/{NAME}" or self.gone:
            raise mfusepy.FuseOSError(errno.ENOENT)
        return {"st_mode": stat.S_IFREG | 0o444, "st_nlink": 1, "st_size": self._size}

    def open(self, path: str, flags: int) -> int:
        if self.gone or path != f"/{NAME}":
            raise mfusepy.FuseOSError(errno.ENXIO)
        if flags & os.O_ACCMODE != os.O_RDONLY:
            raise mfusepy.FuseOSError(errno.EROFS)
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:  # noqa: ARG002
        with self._lock:
            self.reads += 1
            struck = [self.faults.due(kind) for kind in (Gone, Slow, Short, FlipBit)]
            for fault in struck:
                if isinstance(fault, Gone):
                    self.gone = True
                    raise mfusepy.FuseOSError(fault.number)
            self._check_sectors(offset, size)
        data = os.pread(self._image, size, offset)
        for fault in struck:
            data = _changed(data, fault)
        return data

    def _check_sectors(self, offset: int, size: int) -> None:
        if self.gone:
            raise mfusepy.FuseOSError(errno.ENODEV)
        bad = self.faults.due(BadSectors)
        if bad and offset < bad.end and bad.start < offset + size:
            raise mfusepy.FuseOSError(errno.EIO)


def _changed(data: bytes, fault: object) -> bytes:
    match fault:
        case Slow(seconds=seconds):
            time.sleep(seconds)
        case Short(keep=keep):
            return data[:keep]
        case FlipBit(byte=byte, bit=bit):
            place = (byte or 0) % len(data)
            return data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]
    return data


def _obey(file: _OneFile) -> None:
    """Until standard input ends; then the whole process does."""
    for line in sys.stdin:
        order = json.loads(line)
        if order["order"] == "fault":
            file.faults.add(fault_from(order["kind"], order["facts"]))
        elif order["order"] == "unplug":
            file.gone = True
        elif order["order"] == "plug":
            file.plug()
        fired = {type(fault).__name__: count for fault, count in file.faults.fired.items()}
        print(json.dumps({"reads": file.reads, "fired": fired}), flush=True)  # noqa: T201


def main() -> None:
    """`image mountpoint`."""
    file = _OneFile(Path(sys.argv[1]))
    threading.Thread(target=_obey, args=(file,), daemon=True).start()
    mfusepy.FUSE(
        file,
        sys.argv[2],
        foreground=True,
        nothreads=True,
        ro=True,
        direct_io=True,
        attr_timeout=0,
        entry_timeout=0,
        negative_timeout=0,
    )


if __name__ == "__main__":
    main()
