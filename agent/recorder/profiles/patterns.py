"""Regular expressions that a profile runs over what a recorder says, in bounded time. Pure.

Python's `re` tries every way in which a text may fit; a pattern such as `(a+)+b` has billions of
ways for thirty characters, and a recorder chooses the characters. So only patterns are taken whose
ways can be counted when the profile is loaded: no repeated groups, no looking around, no
references; and a repetition costs nothing where the character after it shows where it ends
(`[^_]+_`), but as many ways as a text has characters where it does not (`.*_`). What is counted
is an upper bound of what `re` tries, and every text is cut to `TEXT_LIMIT` before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

TEXT_LIMIT = 255
"""Characters of a device's text that a pattern sees; a name of more fits no pattern."""
MOST_WAYS = 1024
_DEPTH = 16
_FLAGS = re.ASCII | re.IGNORECASE

_PIECE = re.compile(
    r"(?P<open>\((?:\?:|\?P<[a-z_]+>)?)|(?P<close>\))|(?P<bar>\|)"
    r"|(?P<atom>\\[dwsDWS]|\\[^\w\s]|\[\^?\]?(?:\\[^\n]|[^\]\\\[])*\]|[^\\()\[\]{}*+?|^$])"
)
_REPEAT = re.compile(r"(?:(?P<sign>[*+?])|\{(?P<low>\d{1,3})(?P<comma>,(?P<high>\d{0,3}))?\})\??")
_SETS = re.compile(r"--|&&|~~|\|\|")

Chars: TypeAlias = frozenset[str]
_END: Chars = frozenset({""})


def check_pattern(text: str) -> None:
    """Raise ValueError, in words for the profile's author, where `text` is no pattern for here."""
    body = text.removeprefix("(?i)").removeprefix("^")
    body = body[:-1] if body.endswith("$") and not body.endswith(r"\$") else body
    tree = _Parser(body).parse()
    try:
        re.compile(text, _FLAGS)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    _, ways = _alternatives(tree, _END, optional=False)
    if ways > MOST_WAYS:
        raise ValueError(
            "this pattern can fit in too many ways, and a recorder could make the dock try them "
            'all; end a repetition by a character that is not in it, "[^_]+_" instead of ".*_"'
        )


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, _FLAGS)


def fits(pattern: str, text: str) -> re.Match[str] | None:
    """Where the whole of `text` fits. Case does not count; `\\d`, `\\w`, `\\s` are ASCII's."""
    return _compiled(pattern).fullmatch(text) if len(text) <= TEXT_LIMIT else None


def finds(pattern: str, text: str) -> bool:
    """Whether the pattern fits somewhere in `text`."""
    return _compiled(pattern).search(text[:TEXT_LIMIT]) is not None


@dataclass(frozen=True, slots=True)
class _Atom:
    """One character, `low` to `high` times."""

    chars: Chars
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class _Group:
    branches: list[list[_Atom | _Group]]
    optional: bool


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        # Every set is a union of ASCII, of ranges between these characters, and of all the rest.
        others = {char for char in text if char > "\x7f"} | {"\x80", "\U0010ffff"}
        self._alphabet = "".join(map(chr, range(128))) + "".join(sorted(others))

    def parse(self) -> list[list[_Atom | _Group]]:
        branches = self._branches(0)
        if self._at < len(self._text):
            raise ValueError('no regular expression: a ")" too many')
        return branches

    def _branches(self, depth: int) -> list[list[_Atom | _Group]]:
        if depth > _DEPTH:
            raise ValueError(f"groups in more than {_DEPTH} groups")
        branches: list[list[_Atom | _Group]] = [[]]
        while self._at < len(self._text):
            piece = _PIECE.match(self._text, self._at)
            if piece is None:
                raise ValueError(
                    f"{self._text[self._at : self._at + 4]!r} cannot be used in a pattern here; "
                    "README.md says what can"
                )
            if piece["close"]:
                break
            self._at = piece.end()
            if piece["bar"]:
                branches.append([])
            elif piece["open"]:
                branches[-1].append(self._group(depth))
            else:
                branches[-1].append(self._atom(piece["atom"]))
        return branches

    def _group(self, depth: int) -> _Group:
        branches = self._branches(depth + 1)
        if self._at >= len(self._text):
            raise ValueError('no regular expression: a "(" is not closed')
        self._at += 1
        low, high = self._repeat()
        if high > 1:
            raise ValueError('a group cannot be repeated, only be left out: "(...)?"')
        return _Group(branches, optional=low == 0)

    def _atom(self, atom: str) -> _Atom:
        if atom.startswith("[") and _SETS.search(atom):
            raise ValueError(f"{atom} looks like a set operation, which Python has not")
        try:
            chars = frozenset(re.findall(atom, self._alphabet, _FLAGS))
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from error
        return _Atom(chars, *self._repeat())

    def _repeat(self) -> tuple[int, int]:
        found = _REPEAT.match(self._text, self._at)
        if found is None:
            return 1, 1
        self._at = found.end()
        if found["sign"]:
            return {"*": (0, TEXT_LIMIT), "+": (1, TEXT_LIMIT), "?": (0, 1)}[found["sign"]]
        low = int(found["low"])
        return low, int(found["high"] or TEXT_LIMIT) if found["comma"] else low


def _alternatives(
    branches: list[list[_Atom | _Group]], follow: Chars, *, optional: bool
) -> tuple[Chars, int]:
    """What can come first, and in how many ways it can go on; `follow` comes behind."""
    found = [_sequence(branch, follow) for branch in branches]
    if optional:
        found.append((follow, 1))
    firsts = sorted((first for first, _ in found), key=len)
    decided = sum(map(len, firsts)) == len(frozenset().union(*firsts))
    ways = [ways for _, ways in found]
    return frozenset().union(*firsts), max(ways) if decided else sum(ways)


def _sequence(parts: list[_Atom | _Group], follow: Chars) -> tuple[Chars, int]:
    ways = 1
    for part in reversed(parts):
        if isinstance(part, _Group):
            first, more = _alternatives(part.branches, follow, optional=part.optional)
        else:
            first = part.chars | follow if part.low == 0 else part.chars
            more = 1 if part.chars.isdisjoint(follow) else max(1, part.high - part.low + 1)
        follow, ways = first, ways * more
    return follow, ways
