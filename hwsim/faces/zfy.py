"""What the control dialects of body-worn recorders (执法记录仪) have in common: eight functions.

`ZFY_INFO`, the id code and the functions are those of the common Chinese host interface; seven
makers' host libraries export them under the same names (among public ones: USBJL.h, bodycam_api.h
and E12DeviceInfo.java). A face says them in its own words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from hwsim.body import Body
from hwsim.faults import FalseBattery, Faults, NoAnswer, Repeat, ResponderFault

ZFY_INFO = (7, 6, 32, 12, 32)
"""Widths of the fields without terminators: 89 bytes (USBJL.h, E12DeviceInfo.java)."""


class Function(IntEnum):
    """What a host may ask, whatever the words; `operation` of a responder's fault."""

    CONNECT = 1
    ID_CODE = 2
    READ_IDENTITY = 3
    WRITE_IDENTITY = 4
    SET_CLOCK = 5
    BECOME_DISK = 6
    RESOLUTION = 7
    BATTERY = 8
    STORAGE = 9
    READ_CLOCK = 10
    LOGIN = 11


UNLOCKED_FROM_THE_START = frozenset((Function.CONNECT, Function.ID_CODE, Function.LOGIN))
"""All other functions take the password first."""


class Deny(ResponderFault):
    """The function is not carried out; the answer is its family's no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy(ResponderFault):
    """The recorder asks for patience, in its family's words where it has any, else by silence.

    Where the word is "I am at it" and the answer follows, it comes `more` times too often.
    """

    more: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BadAnswer(ResponderFault):
    """An answer that is not what it should be. `instead` stands in its place; else `cut` bytes of
    its end are missing and `flood` random ones follow, or all of it is `garbage`.

    `length` is what a frame that declares its length says instead of it.
    """

    instead: bytes | None = None
    cut: int = 0
    flood: int = 0
    garbage: bool = False
    length: int | None = None


@dataclass(slots=True, kw_only=True)
class ZfyBody:
    """A body, and what the host interface knows of it beside; `body.serial` is the product serial.

    While it is `recording` it does not become a disk (as Android recorders do not).
    """

    body: Body = field(default_factory=Body)
    password: str = "000000"  # noqa: S105 - what makers print in their manuals
    id_code: str = "DSJ01"
    officer_number: str = "000001"
    officer: str = "张三"
    unit_number: str = "110000"
    unit: str = "一大队"
    width: int = 1920
    height: int = 1080
    recording: bool = False
    on_disk: Callable[[], None] = lambda: None
    """Called when it has agreed to become a disk."""

    def fields(self) -> list[str]:
        """Serial, officer's number and name, unit's number and name: ZFY_INFO in its order."""
        return [self.body.serial, self.officer_number, self.officer, self.unit_number, self.unit]

    def take(self, fields: Sequence[str]) -> None:
        """The reverse of `fields`."""
        serial, self.officer_number, self.officer, self.unit_number, self.unit = fields
        self.body.serial = serial

    def packed(self, widths: Sequence[int]) -> bytes:
        """The fields in GBK, each cut or filled with NUL to its width."""
        texts = [text.encode("gbk", "replace") for text in self.fields()]
        return b"".join(
            raw[:width].ljust(width, b"\0") for raw, width in zip(texts, widths, strict=True)
        )

    def take_packed(self, widths: Sequence[int], raw: bytes) -> None:
        """The reverse of `packed`. Raises ValueError for another length or text that is not GBK."""
        if len(raw) != sum(widths):
            raise ValueError(f"{len(raw)} bytes of identity")
        fields, offset = [], 0
        for width in widths:
            fields.append(raw[offset : offset + width].split(b"\0")[0].decode("gbk"))
            offset += width
        self.take(fields)


class Dialect:
    """One recorder in control mode: whether somebody logged in, what it was asked, what breaks."""

    def __init__(self, recorder: ZfyBody, faults: Faults | None = None) -> None:
        self.recorder = recorder
        self.faults = faults if faults is not None else Faults()
        self.dangers: list[str] = []
        """Commands that no dock must ever send: format, passwords, settings, and unknown ones."""

        self.asked: Counter[Function] = Counter()
        """Functions that were asked for, refused ones too."""

        self._logged_in = False

    def lock(self) -> None:
        """A new contact: nobody is logged in."""
        self._logged_in = False

    def log_in(self, password: str) -> bool:
        self._logged_in = password == self.recorder.password
        return self._logged_in

    def may(self, function: Function) -> bool:
        """Count an asking; False where it is not to be carried out."""
        self.asked[function] += 1
        open_now = self._logged_in or function in UNLOCKED_FROM_THE_START
        return self.faults.due(Deny, function) is None and open_now

    def battery(self) -> int:
        false = self.faults.due(FalseBattery)
        return false.percent if false else self.recorder.body.battery_percent()

    def become_disk(self) -> bool:
        """Agree, or not; what follows is for whoever listens."""
        if self.recorder.recording:
            return False
        self.recorder.on_disk()
        return True

    def spoilt(self, function: Function | None, raw: bytes) -> list[bytes]:
        """What really goes out for one answer: most often just that."""
        if self.faults.due(NoAnswer, function):
            return []
        bad = self.faults.due(BadAnswer, function)
        sent = self.framed(raw) if bad is None else self.framed(self._bad(bad, raw), bad.length)
        return [sent] * (2 if self.faults.due(Repeat, function) else 1)

    def framed(self, raw: bytes, length: int | None = None) -> bytes:  # noqa: ARG002
        """An answer as it goes out; `length` is what a family that declares it is to declare."""
        return raw

    def _bad(self, bad: BadAnswer, raw: bytes) -> bytes:
        if bad.instead is not None:
            return bad.instead
        kept = raw[: len(raw) - bad.cut]
        if bad.garbage:
            kept = self.faults.random.randbytes(len(kept))
        return kept + self.faults.random.randbytes(bad.flood)
