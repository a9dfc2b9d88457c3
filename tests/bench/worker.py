"""A piece of our own work in a process of its own, so that it pays for itself alone.

    python -m tests.bench.worker tests.bench.works.pull:pull '{"source": …}'

The function gets the JSON object as its arguments and returns what json can write.
"""

from __future__ import annotations

import importlib
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from hwsim.leash import leashed

from .cost import Failed

ROOT = Path(__file__).resolve().parents[2]


def apart(work: str, **options: Any) -> Any:
    """Call `work` ("module:function") in a process of its own. Raises `Failed`."""
    command = [sys.executable, "-m", __name__, work, json.dumps(options, default=str)]
    done = subprocess.run(
        leashed(command), cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip()[-2000:]
        raise Failed(f"{work} ended with {done.returncode}: {words}")
    return json.loads(done.stdout)


class Stopwatch:
    """Wall time and CPU seconds of this process from when it is made."""

    def __init__(self) -> None:
        self._cpu = _own_cpu()
        self._began = time.perf_counter()

    def read(self) -> dict[str, float]:
        return {"wall": time.perf_counter() - self._began, "cpu": _own_cpu() - self._cpu}


def _own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    module, _, name = sys.argv[1].partition(":")
    function = getattr(importlib.import_module(module), name)
    json.dump(function(**json.loads(sys.argv[2])), sys.stdout)


if __name__ == "__main__":
    main()
