"""Uplink: from the spool over MQTT to the archive's disk and back with a signed receipt."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from agent.spool.states import State

from . import carriers
from .cost import Cost, Meter
from .footage import Footage, record
from .line import Line, lay_out
from .plan import Plan
from .rows import GB, MIB, Goal, Row, Spread, loads, rates, spread
from .turns import Side, take_turns
from .worker import apart

NOTE = """\
Dock, Mosquitto and archive are processes, all on this machine, over loopback; so are both ends of
the rivals. Timed from the first offer until the last receipt is committed in the dock's ledger.
What is sent is in the page cache on every side. The archive and the socket copy read back from the
disk what they stored; rsync and stock paho do not. Stock paho hashes each chunk at both ends,
writes and syncs, without offers, credit, resuming or receipts."""

OURS: dict[str, tuple[str, ...]] = {"BLAKE3": (), "BLAKE3 + SHA-256": ("sha256",)}
SOCKET = "plain socket copy"
RSYNC = "rsync --fsync to a daemon"
SSH = "rsync --fsync over ssh"
PAHO = "stock paho, 256 KiB, QoS 1"
PROCESSES = (
    ("dock", "sender", Goal(4, "≤", 0.5)),
    ("broker", "broker", None),
    ("archive", "receiver", Goal(5, "≤", 0.4)),
)
"""Ours, its counterpart around stock paho, and the goal."""
PEAKS = {
    "dock": Goal(11, "≤", 80, of_ratio=False),
    "broker": Goal(11, "≤", 150, of_ratio=False),
}


def measure(plan: Plan) -> list[Row]:
    footage = record(plan.folder / "recorder", plan.size, plan.seed)
    sides: dict[str, Side] = {}
    for number, (name, digests) in enumerate(OURS.items()):
        prepared = plan.folder / f"spool-{number}"
        _spool(footage, prepared, digests)
        sides[name] = partial(_ours, prepared, plan.folder / "line", footage)
    rivals = {
        SOCKET: (carriers.over_socket, ""),
        RSYNC: (carriers.over_rsync, carriers.why_not_rsync()),
        SSH: (carriers.over_ssh, carriers.why_not_ssh()),
        PAHO: (carriers.over_paho, ""),
    }
    for name, (carry, why_not) in rivals.items():
        if not why_not:
            sides[name] = partial(_rival, carry, plan.folder / "rival", footage)
    costs = take_turns("uplink", sides, plan.pairs)
    return _rows(costs, {name: why_not for name, (_, why_not) in rivals.items()}, footage.size)


def _spool(footage: Footage, state: Path, digests: tuple[str, ...]) -> None:
    state.mkdir()
    work = "tests.bench.works.pull:pull"
    apart(work, source=footage.home, state=state, via="files", digests=digests)


def _ours(prepared: Path, folder: Path, footage: Footage) -> Cost:
    with Line(folder) as line:
        lay_out(prepared, line.dock_state)
        stored = Footage(prepared, tuple(sorted(prepared.glob("clips/*/*"))), 0)
        stored.warm()
        line.start_archive()
        line.start_dock()
        with line.ledger() as ledger:
            line.until(lambda: ledger.counts()[State.SPOOLED][0] < len(footage.files))
            meter = Meter(**line.pids)
            line.until(lambda: ledger.counts()[State.RECEIPTED][0] == len(footage.files))
            return meter.read()


def _rival(carry: Callable[[tuple[Path, ...], Path], Cost], folder: Path, footage: Footage) -> Cost:
    footage.warm()
    folder.mkdir()
    try:
        return carry(footage.files, folder)
    finally:
        shutil.rmtree(folder)


def _rows(costs: dict[str, list[Cost]], why_not: dict[str, str], size: int) -> list[Row]:
    rows = []
    for unit, figures, goals in (
        ("MB/s", rates(costs, size), {RSYNC: Goal(6, "≥", 0.9)}),
        ("CPU s/GB", loads(costs, size), {SSH: Goal(7, "≤", 0.5)}),
    ):
        for name in OURS:
            rows += [
                _against(rival, why, name, unit, figures, goals.get(rival))
                for rival, why in why_not.items()
            ]
    each = [row for name in OURS for row in _each(name, costs[name], costs[PAHO], size)]
    return rows + each


def _against(
    rival: str, why_not: str, name: str, unit: str, figures: dict[str, Spread], goal: Goal | None
) -> Row:
    if why_not:
        return Row(name, unit, figures[name], f"{rival}: {why_not}", goal=goal)
    return Row(name, unit, figures[name], rival, figures[rival], goal)


def _each(name: str, ours: list[Cost], theirs: list[Cost], size: int) -> list[Row]:
    """What each process used, beside its counterpart around stock paho."""
    rows = []
    for process, other, goal in PROCESSES:
        load = spread([one.shares[process] * GB / size for one in ours])
        rival = spread([one.shares[other] * GB / size for one in theirs])
        rows.append(Row(f"{name}: {process}", "CPU s/GB", load, f"{PAHO}, {other}", rival, goal))
    for process, _, _ in PROCESSES:
        peak = spread([one.peaks[process] / MIB for one in ours])
        rows.append(Row(f"{name}: {process}'s peak", "MiB", peak, goal=PEAKS.get(process)))
    return rows
