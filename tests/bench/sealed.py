"""Sealed: a pull that encrypts, beside stock `age` on the same bytes and a pull that does not."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pyrage

from .cost import Cost, run
from .footage import Footage, record
from .plan import Plan
from .rows import Row, loads, rates, spread
from .turns import take_turns
from .worker import apart

NOTE = """\
The same pull "from files" as in the part "pull", encrypting to one recipient: it hashes what comes
and what it writes, syncs, and reads every stored byte back from the disk, cache dropped. `age -r
KEY -o` encrypts each file and does no more; "age; sync; b3sum" also makes it durable, and hashes
plain and ciphertext from the cache. "encryption adds" is a pull that encrypts less one that does
not, in the same round, beside what `age` costs: 1 is the cost of `age`."""

RATE, CPU = "MB/s", "CPU s/GB"
AGE, DURABLE = "age -r -o", "age; sync; b3sum"
OPEN = "pull, BLAKE3, not encrypted"
OURS: dict[str, tuple[str, ...]] = {
    "pull, BLAKE3, encrypted": (),
    "pull, BLAKE3 + SHA-256, encrypted": ("sha256",),
}


def measure(plan: Plan) -> list[Row]:
    footage = record(plan.folder / "recorder", plan.size, plan.seed)
    key = str(pyrage.x25519.Identity.generate().to_public())
    state = plan.folder / "spool"
    sides = {name: partial(_ours, footage, state, digests, key) for name, digests in OURS.items()}
    sides[OPEN] = partial(_ours, footage, state, (), "")
    sides[AGE] = partial(_age, footage, state, key, durable=False)
    sides[DURABLE] = partial(_age, footage, state, key, durable=True)
    costs = take_turns("sealed", sides, plan.pairs)
    fast, busy = rates(costs, footage.size), loads(costs, footage.size)
    rows = [Row(name, RATE, fast[name], rival, fast[rival])
            for rival in (AGE, DURABLE, OPEN) for name in OURS]  # fmt: skip
    rows += [Row(name, CPU, busy[name], rival, busy[rival])
             for rival in (AGE, DURABLE, OPEN) for name in OURS]  # fmt: skip
    name = next(iter(OURS))
    both = zip(busy[name].figures, busy[OPEN].figures, strict=True)
    added = spread([max(0.0, ours - plain) for ours, plain in both])
    rows.append(Row("encryption adds", CPU, added, AGE, busy[AGE]))
    took = zip(costs[name], costs[OPEN], strict=True)
    longer = spread(
        [max(0.0, (ours.wall - plain.wall) * 1e9 / footage.size) for ours, plain in took]
    )
    alone = spread([one.wall * 1e9 / footage.size for one in costs[AGE]])
    return [*rows, Row("encryption adds", "s/GB", longer, AGE, alone)]


def _ours(footage: Footage, state: Path, digests: tuple[str, ...], key: str) -> Cost:
    footage.warm()
    state.mkdir()
    try:
        read = apart(
            "tests.bench.works.pull:pull",
            source=footage.home,
            state=state,
            via="files",
            digests=digests,
            recipient=key,
        )
    finally:
        shutil.rmtree(state)
    return Cost(read["wall"], read["cpu"])


def _age(footage: Footage, target: Path, key: str, *, durable: bool) -> Cost:
    footage.warm()
    target.mkdir()
    try:
        made = {path: target / f"{path.name}.age" for path in footage.files}
        steps: list[list[str | Path]] = [
            ["age", "-r", key, "-o", copy, path] for path, copy in made.items()
        ]
        if durable:
            steps.append(["sync", *made.values()])
            steps.append(["b3sum", "--num-threads", "1", *made, *made.values()])
        return run(*steps)
    finally:
        shutil.rmtree(target)
