"""From a step and its values to the bytes that are sent, and the last look at them before.

Nothing is sent that a profile does not list: a request is a step's template with values in its
slots. A value cannot end the request and begin another, and whatever was put together is held
against `never`, `only` and `only_when_asked` once more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from agent.errors import Malformed, RecorderRefused
from agent.recorder.control.channel import Outgoing
from agent.recorder.profiles.dialect import Control, Step
from agent.recorder.profiles.secret import Secret
from agent.wire.dialect.form import fit, parse_form
from agent.wire.dialect.template import Template, Value, fill, parse_template

_QUARTER = timedelta(minutes=15)
_HALF = timedelta(seconds=0.5)


class Writer:
    """Writes the requests of one dialect."""

    def __init__(self, control: Control, encoding: str) -> None:
        self._control = control
        self._encoding = encoding
        self._only = [parse_form(form) for form in control.only]
        self._never = [parse_form(form) for form in control.never]
        self._asked = [parse_form(form) for form in control.only_when_asked]

    def write(
        self, step: Step, values: Mapping[str, str | Secret | int | datetime], *, asked: bool
    ) -> Outgoing:
        """The step's request; `asked`: somebody asked for just this, and may send what the dock
        never sends on its own.

        Raises `RecorderRefused` for a value that the request cannot carry, and for a request that
        the profile forbids; neither shows the value.
        """
        send, cdb = parse_template(step.send), parse_template(step.cdb or "")
        ready = {name: self._ready(name, values[name]) for name in step.slots if name in values}
        message, command = _filled(send, ready), _filled(cdb, ready)
        self._check(command + message, asked=asked)
        return Outgoing(message, command, step.receive)

    def _ready(self, name: str, value: str | Secret | int | datetime) -> Value:
        if isinstance(value, Secret):
            value = value.reveal()
        return self._text(name, value) if isinstance(value, str) else value

    def _text(self, name: str, text: str) -> bytes:
        """Raises `RecorderRefused` for a text that would end or split the request."""
        if self._control.json_text:
            return json.dumps(text)[1:-1].encode()
        try:
            raw = text.encode(self._encoding)
        except UnicodeEncodeError as error:
            raise RecorderRefused(f"the {name} cannot be written in {self._encoding}") from error
        barred = self._control.delimiters.encode()
        if not text.isprintable() or any(byte in barred for byte in raw):
            raise RecorderRefused(f"the {name} has a character that this recorder cannot take")
        return raw

    def _check(self, request: bytes, *, asked: bool) -> None:
        barred = self._never if asked else [*self._never, *self._asked]
        listed = not self._only or _any_fits(self._only, request)
        if not listed or _any_fits(barred, request):
            raise RecorderRefused("the profile forbids to send this; nothing was sent")


def moments(local: datetime) -> dict[str, str | int | datetime]:
    """The values with which a clock is set: `local` (aware) to the nearest second."""
    whole = (local + _HALF).replace(microsecond=0)
    zone = whole.utcoffset() or timedelta()
    seconds = int(whole.timestamp())
    return {
        "now": whole,
        "year": whole.year,
        "month": whole.month,
        "day": whole.day,
        "hour": whole.hour,
        "minute": whole.minute,
        "second": whole.second,
        "epoch": seconds,
        "epoch-ms": 1000 * seconds,
        "zone-quarters": f"{zone // _QUARTER:+03d}",
    }


def _filled(template: Template, values: Mapping[str, Value]) -> bytes:
    try:
        return fill(template, values)
    except Malformed as error:
        raise RecorderRefused(error.what) from error


def _any_fits(forms: list[Template], request: bytes) -> bool:
    return any(fit(form, request, fold=True) is not None for form in forms)
