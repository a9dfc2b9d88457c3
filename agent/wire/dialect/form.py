"""Replies as forms: literal bytes and slots, in the same notation as requests (`template`).

    "hex:<any:6> 80 <any:2><data>"       status and data of a binary reply
    "+BATVAL: <battery>"                 a line

`<name>` takes at least one byte, up to the next literal's first occurrence or the end; `<name:?>`
may take none; `<name:N>` takes exactly N. `<any>` and `<rest>` may be empty and are forgotten;
`<not:80>` is one byte that is not 0x80. Nothing is tried twice, so whatever a recorder sends, a
form costs no more than one walk over it. Pure.
"""

from __future__ import annotations

import re

from agent.wire.dialect.template import Slot, Template, parse_template

FORGOTTEN = frozenset({"any", "rest", "not"})
_BYTE = re.compile(r"[0-9a-f]{2}\Z")


def parse_form(text: str) -> Template:
    """Raises ValueError for what cannot be matched in one walk: an open slot that is followed by
    another slot, or a slot's form that is none.
    """
    form = parse_template(text)
    for part, after in zip(form.parts, (*form.parts[1:], b"\0"), strict=True):
        if not isinstance(part, Slot):
            continue
        if part.name == "not":
            if not _BYTE.match(part.form):
                raise ValueError("<not:80> names one byte by two hex digits")
        elif part.form not in ("", "?") and not part.form.isdecimal():
            raise ValueError(
                f"<{part.name}:{part.form}>: in a reply, a slot's form is a width or ?"
            )
        elif not part.form.isdecimal() and isinstance(after, Slot):
            raise ValueError(f"nothing shows where <{part.name}> ends")
    return form


def fit(form: Template, data: bytes, *, fold: bool = False) -> dict[str, bytes] | None:
    """What the slots took where `form` fits the whole of `data`; None where it does not.

    `fold`: letters fit in either case.
    """
    text = data.lower() if fold else data
    taken: dict[str, bytes] = {}
    at, started = 0, None
    open_slot: Slot | None = None
    for part in form.parts:
        if isinstance(part, Slot):
            if _is_open(part):
                open_slot, started = part, at
                continue
            end = at + (1 if part.name == "not" else int(part.form))
            if end > len(data) or (part.name == "not" and data[at] == int(part.form, 16)):
                return None
            _take(taken, part, data[at:end])
        else:
            literal = part.lower() if fold else part
            found = _found(text, literal, at, open_slot)
            if found < 0:
                return None
            if open_slot is not None:
                _take(taken, open_slot, data[started:found])
                open_slot = None
            end = found + len(literal)
        at = end
    if open_slot is not None:
        if len(data) - at < _least(open_slot):
            return None
        _take(taken, open_slot, data[at:])
        at = len(data)
    return taken if at == len(data) else None


def _found(text: bytes, literal: bytes, at: int, behind: Slot | None) -> int:
    if behind is None:
        return at if text.startswith(literal, at) else -1
    return text.find(literal, at + _least(behind))


def _is_open(slot: Slot) -> bool:
    return slot.name != "not" and not slot.form.isdecimal()


def _least(slot: Slot) -> int:
    return 0 if slot.form == "?" or slot.name in FORGOTTEN else 1


def _take(taken: dict[str, bytes], slot: Slot, value: bytes) -> None:
    if slot.name not in FORGOTTEN:
        taken[slot.name] = value
