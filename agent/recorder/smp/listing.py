"""The list of clips that an SMP recorder keeps as a text file: one path a line. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.errors import RecorderMisbehaved
from agent.recorder.footage import PATH_LIMIT

LIST_LIMIT = 4 * 1024 * 1024
"""Bytes of the list."""
LINE_LIMIT = 50_000
"""Files that it may name."""


@dataclass(frozen=True, slots=True)
class Line:
    """`path` as the recorder wants to hear it; `recorded` in its own words, empty for none."""

    path: str
    recorded: str


def iter_lines(text: bytes) -> Iterator[Line]:
    """Every file that the list names, once. Raises `RecorderMisbehaved` for what cannot be a list.

    A line is a path, and where a tab follows the time of the recording. Empty lines say nothing.
    """
    try:
        lines = text.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise RecorderMisbehaved("the list of clips is no UTF-8 text") from error
    named = dict.fromkeys(line for line in lines if line.strip())
    if len(named) > LINE_LIMIT:
        raise RecorderMisbehaved(f"the list of clips names {len(named)} files")
    for line in named:
        path, _, recorded = line.partition("\t")
        if len(path) > PATH_LIMIT:
            raise RecorderMisbehaved(f"the list of clips has a path of {len(path)} characters")
        yield Line(path.strip(), recorded.strip())
