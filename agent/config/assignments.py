"""A CSV file of who had which recorder from when to when, as a duty office exports it.

Columns, in any order, named in the first line: `serial`, `officer` (a number), `officer_name`,
`unit`, `from`, `until`; and where the office knows them `party`, `cause`, `case_number`. UTF-8
with or without a byte order mark, or GB18030; commas, semicolons or tabs between.

A moment is `2026-08-04T08:00:00+08:00`, or without its offset in the dock's zone, also as
`2026-08-04 08:00` or `2026/8/4 8:00`. A date alone is that whole day, in `until` too; an empty
`until` has not come yet. An assignment holds from `from` on and before `until`. No recorder has two
at a time. One fault, and the whole file is refused: half a duty roster says wrong things of people.
"""

from __future__ import annotations

import csv
import os
import re
import stat
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from io import StringIO
from itertools import pairwise
from pathlib import Path

from agent.errors import ConfigError, NotPermitted
from agent.model import printable

FILE_LIMIT = 64 * 1024 * 1024
FIELD_LIMIT = 255
"""Characters."""
FAULTS_TOLD = 50
NEEDED = ("serial", "officer", "officer_name", "unit", "from", "until")
OPTIONAL = ("party", "cause", "case_number")
_MOMENT = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})"
    r"(?:[T ]+(\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d{1,6})?)?\s*(Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One line: a recorder in somebody's hands from `begins` on and before `ends` (UTC), for ever
    where that is None."""

    line: int
    serial: str
    officer: str
    officer_name: str
    unit: str
    begins: datetime
    ends: datetime | None
    party: str = ""
    cause: str = ""
    case_number: str = ""

    def overlaps(self, earliest: datetime, latest: datetime) -> bool:
        """Whether it held at some moment between both, both included."""
        return self.begins <= latest and (self.ends is None or earliest < self.ends)


class Assignments:
    """A whole file's. Those of one recorder do not overlap each other."""

    def __init__(self, lines: Sequence[Assignment]) -> None:
        self._of: dict[str, list[Assignment]] = {}
        for each in sorted(lines, key=lambda one: one.begins):
            self._of.setdefault(each.serial, []).append(each)

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def __iter__(self) -> Iterator[Assignment]:
        """By recorder, each in order of time."""
        return (each for serial in sorted(self._of) for each in self._of[serial])

    def during(self, serial: str, earliest: datetime, latest: datetime) -> list[Assignment]:
        """Those of a recorder that held at some moment between both."""
        mine = self._of.get(serial, [])
        last = bisect_right(mine, latest, key=lambda one: one.begins)
        first = max(0, bisect_right(mine, earliest, key=lambda one: one.begins) - 1)
        return [each for each in mine[first:last] if each.overlaps(earliest, latest)]

    def twice(self) -> Iterator[tuple[Assignment, Assignment]]:
        """Two of one recorder that overlap, the earlier first."""
        for mine in self._of.values():
            for one, next_one in pairwise(mine):
                if one.ends is None or next_one.begins < one.ends:
                    yield one, next_one


def read_assignments(path: Path, zone: tzinfo | None) -> Assignments:
    """All of the file; `zone` is where moments without an offset belong, None for this machine's.

    Raises `ConfigError` with a line `file:line: reason` for each fault, `NotPermitted`.
    """
    lines: list[Assignment] = []
    faults: list[tuple[int, str]] = []
    for number, row in _rows(path):
        try:
            lines.append(_assignment(number, row, zone))
        except ValueError as error:
            faults.append((number, str(error)))
    found = Assignments(lines)
    for one, other in found.twice():
        first, second = sorted((one, other), key=lambda each: each.line)
        faults.append((second.line, f"recorder {second.serial} has one already in {first.line}"))
    if faults:
        raise ConfigError("\n".join(_told(path, sorted(faults))))
    return found


def _told(path: Path, faults: Sequence[tuple[int, str]]) -> Iterator[str]:
    for line, words in faults[:FAULTS_TOLD]:
        yield printable(f"{path}:{line}: {words}")
    if len(faults) > FAULTS_TOLD:
        yield f"{path}: and {len(faults) - FAULTS_TOLD} more"


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Each filled row with its line."""
    text = _text(path, _bytes(path))
    header = text.partition("\n")[0]
    reader = csv.reader(StringIO(text), delimiter=max(",;\t", key=header.count), strict=True)
    names: list[str] = []
    try:
        for row in reader:
            if not names:
                names = _header(path, row)
            elif len(row) > len(names) and any(row[len(names) :]):
                raise ConfigError(f"{path}:{reader.line_num}: more fields than the header names")
            elif any(each.strip() for each in row):
                fields = (each.strip() for each in row)
                yield reader.line_num, dict(zip(names, fields, strict=False))
    except csv.Error as error:
        raise ConfigError(f"{path}:{reader.line_num}: {printable(str(error))}") from error
    if not names:
        raise ConfigError(f"{path}:1: is empty; its first line names the columns")


def _header(path: Path, row: Sequence[str]) -> list[str]:
    names = [each.strip().lower() for each in row]
    while names and not names[-1]:  # a table program's empty columns
        names.pop()
    known = {*NEEDED, *OPTIONAL}
    wrong = [f"unknown column {each!r}" for each in names if each not in known]
    wrong += [f"column {each} is missing" for each in NEEDED if each not in names]
    wrong += [f"column {each} is there twice" for each in sorted(known) if names.count(each) > 1]
    if wrong:
        raise ConfigError(printable(f"{path}:1: {'; '.join(wrong[:8])}"))
    return names


def _assignment(line: int, row: Mapping[str, str], zone: tzinfo | None) -> Assignment:
    """Raises ValueError in words."""
    for name, value in row.items():
        if len(value) > FIELD_LIMIT:
            raise ValueError(f"{name} is longer than {FIELD_LIMIT} characters")
    if not row.get("serial"):
        raise ValueError("serial is empty")
    if not any(row.get(name) for name in ("officer", "officer_name", "unit")):
        raise ValueError("names neither an officer nor a unit")
    begins = moment("from", row.get("from", ""), zone)
    until = row.get("until", "")
    ends = moment("until", until, zone, end=True) if until else None
    if ends is not None and ends <= begins:
        raise ValueError("until is not after from")
    texts = {name: row.get(name, "") for name in (*NEEDED[:4], *OPTIONAL)}
    return Assignment(line=line, **texts, begins=begins, ends=ends)


def moment(name: str, text: str, zone: tzinfo | None, *, end: bool = False) -> datetime:
    """A moment as such files write it; a date alone is its beginning, or with `end` its end.

    Raises ValueError in words that begin with `name`.
    """
    if not (match := _MOMENT.fullmatch(text)):
        raise ValueError(f"{name} {text!r} is no moment such as 2026-08-04 08:00")
    year, month, day, hour, minute, second = (int(each or 0) for each in match.groups()[:6])
    try:
        local = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001, its zone follows
        if end and match[4] is None:
            local += timedelta(days=1)
        return _in_utc(local, match[7], zone)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"{name} {text!r}: {error}") from error


def _in_utc(local: datetime, offset: str | None, zone: tzinfo | None) -> datetime:
    if offset:
        return datetime.fromisoformat(f"{local.isoformat()}{offset}").astimezone(UTC)
    first, second = (
        (local.replace(fold=fold, tzinfo=zone) if zone else local.replace(fold=fold)).astimezone(
            UTC
        )
        for fold in (0, 1)
    )
    if first != second:
        raise ValueError("the clock shows it twice or never that day; write its offset")
    return first


def _bytes(path: Path) -> bytes:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(f"{path}: is no regular file")
            raw = file.read(FILE_LIMIT + 1)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file", do="[cases] assignments names it") from error
    except PermissionError as error:
        raise NotPermitted(f"{path}: may not be read by this user") from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    if len(raw) > FILE_LIMIT:
        raise ConfigError(f"{path}: longer than {FILE_LIMIT} bytes")
    return raw


def _text(path: Path, raw: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            raise ConfigError(f"{path}: holds NUL; save it as UTF-8, not UTF-16")
        return text
    raise ConfigError(f"{path}: is neither UTF-8 nor GB18030 text")
