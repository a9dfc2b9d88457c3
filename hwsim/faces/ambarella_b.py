"""Ambarella recorders, dialect B: ASCII messages on bulk endpoints of 4255:0001.

As a public utility speaks to them (C#, `AmbaDevice.cs`): `@Ver;8;00000000;#` is answered with
`Ver;OK`, the third part of a `Gdv` reply is the recorder's id, a no contains `ERROR`; replies are
64 bytes. What it answers to `Sdt`, `Stm` and `ATH` is inferred: that it is done.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from hwsim.faces.ambarella_a import FACTS
from hwsim.faces.zfy import Busy, Function, ZfyBody
from hwsim.faces.zfy_bulk import BulkDialect
from hwsim.faults import Faults

MESSAGE = re.compile(r"@(\w+);(\d+);([^;#]*);#\Z")
REPLY = 64
CONNECT_WORD = "00000000"


class AmbarellaB(BulkDialect):
    """One recorder's answers over USB. Vendor control transfers stall.

    Its password is `recorder.password` (12345678 in the utility); where it became a disk, the
    volume's label is its id (`body.serial`).
    """

    def __init__(self, recorder: ZfyBody, faults: Faults | None = None) -> None:
        super().__init__(recorder, faults)
        self._answers: dict[str, tuple[Function, Callable[[str], str | None]]] = {
            "Ver": (Function.CONNECT, self._connect),
            "Gdv": (Function.READ_IDENTITY, self._identity),
            "Sdt": (Function.SET_CLOCK, self._set_date),
            "Stm": (Function.SET_CLOCK, self._set_time),
            "ATH": (Function.BECOME_DISK, self._toggle_disk),
        }

    facts = FACTS

    def take(self, data: bytes) -> None:
        """One transfer is one message."""
        match = MESSAGE.match(data.decode("ascii", "replace"))
        if match is None:
            self._say(None, "@ERROR;#")
            return
        word, _length, value = match.groups()
        self._answer(word, value)

    # Messages.

    def _answer(self, word: str, value: str) -> None:
        if word not in self._answers:
            self.dangers.append(word)
            self._say(None, f"@{word};ERROR;#")
            return
        function, answer = self._answers[word]
        if self.faults.due(Busy, function):
            return
        said = answer(value) if self.may(function) else None
        self._say(function, f"@{word};{said or 'ERROR'};#")

    def _say(self, function: Function | None, text: str) -> None:
        raw = text.encode("gbk", "replace").ljust(REPLY, b"\0")
        for each in self.spoilt(function, raw):
            self._pipe.send(each)

    # Functions: what follows the word in the reply, None for a no.

    def _connect(self, value: str) -> str | None:
        self._logged_in = value == CONNECT_WORD
        return "OK" if self._logged_in else None

    def _identity(self, value: str) -> str | None:
        serial = self.recorder.body.serial
        return f"{len(serial)};{serial}" if value == self.recorder.password else None

    def _set_date(self, value: str) -> str | None:
        return self._set(value, "%Y%m%d", lambda now, then: datetime.combine(then, now.time()))

    def _set_time(self, value: str) -> str | None:
        """Hours, minutes, seconds and two more digits."""
        return self._set(value[:6], "%H%M%S", lambda now, then: datetime.combine(now, then.time()))

    def _set(
        self, value: str, form: str, merge: Callable[[datetime, datetime], datetime]
    ) -> str | None:
        try:
            then = datetime.strptime(value, form)  # noqa: DTZ007 - a recorder's clock has no zone
        except ValueError:
            return None
        self.recorder.body.set_clock(merge(self.recorder.body.now(), then))
        return "OK"

    def _toggle_disk(self, value: str) -> str | None:
        return "OK" if value == self.recorder.password and self.become_disk() else None
