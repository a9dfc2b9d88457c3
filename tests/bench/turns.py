"""Who is compared takes turns: A B C, B C A, C A B … so that no place in the row is a favour."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

from .cost import Cost

Side = Callable[[], Cost]


def take_turns(part: str, sides: Mapping[str, Side], pairs: int) -> dict[str, list[Cost]]:
    """`pairs` rounds in which each side works once; the costs of each, in order of the rounds.

    Before each turn everything dirty is written out, so that nobody pays for another's writing.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in sides}
    names = list(sides)
    for number in range(pairs):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            say(f"{part}: {number + 1} of {pairs}, {name}")
            os.sync()
            costs[name].append(sides[name]())
    return costs


def say(text: str) -> None:
    """Where we are, for a person who waits; the result does not contain it."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
