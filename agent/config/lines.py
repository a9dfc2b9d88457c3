"""On which line of a TOML text each table and key stands."""

from __future__ import annotations

import re
from typing import Any

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?")
_KEY = re.compile(r"\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*[A-Za-z0-9_-]+)*)\s*=")
_TOKEN = re.compile(r'"""|\'\'\'|"(?:\\.|[^"\\])*"|\'[^\']*\'|#.*|[\[{\]}]')

Where = tuple[Any, ...]


def key_lines(text: str) -> dict[Where, int]:
    """The line of each table and key: `{("spool", "quota"): 12, ("bay", 0, "port"): 20}`."""
    found: dict[Where, int] = {}
    table: Where = ()
    counts: dict[Where, int] = {}
    value = _Value()
    for number, line in enumerate(text.split("\n"), 1):
        if not value.goes_on:
            if header := _HEADER.match(line):
                table = _table(_parts(header[2]), counts, is_item=header[1] == "[[")
                found.setdefault(table, number)
                if header[1] == "[[":
                    found.setdefault(table[:-1], number)  # the list begins with its first item
                continue
            if key := _KEY.match(line):
                found.setdefault((*table, *_parts(key[1])), number)
        value.feed(line)
    return found


class _Value:
    """Whether a value goes on over the end of a line: in brackets, or in a text of many lines."""

    def __init__(self) -> None:
        self._depth = 0
        self._quote = ""

    @property
    def goes_on(self) -> bool:
        return self._depth > 0 or self._quote != ""

    def feed(self, line: str) -> None:
        at = 0
        while at < len(line):
            if self._quote:
                end = line.find(self._quote, at)
                if end < 0:
                    return
                self._quote, at = "", end + 3
            token = _TOKEN.search(line, at)
            if token is None:
                return
            self._take(token[0])
            at = token.end()

    def _take(self, mark: str) -> None:
        if mark in ('"""', "'''"):
            self._quote = mark
        elif mark in "[{":
            self._depth += 1
        elif mark in "]}":
            self._depth = max(0, self._depth - 1)


def _table(parts: tuple[str, ...], counts: dict[Where, int], *, is_item: bool) -> Where:
    """Where a header leads; each `[[list]]` on its way means that list's newest item."""
    where: Where = ()
    for part in parts[:-1]:
        where = (*where, part)
        where = (*where, counts[where]) if where in counts else where
    where = (*where, parts[-1])
    if is_item:
        counts[where] = counts.get(where, -1) + 1
    return (*where, counts[where]) if where in counts else where


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
