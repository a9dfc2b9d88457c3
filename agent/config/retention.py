"""Retention classes that hold where an office names none (article 12: routine footage at least six
months, evidence as long as its case; article 13: long-term)."""

from __future__ import annotations

from collections.abc import Sequence

from agent.config import ROUTINE as ROUTINE
from agent.config import Retained
from agent.errors import UsageError
from agent.model import printable

DEFAULTS = (
    Retained(name=ROUTINE, months=6, label="常规"),
    Retained(name="evidence", until="case", label="证据"),
    Retained(name="long-term", months=120, label="长期"),
    Retained(name="permanent", until="ever", label="永久"),
)


def classes(retention: Sequence[Retained]) -> dict[str, Retained]:
    """The classes by name: those of an office, and what holds where it names none."""
    return {each.name: each for each in retention or DEFAULTS}


def known_class(retention: Sequence[Retained], name: str) -> None:
    """Raises `UsageError` for a class that there is not; an empty name is the routine one."""
    if name and name not in (known := classes(retention)):
        raise UsageError(
            f"there is no retention class {printable(name[:64])!r}",
            do=f"one of: {', '.join(known)}",
        )
