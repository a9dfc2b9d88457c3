"""Hashing: digests of chunks and their manifest, beside one pass of b3sum over the same files."""

from __future__ import annotations

from functools import partial

from .cost import Cost, run
from .footage import Footage, record
from .plan import Plan
from .rows import Goal, Row, loads, rates
from .turns import take_turns
from .worker import apart

NOTE = """\
One thread each, files in memory on both sides. "chunks + manifest" is what coming in costs;
"reading back" hashes the whole clip beside its chunks, from the disk with the cache dropped."""

RIVAL = "b3sum --num-threads 1"
OURS = {
    "chunks + manifest": "chunks",
    "reading back: chunks + whole": "blake3",
    "reading back: chunks + whole + SHA-256": "sha256",
}


def measure(plan: Plan) -> list[Row]:
    footage = record(plan.folder / "recorder", plan.size, plan.seed)
    sides = {name: partial(_ours, footage, what) for name, what in OURS.items()}
    sides[RIVAL] = partial(_b3sum, footage)
    costs = take_turns("hash", sides, plan.pairs)
    fast, busy = rates(costs, footage.size), loads(costs, footage.size)
    goal = {"chunks + manifest": Goal(3, "≤", 1.1)}
    return [
        *(Row(name, "CPU s/GB", busy[name], RIVAL, busy[RIVAL], goal.get(name)) for name in OURS),
        *(Row(name, "MB/s", fast[name], RIVAL, fast[RIVAL]) for name in OURS),
    ]


def _ours(footage: Footage, what: str) -> Cost:
    footage.warm()
    read = apart("tests.bench.works.hash:digest", files=[*footage.files], what=what)
    return Cost(read["wall"], read["cpu"])


def _b3sum(footage: Footage) -> Cost:
    footage.warm()
    return run(["b3sum", "--num-threads", "1", *footage.files])
