"""BC+ recorders (忆志): AT-like text on a bulk pair.

The words are strings of the maker's library, what the functions take and give is in its public
header `bodycam_api.h` (five fields of identity, YYYYMMDDhhmmss, percent, a user and a password).
How a reply looks is inferred: an information line and OK, or ERROR, as in ITU-T V.250 §5.7. The
USB ids are not known; these are of pid.codes' test range.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from hwsim.faces.zfy import Busy, Function, ZfyBody
from hwsim.faces.zfy_bulk import BULK_PAIR, BulkDialect
from hwsim.faults import Faults
from hwsim.usb import UsbFacts

USB_ID = (0x1209, 0x0004)
INTERFACE = (0xFF, 0x00, 0x00)
MOST_HELD = 4096
"""Bytes of a line that never ends."""

TIME = "%Y%m%d%H%M%S"
NO = "ERROR"


class BcPlus(BulkDialect):
    """One recorder's answers over USB. `BC+GBIDCODE?` and `BC+LOGIN` need no login before."""

    def __init__(self, recorder: ZfyBody, faults: Faults | None = None) -> None:
        super().__init__(recorder, faults)
        self._held = b""
        self._questions: dict[str, tuple[Function, Callable[[], str]]] = {
            "GBIDCODE": (Function.ID_CODE, lambda: self.recorder.id_code),
            "GBCFG": (Function.READ_IDENTITY, lambda: ",".join(self.recorder.fields())),
            "SYSTIME": (Function.READ_CLOCK, lambda: f"{self.recorder.body.now():{TIME}}"),
            "BATVAL": (Function.BATTERY, lambda: str(self.battery())),
            "UDISKAUTHEN": (Function.BECOME_DISK, lambda: "1"),
            "PCUDISKSTAT": (Function.BECOME_DISK, lambda: "0"),
        }
        self._orders: dict[str, tuple[Function, Callable[[str], bool]]] = {
            "LOGIN": (Function.LOGIN, self._log_in),
            "GBCFG": (Function.WRITE_IDENTITY, self._write_identity),
            "SYSTIME": (Function.SET_CLOCK, self._set_clock),
            "UDISKEN": (Function.BECOME_DISK, self._become_disk),
        }

    @property
    def facts(self) -> UsbFacts:
        return UsbFacts(
            vendor_id=USB_ID[0],
            product_id=USB_ID[1],
            maker=self.recorder.body.maker,
            product=self.recorder.body.model,
            serial="",
            interface_class=INTERFACE,
            interface_name="BC+ bodycam",
            endpoints=BULK_PAIR,
        )

    def reset(self) -> None:
        super().reset()
        self._held = b""

    def take(self, data: bytes) -> None:
        """A piece of a line, or several."""
        *lines, self._held = (self._held + data)[-MOST_HELD:].split(b"\r\n")
        for line in lines:
            self._take(line.decode("gbk", "replace"))

    # Lines.

    def _take(self, line: str) -> None:
        word = line.removeprefix("BC+")
        if line.startswith("BC+") and word.endswith("?") and word[:-1] in self._questions:
            function, ask = self._questions[word[:-1]]
            self._reply(function, lambda: f"+{word[:-1]}: {ask()}\r\nOK")
            return
        word, _, value = word.partition("=")
        if line.startswith("BC+") and word in self._orders:
            function, order = self._orders[word]
            self._reply(function, lambda: "OK" if order(value) else NO)
            return
        self.dangers.append(line)
        self._say(None, NO)

    def _reply(self, function: Function, answer: Callable[[], str]) -> None:
        if self.faults.due(Busy, function):
            self._say(function, "BUSY")
        else:
            self._say(function, answer() if self.may(function) else NO)

    def _say(self, function: Function | None, text: str) -> None:
        for each in self.spoilt(function, f"{text}\r\n".encode("gbk", "replace")):
            self._pipe.send(each)

    # Orders; False for a no.

    def _log_in(self, value: str) -> bool:
        user, _, password = value.partition(":")
        return user == "admin" and self.log_in(password)

    def _write_identity(self, value: str) -> bool:
        fields = value.split(",")
        if len(fields) != 5:
            return False
        self.recorder.take(fields)
        return True

    def _set_clock(self, value: str) -> bool:
        try:
            local = datetime.strptime(value, TIME)  # noqa: DTZ007 - it has no zone
        except ValueError:
            return False
        self.recorder.body.set_clock(local)
        return True

    def _become_disk(self, value: str) -> bool:
        return value == "1" and self.become_disk()
