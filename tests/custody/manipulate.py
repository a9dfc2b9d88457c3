"""What somebody may do to a custody log, on its entries as lines.

Each takes a log and a source of chance and gives another log, never the same one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random

from agent.merkle import Growing, leaf_hash

Lines = list[str]
Manipulation = Callable[[Sequence[str], Random], Lines]


def edit(log: Sequence[str], random: Random) -> Lines:
    """One character of one entry."""
    lines, at = list(log), random.randrange(len(log))
    place = random.randrange(len(lines[at]))
    other = random.choice([each for each in "abc019{}" if each != lines[at][place]])
    lines[at] = lines[at][:place] + other + lines[at][place + 1 :]
    return lines


def restate(log: Sequence[str], random: Random) -> Lines:
    """One entry says something else, in good form."""
    lines, at = list(log), random.randrange(len(log))
    parts = json.loads(lines[at])
    key = random.choice(["at", "trust", "who", "kind"])
    parts[key] = {"kind": "contact", "trust": "unknown"}.get(key, "somebody")
    lines[at] = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    return lines


def rewrite(log: Sequence[str], random: Random) -> Lines:
    """The same parts in other bytes."""
    lines, at = list(log), random.randrange(len(log))
    lines[at] = json.dumps(json.loads(lines[at]))
    return lines


def cut_tail(log: Sequence[str], random: Random) -> Lines:
    return list(log[: random.randrange(1, len(log))])


def cut_middle(log: Sequence[str], random: Random) -> Lines:
    start = random.randrange(len(log) - 1)
    end = random.randrange(start + 1, len(log))
    return [*log[:start], *log[end:]]


def reorder(log: Sequence[str], random: Random) -> Lines:
    lines = list(log)
    one, other = random.sample(range(len(log)), 2)
    lines[one], lines[other] = lines[other], lines[one]
    return lines


def duplicate(log: Sequence[str], random: Random) -> Lines:
    at = random.randrange(len(log) - 1)
    return [*log[: at + 1], log[at], *log[at + 1 :]]


def insert(log: Sequence[str], random: Random) -> Lines:
    """An entry more among the others, in good form, of the number of its place."""
    at = random.randrange(len(log))
    parts = json.loads(log[0]) | {"n": at, "who": "somebody"}
    return [*log[:at], json.dumps(parts, separators=(",", ":")), *log[at:]]


def renumbered(log: Sequence[str], random: Random) -> Lines:
    """Cut in the middle, and every number after it put right."""
    lines = cut_middle(log, random)
    return [
        json.dumps(json.loads(each) | {"n": n}, ensure_ascii=False, separators=(",", ":"))
        for n, each in enumerate(lines)
    ]


MANIPULATIONS: list[Manipulation] = [
    edit,
    restate,
    rewrite,
    cut_tail,
    cut_middle,
    reorder,
    duplicate,
    insert,
    renumbered,
]


def nodes_of(log: Sequence[str]) -> list[bytes]:
    """What a ledger would keep with each entry."""
    tree = Growing()
    return [b"".join(tree.add(leaf_hash(each.encode()))) for each in log]


def root_of(log: Sequence[str]) -> bytes:
    tree = Growing()
    for each in log:
        tree.add(leaf_hash(each.encode()))
    return tree.root
