"""SMP packets: a head of eight bytes and a CBOR map (SMP protocol).

| at | bytes | meaning |
|---|---|---|
| 0 | 1 | three reserved bits, two of version, three of operation |
| 1 | 1 | flags, none defined |
| 2 | 2 | length of what follows the head, big-endian |
| 4 | 2 | group |
| 6 | 1 | sequence number |
| 7 | 1 | command |

What can be asked at all is in `Command`: reading, an echo, and setting the clock. Writing files,
restarting, erasing and running shell commands have no name here, so nothing can send them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from agent.errors import Malformed
from agent.wire.smp.cbor import Value, decode, encode

R = TypeVar("R")

_HEAD = struct.Struct(">BBHHBB")
HEAD_BYTES = _HEAD.size
_READ, _WRITE = 0, 2
_ANSWER = 1
"""Added to an operation in its answer."""
_VERSIONS = (0, 1)

OS, STATS, FILES = 0, 2, 8
"""Groups: the system, statistics, files."""


class Command(Enum):
    """Operation, group and command of everything that is ever sent (SMP groups 0, 2 and 8)."""

    ECHO = (_WRITE, OS, 0)
    CLOCK = (_READ, OS, 4)
    SET_CLOCK = (_WRITE, OS, 4)
    PARAMETERS = (_READ, OS, 6)
    INFO = (_READ, OS, 7)
    STATISTICS = (_READ, STATS, 0)
    STATISTICS_GROUPS = (_READ, STATS, 1)
    DOWNLOAD = (_READ, FILES, 0)
    STATUS = (_READ, FILES, 1)
    HASH = (_READ, FILES, 2)
    HASHES = (_READ, FILES, 3)


class Fields:
    """The map of an answer, read with the types that it has to have."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = values

    def number(self, name: str) -> int:
        """A whole number from 0."""
        value = self._values.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise Malformed(f"SMP answer: {name!r} is no number from 0")
        return value

    def optional_number(self, name: str) -> int | None:
        return self.number(name) if name in self._values else None

    def text(self, name: str) -> str:
        value = self._values.get(name)
        if not isinstance(value, str):
            raise Malformed(f"SMP answer: {name!r} is no text")
        return value

    def data(self, name: str) -> bytes:
        value = self._values.get(name)
        if not isinstance(value, bytes):
            raise Malformed(f"SMP answer: {name!r} is no byte string")
        return value

    def map(self, name: str) -> Fields:
        value = self._values.get(name)
        if not isinstance(value, Mapping):
            raise Malformed(f"SMP answer: {name!r} is no map")
        return Fields(value)

    def names(self) -> tuple[str, ...]:
        return tuple(self._values)

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._values.get(name)
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise Malformed(f"SMP answer: {name!r} is no list of texts")
        return tuple(map(str, value))

    def __contains__(self, name: str) -> bool:
        return name in self._values


@dataclass(frozen=True, slots=True)
class Request(Generic[R]):
    """One question and how its answer is read; made by the functions of `requests`."""

    command: Command
    fields: Mapping[str, Value]
    reply: Callable[[Fields], R]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A no: `group` None for SMP's own codes (version 1's `rc`), else the group whose code it is
    (version 2's `err`).
    """

    group: int | None
    code: int


def encode_request(request: Request[R], sequence: int, version: int = 1) -> bytes:
    """A packet. `version` is the two bits: 1 is the protocol's version 2, 0 the original one."""
    operation, group, command = request.command.value
    body = encode(request.fields)
    head = _HEAD.pack(version << 3 | operation, 0, len(body), group, sequence, command)
    return head + body


def answered(packet: bytes, request: Request[R]) -> int | None:
    """The sequence number that a packet answers; None where it answers another command.

    Raises `Malformed` where it is no packet.
    """
    if len(packet) < HEAD_BYTES:
        raise Malformed(f"an SMP packet of {len(packet)} bytes")
    first, _flags, length, group, number, command = _HEAD.unpack_from(packet)
    if length != len(packet) - HEAD_BYTES or first >> 3 & 3 not in _VERSIONS:
        raise Malformed(f"an SMP packet declares {length} bytes, version {first >> 3 & 3}")
    operation, *asked = request.command.value
    return number if (first & 7, [group, command]) == (operation + _ANSWER, asked) else None


def decode_answer(packet: bytes, request: Request[R]) -> R | Refusal:
    """What an answer says. Success may say `rc` 0, as the original protocol did."""
    values = decode(packet[HEAD_BYTES:]) if len(packet) > HEAD_BYTES else {}
    if not isinstance(values, Mapping):
        raise Malformed("an SMP answer that is no map")
    fields = Fields(values)
    if "err" in fields:
        err = fields.map("err")
        refusal = Refusal(err.number("group"), err.number("rc"))
    else:
        refusal = Refusal(None, fields.optional_number("rc") or 0)
    return refusal if refusal.code else request.reply(fields)
