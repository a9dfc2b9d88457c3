"""What the bytes of one field mean: texts, numbers, moments. Pure, and strict about lengths."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from agent.errors import Malformed

Kind: TypeAlias = Literal[
    "text", "decimal", "uint-be", "uint-le", "bcd", "epoch-s", "epoch-ms", "moment"
]
"""`decimal` and `epoch-*` are decimal digits; `bcd` two digits a byte; `moment` is text that one of
the field's forms reads (strptime)."""

Meaning: TypeAlias = str | int | datetime

_MOST_DIGITS = 18


class NotATime(Malformed):
    """A clock that shows no time, as after its battery died."""


def cut_field(data: bytes, at: int, size: int) -> bytes:
    """`size` bytes from `at`. Raises `Malformed` where the reply is too short for them."""
    if len(data) < at + size:
        raise Malformed(f"a reply of {len(data)} bytes, a field ends at {at + size}")
    return data[at : at + size]


def find_in_json(raw: bytes, path: str) -> bytes:
    """The text at `path` (`"body.serial"`) of a JSON object, numbers and truth values as JSON
    writes them. Raises `Malformed` where there is no such thing.
    """
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Malformed("a reply that is no JSON") from error
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    if isinstance(found, str):
        return found.encode("utf-8", "surrogatepass")
    if found is None or isinstance(found, dict | list):
        raise Malformed(f"a reply without {path}")
    return json.dumps(found).encode()


def read_text(raw: bytes, encoding: str, *, lenient: bool = False) -> str:
    """Text up to its first NUL, without spaces around it.

    `lenient`: bytes that are no text become U+FFFD (a name that was cut in mid-character must not
    keep footage from being pulled). Raises `Malformed` otherwise.
    """
    try:
        text = raw.split(b"\0", 1)[0].decode(encoding, "replace" if lenient else "strict")
    except ValueError as error:
        raise Malformed(f"a field that is no {encoding} text") from error
    return text.strip()


def read_number(raw: bytes, kind: Kind) -> int:
    """Raises `Malformed` for what is no number of that kind."""
    if kind == "uint-be":
        return int.from_bytes(raw, "big")
    if kind == "uint-le":
        return int.from_bytes(raw, "little")
    digits = raw.hex().encode() if kind == "bcd" else raw.split(b"\0", 1)[0].strip()
    sign, bare = (digits[:1], digits[1:]) if digits[:1] in (b"+", b"-") else (b"", digits)
    if not bare.isdigit() or len(bare) > _MOST_DIGITS:
        raise Malformed(f"a field of {len(raw)} bytes that is no number")
    return int(sign + bare)


def read_moment(raw: bytes, kind: Kind, forms: list[str]) -> datetime:
    """Aware (UTC) from an epoch, naive from text. Raises `NotATime`, and `Malformed` for an epoch
    that is no number.
    """
    if kind != "moment":
        return _from_epoch(read_number(raw, "decimal"), 1000 if kind == "epoch-ms" else 1)
    text = read_text(raw, "latin-1")
    for form in forms:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 the recorder names no zone
        except ValueError:
            continue
    raise NotATime("a clock that shows no time")


def _from_epoch(count: int, parts: int) -> datetime:
    try:
        return datetime.fromtimestamp(count / parts, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise NotATime("a clock that shows no time") from error


def read_field(
    raw: bytes, kind: Kind, *, encoding: str, forms: list[str], lenient: bool = False
) -> Meaning:
    """One field by its kind. Raises `Malformed`."""
    if kind == "text":
        return read_text(raw, encoding, lenient=lenient)
    if kind in ("moment", "epoch-s", "epoch-ms"):
        return read_moment(raw, kind, forms)
    return read_number(raw, kind)
