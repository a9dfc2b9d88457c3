"""Run a module that is killed at a given call of a given function, at the moment it is in.

    python -m tests.campaign.doomed agent.spool.intake:Intake.finish 2 0.013 MODULE [ARGUMENT…]

A moment after the second call of `Intake.finish` began, the process gets SIGKILL: the call is cut
somewhere in the middle, or has just ended.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from itertools import count
from typing import Any


@dataclass(frozen=True, slots=True)
class Doom:
    """`where` is `module:Class.method`; `nth` counts its calls from 1; `after` is in seconds."""

    where: str
    nth: int
    after: float

    def before(self, module: str, *arguments: str) -> tuple[str, ...]:
        """The module and arguments that run `module` under this doom."""
        doom = (self.where, str(self.nth), f"{self.after:.6f}")
        return "tests.campaign.doomed", *doom, module, *arguments


def hang_over(doom: Doom) -> None:
    """From here on, the nth call is the last one that is seen to begin."""
    module, _, path = doom.where.partition(":")
    *outer, name = path.split(".")
    owner: Any = import_module(module)
    for each in outer:
        owner = getattr(owner, each)
    original = getattr(owner, name)
    calls = count(1)

    @wraps(original)
    def counted(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == doom.nth:
            threading.Thread(target=_strike, args=(doom.after,), daemon=True).start()
        return original(*args, **kwargs)

    setattr(owner, name, counted)


def _strike(after: float) -> None:
    time.sleep(after)
    os.kill(os.getpid(), signal.SIGKILL)


def main(where: str, nth: str, after: str, module: str, *arguments: str) -> None:
    hang_over(Doom(where, int(nth), float(after)))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
