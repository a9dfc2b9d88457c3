"""What a file's name tells: whose recorder, worn by whom, when in its own time, marked. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.recorder.profiles.model import NAME_GROUPS, NameForm
from agent.recorder.profiles.patterns import fits


@dataclass(frozen=True, slots=True)
class NameParts:
    """What one name tells; empty and None where it says nothing, or nothing possible.

    `local` is naive: the recorder's own time, in whole seconds.
    """

    device: str = ""
    officer: str = ""
    local: datetime | None = None
    marked: bool = False


def split(name: str, forms: Sequence[NameForm]) -> NameParts | None:
    """The parts of a file's name (no folders) by the first form that fits; None where none does.

    Never raises: names come from recorders.
    """
    for form in forms:
        if found := fits(form.pattern, name):
            return _parts(found, form)
    return None


def _parts(found: re.Match[str], form: NameForm) -> NameParts:
    groups = found.groupdict()
    device, officer, date, time, mark = (groups.get(group) or "" for group in NAME_GROUPS)
    marks = {each.casefold() for each in form.marks}
    local = _moment(date, form.date, time, form.time)
    return NameParts(_text(device), _text(officer), local, mark.casefold() in marks)


def _moment(date: str, date_form: str, time: str, time_form: str) -> datetime | None:
    """None where it is no moment: a 31st of February, digits of another script."""
    if not (date and time and (date + time).isascii()):
        return None
    try:
        return datetime.strptime(f"{date} {time}", f"{date_form} {time_form}")  # noqa: DTZ007 - recorders name no zone
    except ValueError:
        return None


def _text(part: str) -> str:
    """Empty for half characters (lone surrogates), which no database takes."""
    return "" if any("\ud800" <= char <= "\udfff" for char in part) else part
