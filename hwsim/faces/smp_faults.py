"""What an SMP server may do wrong, as data. A chance is an answer; `operation` is group × 256 +
command, None for any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hwsim.faults import ResponderFault


@dataclass(frozen=True, slots=True, kw_only=True)
class SmpFault(ResponderFault):
    """The root of all below."""


class NoSmpAnswer(SmpFault):
    """The request is carried out and nobody hears of it."""


class TwiceAnswered(SmpFault):
    """The answer comes twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmpRefusal(SmpFault):
    """The request is refused; with SMP's own code, or that of `group` where the version has it."""

    code: int = 10
    group: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongHead(SmpFault):
    """What is added to the right numbers of the head; `body` None keeps the body."""

    sequence: int = 0
    length: int = 0
    group: int = 0
    command: int = 0
    body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongFrame(SmpFault):
    """A wrong CRC, a wrong length in front of the packet, or only the first `lines` of it."""

    crc: int = 0
    length: int = 0
    lines: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forged(SmpFault):
    """Fields that take the place of the true ones."""

    fields: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Babble(SmpFault):
    """`text` comes before the answer, `count` times; or instead of it."""

    text: bytes = b"\0"
    count: int = 1
    instead: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongData(SmpFault):
    """One byte of a piece of a file is another one, under a right CRC."""

    at_byte: int = 0
