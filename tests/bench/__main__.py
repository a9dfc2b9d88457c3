"""`python -m tests.bench`: run the parts that are asked for, print their rows, judge nothing."""

from __future__ import annotations

import argparse
import importlib
import json
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from secrets import randbelow
from typing import Any

from agent.config.fields import parse_size
from agent.errors import BodydockError

from . import machine
from .cost import Failed
from .plan import Plan
from .rows import Row, table
from .turns import say

PARTS = ("hash", "ledger", "custody", "pull", "sealed", "serial", "uplink", "memory", "start")
COPIES = 6
"""Times `--size` that must be free: the footage, spools and archives, and what is being deleted."""
CROWD_BYTES = 4 * 2**30
"""And this for ledgers with a million clips."""


def main() -> int:
    """0 whatever the figures are; 1 where a part could not be measured at all."""
    options = _options()
    seed = randbelow(2**32) if options.seed is None else options.seed
    options.folder.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bodydock-bench-", dir=options.folder)).resolve()
    try:
        _insist_on_room(folder, options.size)
        asked = {"size": f"{options.size} bytes", "pairs": str(options.pairs), "seed": str(seed)}
        facts = machine.header(folder) | asked
        for name, value in facts.items():
            print(f"{name + ':':13}{value}")
        plan = Plan(folder, options.size, options.pairs, seed)
        results = [_part(name, plan) for name in options.parts or PARTS]
        print(f"\nload at the end: {machine.load()}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        document = {"machine": facts, "load at the end": machine.load(), "parts": results}
        options.json.write_text(json.dumps(document, indent=1, ensure_ascii=False), "utf-8")
    return 1 if any("failed" in result for result in results) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="part", choices=[*PARTS, []], help=", ".join(PARTS)
    )
    parser.add_argument("--size", type=_size, default="512MiB", help="how much footage (512MiB)")
    parser.add_argument("--pairs", type=_count, default=7, help="rounds of everything (7)")
    parser.add_argument("--seed", type=int, help="which footage; default: a new one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures, for machines")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("/var/tmp"),  # noqa: S108 - a folder of our own is made in it
        help="where to work: on the disk that is meant (/var/tmp)",
    )
    return parser.parse_args()


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("a whole number from 1")
    return int(text)


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _insist_on_room(folder: Path, size: int) -> None:
    free, need = shutil.disk_usage(folder).free, COPIES * size + CROWD_BYTES
    if free < need:
        sys.exit(f"{folder} has {free} bytes free, {need} are needed: smaller --size, or --folder")


def _part(name: str, plan: Plan) -> dict[str, Any]:
    module = importlib.import_module(f"{__package__}.{name}")
    own = replace(plan, folder=plan.folder / name)
    own.folder.mkdir()
    began = time.monotonic()
    try:
        rows: list[Row] = module.measure(own)
    except (Failed, BodydockError, OSError) as error:
        say("")
        print(f"\n== {name}: could not be measured: {error}", flush=True)
        return {"part": name, "failed": str(error)}
    finally:
        shutil.rmtree(own.folder)
    seconds = time.monotonic() - began
    say("")
    print(f"\n== {name} ({seconds:.0f} s)\n{module.NOTE}\n\n{table(rows)}", flush=True)
    documents = [row.document() for row in rows]
    return {"part": name, "seconds": round(seconds, 1), "note": module.NOTE, "rows": documents}


if __name__ == "__main__":
    sys.exit(main())
