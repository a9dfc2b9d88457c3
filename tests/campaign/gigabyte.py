"""A gigabyte through the whole way, checked with stock tools: cmp, b3sum, sha256sum, ffprobe."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from .evidence import Evidence
from .outcome import Run
from .settling import close
from .yard import Yard, until

MIB = 1024 * 1024
SLOWEST = 4 * MIB
"""Bytes a second; slower than this fails the run."""
SHARES = (6, 6, 4)
"""Sixteenths of what one recorder holds."""


def one_gigabyte(run: Run, size: int = 1024 * MIB) -> None:
    """`size` bytes on four recorders."""
    random = Random(run.seed)
    with Yard(run.folder) as yard:
        for number in range(1, 5):
            sizes = [size // 4 * share // sum(SHARES) for share in SHARES]
            yard.plug(yard.record(number, sizes, random), f"1-1.{number}")
        evidence = Evidence(yard)
        run.counts["clips"] += len(evidence.originals)
        run.counts["MiB"] += size // MIB
        for name in ("archive", "dock"):
            yard.start(name)
        began, patience = time.monotonic(), 60 + size / SLOWEST
        came = until(lambda: evidence.all_archived() or not yard.all_alive(), patience, each=0.1)
        run.must(came and yard.all_alive(), f"after {patience:.0f} s: {dict(evidence.states())}")
        run.counts["MiB a second"] = round(size / MIB / (time.monotonic() - began))
        close(run, yard, evidence)
        run.check(_with_stock_tools(run, evidence), "stock tools")


def _with_stock_tools(run: Run, evidence: Evidence) -> Iterator[str]:
    for row in evidence.ledger():
        original = evidence.originals[row["serial"], row["path"]]
        stored = evidence.archive / row["stored_as"]
        if _said("cmp", str(original), str(stored)) != "":
            yield f"cmp: {original.name} and {stored} differ"
        for tool, told in (("b3sum", row["blake3"]), ("sha256sum", row["sha256"])):
            if (said := _said(tool, str(stored)).partition(" ")[0]) != told:
                yield f"{tool} says {said} of {stored}, the dock {told}"
        if original.suffix == ".mp4":
            yield from _unplayable(stored)
            run.counts["films played"] += 1


def _unplayable(film: Path) -> Iterator[str]:
    shown = ("-show_entries", "stream=codec_type", "-of", "default=nw=1:nk=1", str(film))
    if "video" not in (said := _said("ffprobe", "-v", "error", *shown)):
        yield f"ffprobe finds no video in {film}: {said}"
    if said := _said("ffmpeg", "-v", "error", "-i", str(film), "-f", "null", "-"):
        yield f"ffmpeg does not play {film}: {said}"


def _said(*command: str) -> str:
    """What a tool says on either channel."""
    done = subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    return done.stdout.strip()
