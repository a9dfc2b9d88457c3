"""Sixteen recorders of eleven families docked at once, in a process of their own.

    python -m tests.families.sixteen FOLDER [MIB]

Prints what came of it as JSON: clips, bytes, what differs, seconds, and the most memory that this
process (dock and simulators together) and its children held at one moment (their proportional set
sizes, `smaps_rollup`), in MiB.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

from agent.bay.status import Doing
from agent.cli.memory import keep_buffers
from agent.model import CHUNK_BYTES
from hwsim.body import Body

from .yard import FAMILIES, MIB, Yard, recorder

MOST = 16
SLOW = frozenset(("generic-smp",))
"""Carried by a line that moves a few MB/s at most."""


def main(folder: Path, size: int) -> None:
    keep_buffers()
    families = [FAMILIES[number % len(FAMILIES)] for number in range(MOST)]
    watch = Watch()
    yard = Yard(folder, parallel=8)
    bodies = {}
    began = time.monotonic()
    try:
        for number, family in enumerate(families):
            port = f"{1 + number // 8}-1.{1 + number % 8}"
            each = size // 16 if family in SLOW else size
            bodies[port] = body = recorder(f"BC{number:05}", each, each // 3, 1)
            yard.make(family, port, body).plug()
        for port in bodies:
            yard.until_doing(port, Doing.READY, 240)
        seconds = time.monotonic() - began
        differing = [port for port, body in bodies.items() if not _same(yard, port, body)]
        clips = sum(1 for _ in yard.ledger.entries())
    finally:
        yard.close()
        watch.stop()
    total = sum(clip.size for body in bodies.values() for clip in body.clips)
    print(
        json.dumps(
            {
                "recorders": len(bodies),
                "families": len(set(families)),
                "clips": clips,
                "bytes": total,
                "differing": differing,
                "seconds": round(seconds, 1),
                "peak_mib": round(watch.peak / MIB, 1),
                "children": watch.children,
            }
        )
    )


def _same(yard: Yard, port: str, body: Body) -> bool:
    """Whether the spool holds what the body holds, compared by digests, a chunk at a time."""
    serial = next(status.recorder for status in yard.bays.statuses() if status.port == port)
    held = {
        clip.path.rpartition("/")[2]: _digest(
            clip.content.read(at, CHUNK_BYTES) for at in range(0, clip.size, CHUNK_BYTES)
        )
        for clip in body.clips
    }
    spooled = {
        entry.sighting.path.rpartition("/")[2]: _digest(
            yard.spool.read_chunk(entry.clip, index)
            for index in range(-(-entry.sighting.size // CHUNK_BYTES))
        )
        for entry in yard.ledger.entries()
        if (entry.sighting.identity.serial, entry.sighting.bay) == (serial, port)
    }
    return held == spooled


def _digest(chunks: Iterable[bytes]) -> str:
    digest = blake2b()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


class Watch:
    """Samples the memory of this process and all its children."""

    def __init__(self) -> None:
        self.peak = 0
        self.children = 0
        """The most children at one moment."""
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(0.02):
            children = _children(os.getpid())
            self.children = max(self.children, len(children))
            self.peak = max(self.peak, sum(map(_held, [os.getpid(), *children])))


def _children(parent: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{parent}/task").iterdir():
        try:
            found += [int(each) for each in (task / "children").read_text("ascii").split()]
        except FileNotFoundError:
            continue  # a thread that ended while we looked
    return found


def _held(process: int) -> int:
    try:
        for line in Path(f"/proc/{process}/smaps_rollup").read_text("ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2] if len(sys.argv) > 2 else 8) * MIB)
