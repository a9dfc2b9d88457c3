"""An image as a block node that can be pulled out and can fail: a FUSE file (Debian's `fuse3`).

    with BlockNode(image, folder) as node:
        machine.attach_disk("1-1.2", node.path)
        node.add(BadSectors(start=0, end=512))
        node.unplug()

A chance for a fault is one reading that reaches the node; the kernel caches none of them, and
hands over larger ones in pieces.
"""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from hwsim.faults import Fault, FlipBit
from hwsim.leash import leashed

__all__ = ["BadSectors", "BlockNode", "FlipBit", "Gone", "NoNode", "Short", "Slow"]

NAME = "disk"
START_SECONDS = 10.0


class NoNode(Exception):
    """The node could not be shown; the text says why."""


class NodeFault(Fault):
    """The root of all that happens at a reading of the node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone(NodeFault):
    """The disk is unplugged: this reading fails with `number`, and the node is gone."""

    number: int = errno.EIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Short(NodeFault):
    """A reading gives only `keep` bytes."""

    keep: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BadSectors(NodeFault):
    """Bytes from `start` to `end` cannot be read (EIO); the disk is still there."""

    start: int = 0
    end: int = 1 << 62
    times: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow(NodeFault):
    """A reading takes so long."""

    seconds: float = 1.0


_KINDS: dict[str, type[Fault]] = {
    kind.__name__: kind for kind in (Gone, Short, BadSectors, Slow, FlipBit)
}


def fault_from(kind: str, facts: dict[str, Any]) -> Fault:
    """A fault as `BlockNode.add` sent it."""
    return _KINDS[kind](**facts)


class BlockNode:
    """Shows `image` at `path` from entering to leaving it. Raises `NoNode`."""

    def __init__(self, image: Path, folder: Path) -> None:
        self._image = image
        self._mounted = folder
        self.path = folder / NAME
        self._server: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._mounted.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "hwsim.ports.block_server"]
        self._server = subprocess.Popen(
            leashed([*command, str(self._image), str(self._mounted)]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        end = time.monotonic() + START_SECONDS
        while not self.path.exists():
            if self._server.poll() is not None or time.monotonic() > end:
                self.__exit__()
                raise NoNode(f"FUSE does not show {self.path}; it needs fuse3 and /dev/fuse")
            time.sleep(0.01)
        return self

    def __exit__(self, *error: object) -> None:
        server, self._server = self._server, None
        if server:
            unmount = ["fusermount3", "-u", "-z", "-q", str(self._mounted)]
            subprocess.run(unmount, check=False)
            server.kill()
            server.communicate()

    def add(self, fault: Fault) -> None:
        """Its chances count from now."""
        self._order("fault", kind=type(fault).__name__, facts=asdict(fault))

    def unplug(self) -> None:
        """From now on every reading fails, and the node is gone."""
        self._order("unplug")

    def plug(self) -> None:
        """It is there again, without a fault, and readings count from 0."""
        self._order("plug")

    @property
    def reads(self) -> int:
        """Readings so far."""
        return int(self._order("look")["reads"])

    @property
    def fired(self) -> dict[str, int]:
        """How often each kind of fault has struck."""
        fired: dict[str, int] = self._order("look")["fired"]
        return fired

    def _order(self, order: str, **facts: Any) -> dict[str, Any]:
        if self._server is None or not self._server.stdin or not self._server.stdout:
            raise NoNode("the node is not shown")
        self._server.stdin.write(json.dumps({"order": order, **facts}) + "\n")
        self._server.stdin.flush()
        answer: dict[str, Any] = json.loads(self._server.stdout.readline())
        return answer
