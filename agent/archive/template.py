"""How a clip is named in the folders for people: a template over what is known of it. Pure.

`{unit}/{officer}/{date}/{name}` gives `Patrol 2/100201/2026-08-04/20260804-100203.mp4`. Whatever
recorders, docks and people wrote, a value is one harmless part of a path: it can neither leave its
folder nor hide, and can be copied to any file system.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import PurePosixPath

from agent.archive.records import ClipRow
from agent.clock import from_text
from agent.errors import ConfigError
from agent.model import CaseData

FIELDS = {
    "unit": "unknown unit",
    "officer": "unknown officer",
    "officer_name": "unknown officer",
    "date": "unknown date",
    "time": "unknown time",
    "name": "clip",
    "recorder": "unknown recorder",
    "party": "unknown party",
    "cause": "unknown cause",
    "case": "no case",
    "business": "no business",
    "business_part": "no business",
    "class": "no class",
    "dock": "unknown dock",
    "file": "clip",
    "clip": "clip",
}
"""What a template may name, and the word where nothing is known of it."""
PART_BYTES = 200
"""Of one part of a path; a number, an extension and `.age` still fit a name of 255."""
PARTS_LIMIT = 12
_FORBIDDEN = frozenset('/\\:*?"<>|')
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories: control, format (bidi marks too), surrogates, unassigned, line ends."""
_RESERVED = re.compile(
    r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)\s*(\.|\Z)", re.I
)
"""Names that are devices on Windows, whatever follows their first dot."""
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,10}\Z")


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was found good; each part is literals and fields in turn."""

    text: str
    parts: tuple[tuple[tuple[str, str], ...], ...]

    @staticmethod
    def parse(text: str) -> Template:
        """Raises `ConfigError` for what is no template."""
        parts = text.split("/")
        if not 1 <= len(parts) <= PARTS_LIMIT or not all(part.strip() for part in parts):
            raise ConfigError(
                f"[archive] tree: {text!r} is not 1 to {PARTS_LIMIT} names with / between them"
            )
        return Template(text, tuple(_pieces(part) for part in parts))

    def folders(self, facts: Mapping[str, str]) -> tuple[str, ...]:
        """The path for a clip of these facts, part by part, the last without an extension."""
        return tuple(_filled(pieces, facts) for pieces in self.parts)


def facts_of(row: ClipRow, case: CaseData | None, keep: str) -> dict[str, str]:
    """What is known of one delivery, by the names of `FIELDS`. `keep` is its retention class."""
    case = case or CaseData()
    file = PurePosixPath(row.path.replace("\\", "/")).name
    moment = _moment(case.used_from or row.earliest or "", row.zone_offset or 0.0)
    return {
        "unit": case.unit or row.recorder_unit or "",
        "officer": case.officer or row.named_officer or row.recorder_officer or "",
        "officer_name": case.officer_name,
        "date": f"{moment:%Y-%m-%d}" if moment else "",
        "time": f"{moment:%H%M%S}" if moment else "",
        "name": _bare(case.name or file, extension(row.path)),
        "recorder": row.recorder_serial,
        "party": case.party,
        "cause": case.cause,
        "case": case.case_number,
        "business": case.business,
        "business_part": case.business_part,
        "class": keep,
        "dock": row.dock,
        "file": file.removesuffix(extension(row.path)),
        "clip": row.clip[:12],
    }


def extension(path: str) -> str:
    """The recorder's own, with its dot, where it is a plain one; else empty."""
    found = _EXTENSION.search(path)
    return found[0] if found else ""


def _bare(name: str, ending: str) -> str:
    """Without its extension in either case, which the link gets anyway."""
    return name[: -len(ending)] if ending and name.lower().endswith(ending.lower()) else name


def safe_part(text: str, limit: int = PART_BYTES) -> str:
    """One part of a path that is nothing else on any file system; empty where nothing is left."""
    plain = unicodedata.normalize("NFC", text)
    marked = "".join(_safe_letter(letter) for letter in plain)
    clean = _trimmed(" ".join(marked.split()), limit)
    return _trimmed(f"_{clean}", limit) if _RESERVED.match(clean) else clean


def _trimmed(text: str, limit: int) -> str:
    """Without dots and blanks at both ends, and no longer than `limit` bytes."""
    short = text.strip(". ").encode("utf-8")[:limit].decode("utf-8", "ignore")
    return short.rstrip(". ")


def _safe_letter(letter: str) -> str:
    if unicodedata.category(letter) == "Zs" or letter in "\t\n\r":
        return " "
    unsafe = letter in _FORBIDDEN or unicodedata.category(letter) in _UNSEEN
    return "_" if unsafe else letter


def _pieces(part: str) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    try:
        for literal, name, form, conversion in string.Formatter().parse(part):
            if (name is not None and name not in FIELDS) or form or conversion:
                known = ", ".join(FIELDS)
                raise ConfigError(f"[archive] tree: {{{name}}} is none of {known}")
            found.append((literal, name or ""))
    except ValueError as error:
        raise ConfigError(f"[archive] tree: {part!r}: {error}") from error
    return tuple(found)


def _filled(pieces: tuple[tuple[str, str], ...], facts: Mapping[str, str]) -> str:
    whole = ""
    for literal, name in pieces:
        value = safe_part(facts.get(name, "")) if name else ""
        whole += literal + (value or FIELDS.get(name, ""))
    return safe_part(whole) or "_"


def _moment(text: str, offset: float) -> datetime | None:
    """A moment in the zone where the clip was recorded, None where it is none."""
    try:
        return from_text(text).astimezone(timezone(timedelta(seconds=offset)))
    except (ValueError, OverflowError):
        return None
