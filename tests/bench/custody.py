"""The custody log: a million entries verified, one of them proved."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from .cost import Cost
from .plan import Plan
from .rows import Row, spread, times
from .turns import say, take_turns
from .worker import apart

ENTRIES = 1_000_000
PROOFS = 500
NOTE = f"""\
{ENTRIES:,} entries under one checkpoint, in a ledger and in an exported folder, in the page cache.
"hashing alone": two SHA-256 for each line of the folder's log, in Python, and nothing else. "from
all entries": one proof made without the nodes that the ledger keeps."""


def measure(plan: Plan) -> list[Row]:
    say(f"custody: making {ENTRIES:,} entries")
    apart("tests.bench.works.custody:make", state=plan.folder, number=ENTRIES)
    rounds = min(plan.pairs, 3)
    verified = take_turns(
        "custody, verify",
        {
            "ledger": partial(_asked, plan.folder, "verify_ledger"),
            "folder": partial(_asked, plan.folder, "verify_exported"),
            "hashing alone": partial(_asked, plan.folder, "plain_hashing"),
        },
        rounds,
    )
    seconds = {name: spread([one.wall for one in found]) for name, found in verified.items()}
    proved = times(
        take_turns(
            "custody, prove",
            {
                "one": partial(_asked, plan.folder, "prove", times=PROOFS),
                "from all entries": partial(_asked, plan.folder, "prove_by_all"),
            },
            rounds,
        )
    )
    plain, all_of_them = "hashing alone", "from all entries"
    return [
        *(
            Row(f"verify, {name}", "s", seconds[name], plain, seconds[plain])
            for name in ("ledger", "folder")
        ),
        Row("prove one entry", "ms", proved["one"], all_of_them, proved[all_of_them]),
    ]


def _asked(folder: Path, verb: str, **options: Any) -> Cost:
    read = apart(f"tests.bench.works.custody:{verb}", state=folder, **options)
    return Cost(read["wall"], read["cpu"])
