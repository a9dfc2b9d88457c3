"""Requests as templates: literal text or hex digits, with slots that are filled in.

    "BC+LOGIN=<user>:<password>\\r\\n"
    "hex:a1b2c3d400 e1 00 10 00 <password:6>"

A slot is `<name>` or `<name:form>`. What a form may be depends on the value: bytes take a fixed
width (padded with NUL) or `len` (their length, as decimal digits); numbers take `be2`, `le4`,
`u1`, `bcd2` (order and bytes) or nothing (decimal digits); a moment takes what strftime takes.
`<zeros:N>`, `<cr>`, `<lf>` and `<crlf>` need no value. Pure: bytes come out, nothing is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from agent.errors import Malformed

HEX = "hex:"
LONGEST = 2048
"""Bytes in one request; every known family stays far below."""

Value: TypeAlias = bytes | int | datetime

CONSTANTS = {"cr": b"\r", "lf": b"\n", "crlf": b"\r\n"}
_SLOT = re.compile(r"<([a-z][a-z_-]*)(?::([^<>]{1,40}))?>")
_NUMBER = re.compile(r"(be|le|u|bcd)([1-8])\Z")


@dataclass(frozen=True, slots=True)
class Slot:
    name: str
    form: str


@dataclass(frozen=True, slots=True)
class Template:
    """A request, cut into its literal bytes and its slots."""

    parts: tuple[bytes | Slot, ...]

    @property
    def slots(self) -> frozenset[str]:
        """The names whose values it needs."""
        return frozenset(part.name for part in self.parts if isinstance(part, Slot))


def parse_template(text: str) -> Template:
    """Raises ValueError for hex digits that are none, for text that is not ASCII, and for a
    constant's form that makes no sense.
    """
    literal = _hex_bytes if text.startswith(HEX) else _text_bytes
    text = text.removeprefix(HEX)
    parts: list[bytes | Slot] = []
    end = 0
    for found in _SLOT.finditer(text):
        parts.append(literal(text[end : found.start()]))
        parts.append(_slot(found[1], found[2] or ""))
        end = found.end()
    parts.append(literal(text[end:]))
    return Template(tuple(part for part in parts if part))


def fill(template: Template, values: Mapping[str, Value]) -> bytes:
    """The request's bytes. Raises `Malformed` for a value that its slot cannot carry, such as a
    password longer than the field; the value itself is never in the message.
    """
    filled = b"".join(
        _filled(part, values) if isinstance(part, Slot) else part for part in template.parts
    )
    if len(filled) > LONGEST:
        raise Malformed(f"a request of {len(filled)} bytes, {LONGEST} are the most")
    return filled


def _text_bytes(text: str) -> bytes:
    if not text.isascii():
        raise ValueError("a request's literal text is ASCII; the rest belongs into slots")
    return text.encode()


def _hex_bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise ValueError(f"{text.strip()!r} are no hex digits, two a byte") from error


def _slot(name: str, form: str) -> bytes | Slot:
    if name in CONSTANTS:
        if form:
            raise ValueError(f"<{name}> takes no form")
        return CONSTANTS[name]
    if name == "zeros":
        if not form.isdecimal() or not 1 <= int(form) <= LONGEST:
            raise ValueError("<zeros:N> stands for N zero bytes")
        return bytes(int(form))
    return Slot(name, form)


def _filled(slot: Slot, values: Mapping[str, Value]) -> bytes:
    value = values.get(slot.name)
    if value is None:
        raise Malformed(f"there is nothing to put into <{slot.name}>")
    if isinstance(value, bytes):
        return _bytes(slot, value)
    if isinstance(value, datetime):
        return value.strftime(slot.form).encode()
    return _number(slot, value)


def _bytes(slot: Slot, value: bytes) -> bytes:
    if slot.form == "len":
        return str(len(value)).encode()
    if not slot.form:
        return value
    if not slot.form.isdecimal():
        raise Malformed(f"<{slot.name}:{slot.form}> is no width")
    if len(value) > int(slot.form):
        raise Malformed(f"the {slot.name} takes {len(value)} bytes, the field has {slot.form}")
    return value.ljust(int(slot.form), b"\0")


def _number(slot: Slot, value: int) -> bytes:
    if not slot.form:
        return str(value).encode()
    form = _NUMBER.match(slot.form)
    if form is None:
        raise Malformed(f"<{slot.name}:{slot.form}> is no form for a number")
    width = int(form[2])
    try:
        if form[1] == "bcd":
            return bytes.fromhex(f"{value:0{2 * width}d}"[-2 * width :])
        return value.to_bytes(width, "little" if form[1] == "le" else "big")
    except (OverflowError, ValueError) as error:
        raise Malformed(f"{value} does not fit into <{slot.name}:{slot.form}>") from error
