"""PTP date and time strings (PIMA 15740 clause 5.3.5): `YYYYMMDDThhmmss.s`, then maybe a zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from agent.errors import Malformed

_MOMENT = re.compile(
    r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d{4})?\Z", re.ASCII
)


def decode_moment(text: str) -> datetime:
    """A moment: naive where the text names no zone. Raises `Malformed` for what is none."""
    match = _MOMENT.match(text)
    if not match:
        raise Malformed(f"date and time: {text[:40]!r}")
    *numbers, fraction, zone = match.groups()
    year, month, day, hour, minute, second = map(int, numbers)
    micro = int((fraction or "").ljust(6, "0"))
    try:
        return datetime(year, month, day, hour, minute, second, micro, _zone(zone))
    except ValueError as error:
        raise Malformed(f"date and time: {text[:40]!r}: {error}") from error


def _zone(text: str | None) -> timezone | None:
    if text is None or text == "Z":
        return UTC if text else None
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[3:]))
    return timezone(-offset if text[0] == "-" else offset)


def encode_moment(moment: datetime) -> str:
    """To the second; with a zone if the moment has one.

    The fraction is left out: cameras take a time without one, not all take one with it.
    """
    text = f"{moment:%Y%m%dT%H%M%S}".rjust(15, "0")
    if moment.tzinfo is None:
        return text
    return text + ("Z" if moment.utcoffset() == timedelta() else f"{moment:%z}"[:5])
