"""Pull: from a recorder to the durable spool, beside copying with the system's own tools."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from hwsim.body import Body
from hwsim.images import make_image

from .cost import Cost, run
from .footage import Footage, record
from .plan import Plan
from .rows import Goal, Row, loads, rates, spread
from .turns import take_turns
from .worker import apart

NOTE = """\
Sources are read once before each turn and come from memory on every side; what was dirty is
written out first. Ours reads back every byte from the disk, cache dropped; the rivals' b3sum reads
what the cache still holds, except where "cache dropped" says so. "over USB": the real MTP driver
and PyUSB with the simulated recorder beneath, whose work is in our figures; "from files": the
same pull from a recorder that is just files: the difference is USB, driver and simulator. "from an
image": the real volume driver on a FAT32 image with the same clips."""

RATE, CPU = "MB/s", "CPU s/GB"
COPY, DD = "cp; sync; b3sum -1", "dd 256K conv=fsync; b3sum -1"
DROPPED = "cp; sync; cache dropped; b3sum -1"
OURS: dict[str, tuple[str, tuple[str, ...]]] = {
    "over USB, BLAKE3": ("usb", ()),
    "from files, BLAKE3": ("files", ()),
    "over USB, BLAKE3 + SHA-256": ("usb", ("sha256",)),
    "from files, BLAKE3 + SHA-256": ("files", ("sha256",)),
    "from an image, BLAKE3": ("image", ()),
    "from an image, BLAKE3 + SHA-256": ("image", ("sha256",)),
}


def measure(plan: Plan) -> list[Row]:
    footage = record(plan.folder / "recorder", plan.size, plan.seed)
    card = Body.from_folder(footage.home).cards[0]
    image = make_image(plan.folder / "card.img", card, label="BENCH0001")
    disk = Footage(image, (image,), footage.size)
    ledger: dict[str, list[float]] = {name: [] for name in OURS}
    sides: dict[str, Callable[[], Cost]] = {
        name: partial(
            _ours,
            disk if via == "image" else footage,
            plan.folder / "spool",
            via,
            digests,
            ledger[name],
        )
        for name, (via, digests) in OURS.items()
    }
    for name, steps in ((COPY, _copy), (DD, _dd), (DROPPED, _copy_dropped)):
        sides[name] = partial(_rival, footage, plan.folder / "copy", steps)
    costs = take_turns("pull", sides, plan.pairs)
    return _rows(costs, ledger, footage.size)


def _ours(
    footage: Footage, state: Path, via: str, digests: Sequence[str], ledger: list[float]
) -> Cost:
    footage.warm()
    state.mkdir()
    try:
        read = apart(
            "tests.bench.works.pull:pull",
            source=footage.home,
            state=state,
            via=via,
            digests=digests,
        )
    finally:
        shutil.rmtree(state)
    ledger.append(read["ledger"])
    return Cost(read["wall"], read["cpu"])


Steps = Callable[[Footage, Path], list[list[str | Path]]]


def _rival(footage: Footage, target: Path, steps: Steps) -> Cost:
    footage.warm()
    target.mkdir()
    try:
        return run(*steps(footage, target))
    finally:
        shutil.rmtree(target)


def _copies(footage: Footage, target: Path) -> list[Path]:
    return [target / path.name for path in footage.files]


def _b3sum(files: Sequence[Path]) -> list[str | Path]:
    return ["b3sum", "--num-threads", "1", *files]


def _copy(footage: Footage, target: Path) -> list[list[str | Path]]:
    copies = _copies(footage, target)
    return [["cp", *footage.files, target], ["sync", *copies], _b3sum(copies)]


def _copy_dropped(footage: Footage, target: Path) -> list[list[str | Path]]:
    *before, last = _copy(footage, target)
    copies = _copies(footage, target)
    # dd(1): with count=0 `iflag=nocache` drops the whole file from the cache and copies nothing.
    drop: list[list[str | Path]] = [
        ["dd", f"if={path}", "of=/dev/null", "iflag=nocache", "count=0"] for path in copies
    ]
    return [*before, *drop, last]


def _dd(footage: Footage, target: Path) -> list[list[str | Path]]:
    copies = _copies(footage, target)
    dd: list[list[str | Path]] = [
        ["dd", f"if={source}", f"of={copy}", "bs=256K", "conv=fsync"]
        for source, copy in zip(footage.files, copies, strict=True)
    ]
    return [*dd, _b3sum(copies)]


def _rows(costs: dict[str, list[Cost]], ledger: dict[str, list[float]], size: int) -> list[Row]:
    fast, busy = rates(costs, size), loads(costs, size)
    rate_goal, cpu_goal = Goal(1, "≥", 0.95), Goal(2, "≤", 0.6)
    rows = [Row(name, RATE, fast[name], COPY, fast[COPY], rate_goal) for name in OURS]
    rows += [Row(name, RATE, fast[name], DROPPED, fast[DROPPED]) for name in OURS]
    rows += [Row(name, CPU, busy[name], DD, busy[DD], cpu_goal) for name in OURS]
    rows += [Row(name, CPU, busy[name], COPY, busy[COPY]) for name in OURS]
    for name, within in ledger.items():
        shares = [100 * part / one.cpu for part, one in zip(within, costs[name], strict=True)]
        goal = Goal(13, "≤", 5, of_ratio=False)
        rows.append(Row(f"{name}: ledger's share", "% of CPU", spread(shares), goal=goal))
    return rows
