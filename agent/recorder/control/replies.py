"""What a reply says: yes with values, no, wrong password, busy, or nothing known. No I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Any

from agent.errors import Malformed
from agent.recorder.profiles.dialect import Control, Forms, Step, Value, form_slots
from agent.wire.dialect.form import FORGOTTEN, fit, parse_form
from agent.wire.dialect.layout import Meaning, NotATime, cut_field, find_in_json, read_field
from agent.wire.dialect.template import Slot, Template

LENIENT = frozenset({"officer_number", "officer", "unit_number", "unit", "maker", "model"})
"""Texts about people and types: what is garbled in them keeps no footage from being pulled."""


class Verdict(Enum):
    """What kind of answer a reply is."""

    OK = auto()
    BUSY = auto()
    REFUSED = auto()
    WRONG_PASSWORD = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class Heard:
    """A reply's verdict; for a yes also what its slots took, and the message they lie in."""

    verdict: Verdict
    slots: dict[str, bytes]
    message: bytes


class Judge:
    """Reads the replies of one dialect."""

    def __init__(self, control: Control, encoding: str) -> None:
        self._control = control
        self._encoding = encoding
        self._by_lines = control.frame.kind == "lines" and control.transport not in (
            "usb-control",
            "scsi",
        )

    def judge(self, step: Step, heard: bytes) -> Heard:
        """`heard`: one message, or every whole line since the request."""
        replies = self._control.replies
        tried: tuple[tuple[Verdict, Forms], ...] = (
            (Verdict.WRONG_PASSWORD, replies.wrong_password),
            (Verdict.BUSY, replies.busy if step.busy is None else step.busy),
            (Verdict.REFUSED, replies.refused if step.refused is None else step.refused),
            (Verdict.OK, replies.ok if step.ok is None else step.ok),
        )
        messages = self._messages(heard)
        for verdict, forms in tried:
            for form in forms:
                if found := _fit_lines(_parsed(form), messages):
                    return Heard(verdict, *found)
        return Heard(Verdict.UNKNOWN, {}, b"")

    def _messages(self, heard: bytes) -> list[bytes]:
        """Lines without their ends and without empty ones; else the one message."""
        if not self._by_lines:
            return [heard]
        lines = [line for line in (raw.strip(b" \r\n\0") for raw in heard.split(b"\n")) if line]
        return [_one_form(line) for line in lines] if self._control.json_text else lines

    def values(self, step: Step, heard: Heard) -> dict[str, Meaning]:
        """The values of a yes; a clock that shows no time and a code that is not listed are "".

        Raises `Malformed`.
        """
        declared = {field.name: field for field in step.fields}
        raw = {name: value for name, value in heard.slots.items() if name != "data"}
        raw |= {field.name: self._located(field, step, heard) for field in step.fields}
        found = {
            name: self._meaning(declared.get(name) or Value(name=name), value)
            for name, value in raw.items()
        }
        self._check_delimiters(found)
        return found

    def _located(self, field: Value, step: Step, heard: Heard) -> bytes:
        if field.path is not None:
            return find_in_json(heard.message, field.path)
        if field.at is not None and field.size is not None:
            forms = self._control.replies.ok if step.ok is None else step.ok
            cut = any("data" in form_slots(form) for form in forms)
            whole = heard.slots.get("data", b"") if cut else heard.message
            return cut_field(whole, field.at, field.size)
        return heard.slots.get(field.name, b"")

    def _meaning(self, field: Value, raw: bytes) -> Meaning:
        try:
            meaning = read_field(
                raw,
                field.kind,
                encoding=field.encoding or self._encoding,
                forms=field.forms,
                lenient=field.name in LENIENT,
            )
        except NotATime:
            return ""
        return field.codes.get(str(meaning), "") if field.codes else meaning

    def _check_delimiters(self, found: dict[str, Meaning]) -> None:
        """A number with a delimiter in it was not cut where the recorder meant it to be."""
        for name in ("serial", "id_code"):
            if any(mark in str(found.get(name, "")) for mark in self._control.delimiters):
                raise Malformed(f"the {name} has a delimiter in it")


@lru_cache(maxsize=1024)
def _parsed(form: str) -> tuple[Template, ...]:
    return tuple(parse_form(line) for line in form.split("\n"))


def _fit_lines(
    forms: tuple[Template, ...], messages: list[bytes]
) -> tuple[dict[str, bytes], bytes] | None:
    """What the slots took, and the last message but a closing literal, where the forms fit
    messages in their order; other messages in between are passed over.

    A line that is nothing but a slot has to stand alone between its neighbours: whatever a console
    prints would else be taken for it.
    """
    taken: dict[str, bytes] = {}
    at, message, strict = 0, b"", len(forms) > 1 and _is_bare(forms[0])
    for form in forms:
        bare = len(forms) > 1 and _is_bare(form)
        reach = messages[at : at + 1] if bare or strict else messages[at:]
        place, found = _first(form, reach)
        if found is None:
            return None
        if found or not message:
            message = reach[place]
        taken |= found
        at += place + 1
        strict = bare
    return taken, message


def _first(form: Template, messages: list[bytes]) -> tuple[int, dict[str, bytes] | None]:
    for place, message in enumerate(messages):
        found = fit(form, message)
        if found is not None:
            return place, found
    return 0, None


def _is_bare(form: Template) -> bool:
    return all(isinstance(part, Slot) and part.name not in FORGOTTEN for part in form.parts)


def _one_form(line: bytes) -> bytes:
    """JSON without spaces, every number and truth value as text; what is none stays as it is."""
    try:
        return json.dumps(
            _as_texts(json.loads(line)), ensure_ascii=False, separators=(",", ":")
        ).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return line


def _as_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_texts(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_texts(each) for each in value]
    return value if isinstance(value, str) else json.dumps(value)
