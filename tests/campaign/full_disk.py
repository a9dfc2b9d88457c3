"""Full disk: the dock's file system is small, recorders hold more than fits, no archive is there.

Intake pauses and says so, the recorders are untouched, receipts still commit; once there is room it
goes on by itself until all is archived. Runs in a mount namespace of its own, which `inside` makes,
so that no mount outlives it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

from .evidence import Evidence, facts_of
from .outcome import Run
from .settling import close
from .yard import Yard, until

MIB = 1024 * 1024
FLOOR = 8 * MIB
HOLD_HOURS = 72
PAUSE_SECONDS = 60.0
RECEIPT_SECONDS = 120.0
SETTLE_SECONDS = 240.0
FULL_SECONDS = 40.0
_NAMESPACE = "BODYDOCK_CAMPAIGN_NAMESPACE"


def inside() -> None:
    """Run this very command again in a mount namespace of its own, unless it is in one.

    As root that is all; another user becomes root of a user namespace, which may mount a tmpfs.
    """
    if os.environ.get(_NAMESPACE):
        return
    mapped = () if os.geteuid() == 0 else ("--map-root-user",)
    again = (sys.executable, "-m", "tests.campaign", *sys.argv[1:])
    os.environ[_NAMESPACE] = "1"
    os.execvp("unshare", ["unshare", "--mount", *mapped, *again])  # noqa: S606


@contextmanager
def small_disk(folder: Path, size: int, kind: str) -> Iterator[None]:
    """Mount a file system of about `size` bytes over an empty folder: a tmpfs, or a real ext4."""
    folder.mkdir()
    if kind == "ext4":
        image = folder.with_suffix(".image")
        with image.open("wb") as file:
            file.truncate(size)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
        mount = ["mount", "-o", "loop", str(image), str(folder)]
    else:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    subprocess.run(mount, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def one_full_disk(run: Run, kind: str = "ext4") -> None:
    """By the seed's remainder: a hold that has to pass, no hold, or foreign files in between."""
    random = Random(run.seed)
    size = random.randint(48, 80) * MIB
    variant = ("hold", "no hold", "foreign files")[run.seed % 3]
    with ExitStack() as stack:
        yard = stack.enter_context(Yard(run.folder))
        _configure(yard, HOLD_HOURS if variant == "hold" else 0)
        stack.enter_context(small_disk(yard.world.config.dock.state, size, kind))
        stack.callback(yard.world.close)
        _record(yard, 5 * size // 2, random)
        evidence = Evidence(yard)
        run.counts["clips"] += len(evidence.originals)
        before = _recorders(evidence)
        yard.start("dock")
        _paused(run, yard)
        run.note(f"{variant}, {size // MIB} MiB: paused with {dict(evidence.states())}")
        run.check(_clear(yard), "when the disk was full")
        _ends(run, yard, evidence, variant)
        run.check(["a recorder was touched"] if _recorders(evidence) != before else [], "after it")
        run.counts["clips that had to be released"] += evidence.states()["released"]
        close(run, yard, evidence)


def _configure(yard: Yard, hold_hours: int) -> None:
    """The state lies on a disk of its own, with hardly any room to be left free."""
    here = f'"{yard.world.folder / "dock"}'
    yard.configure(f"state = {here}", f"state = {here}/state")
    yard.configure('floor = "64 MiB"', f'floor = "{FLOOR // MIB} MiB"\nhold_hours = {hold_hours}')


def _record(yard: Yard, size: int, random: Random) -> None:
    """Three recorders with `size` bytes in all."""
    for number in range(1, 4):
        sizes: list[int] = []
        while sum(sizes) < size // 3:
            sizes.append(random.randint(MIB // 2, 6 * MIB))
        yard.plug(yard.record(number, sizes, random), f"1-1.{number}")


def _recorders(evidence: Evidence) -> dict[Path, tuple[int, object]]:
    """Every file on every recorder, when it was written, and its bytes."""
    return {path: (path.stat().st_mtime_ns, facts_of(path)) for path in evidence.originals.values()}


def _live(yard: Yard) -> dict[str, Any]:
    """What `bodydock status --json` says of the running dock; no bays where it shows nothing."""
    command = [sys.executable, "-m", "agent.cli", "status", "--json"]
    command += ["--config", str(yard.world.dock_config)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(said)["live"] or {"intake": "", "bays": []}


def _paused(run: Run, yard: Yard) -> None:
    """Wait until nothing more is taken in: every bay waits for room."""

    def full() -> bool:
        bays = _live(yard)["bays"] if yard.up("dock") else []
        return bays != [] and all(bay["doing"] == "paused" for bay in bays)

    run.must(until(full, PAUSE_SECONDS, each=0.5), "intake never paused")


def _clear(yard: Yard) -> Iterator[str]:
    """The state in words: intake says why it pauses, and so does each bay."""
    live = _live(yard)
    if "no room" not in live["intake"]:
        yield f"intake says {live['intake']!r}"
    yield from (f"bay {bay['bay']} says nothing" for bay in live["bays"] if not bay["trouble"])
    disk = os.statvfs(yard.world.config.dock.state)
    if disk.f_bavail * disk.f_frsize < FLOOR - MIB:
        yield f"only {disk.f_bavail * disk.f_frsize} bytes are left free of {FLOOR}"


def _ends(run: Run, yard: Yard, evidence: Evidence, variant: str) -> None:
    """Room comes in one of three ways; nobody lays a hand on anything."""
    if variant == "foreign files":
        _foreign_files(run, yard, evidence)
    else:
        yard.start("archive")
    if variant == "hold":
        run.must(until(lambda: _all_receipted(evidence), RECEIPT_SECONDS, each=0.2),
                 f"receipts did not commit on a full disk: {dict(evidence.states())}")  # fmt: skip
        run.check(evidence.receipted_but_not_archived(), "on the full disk")
        run.check(_clear(yard), "while all is held")
    skipped = 0.0

    def settled() -> bool:
        nonlocal skipped
        if variant == "hold" and _all_receipted(evidence):
            skipped += HOLD_HOURS * 3600 + 60
            yard.later(skipped)
        return evidence.all_archived() or not yard.all_alive()

    done = until(settled, SETTLE_SECONDS, each=0.5)
    run.must(yard.all_alive(), "a process ended by itself")
    run.must(done, f"not all archived: {dict(evidence.states())}")


def _all_receipted(evidence: Evidence) -> bool:
    """Whether all that could be taken in is at the archive, and more waits for room."""
    states = evidence.states()
    return not states["spooled"] + states["offered"] and states["seen"] > 0 < states["receipted"]


def _foreign_files(run: Run, yard: Yard, evidence: Evidence) -> None:
    """Another program takes the last byte for a while, also the room kept for the ledger."""
    ballast = yard.world.config.dock.state / "ballast"
    before = evidence.states()
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(MIB // 16))
    run.note(f"not a byte free: {os.statvfs(ballast).f_bavail} blocks")
    yard.start("archive")
    yard.plug(yard.unplug("1-1.1"), "1-1.5")
    until(lambda: not yard.all_alive(), FULL_SECONDS, each=0.1)
    run.must(yard.all_alive(), "a process ended by itself while no byte was free")
    yard.kill("dock")
    yard.start("dock")
    until(lambda: not yard.all_alive(), FULL_SECONDS / 4, each=0.1)
    run.must(yard.all_alive(), "the dock does not start while no byte is free")
    run.check(evidence.receipted_but_not_archived(), "while no byte was free")
    run.check([] if evidence.states().total() == before.total() else ["rows"], "while full")
    ballast.unlink()
