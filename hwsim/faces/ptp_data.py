"""How a responder writes PTP: little-endian numbers, strings, arrays, containers.

Written from PIMA 15740 §5.3 and MTP 1.1 §3.2, apart from the agent's codec, so that a mistake in
one shows against the other.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from hwsim.card import Content, InMemory
from hwsim.faces.ptp_codes import UNKNOWN_LENGTH, Answer, Kind, Type

HEADER = struct.Struct("<IHHI")
"""Length, kind, code, transaction id (Still Image §7.1.1)."""

MOST_PARAMS = 5
MOST_UNITS = 254
"""UTF-16 units in a string, beside its terminating zero."""

WIDTHS = {Type.UINT8: 1, Type.UINT16: 2, Type.UINT32: 4, Type.UINT64: 8, Type.UINT128: 16}


class NotPtp(Exception):
    """The host sent something that is no container; the endpoint stalls."""


class Refused(Exception):
    """An operation ends with a response code other than OK."""

    def __init__(self, code: int, *params: int) -> None:
        super().__init__(hex(code))
        self.code = code
        self.params = params


@dataclass(frozen=True, slots=True)
class Command:
    code: int
    transaction: int
    params: tuple[int, ...]

    def param(self, place: int) -> int:
        """The parameter at `place`, from 0; those that were not sent are 0."""
        return self.params[place] if place < len(self.params) else 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What an operation comes to: a response, and data before it where it has any.

    `deliver` is added to the number of payload bytes that really go out.
    """

    code: int = Answer.OK
    params: tuple[int, ...] = ()
    data: Content | None = None
    deliver: int = 0


def reply_with(data: bytes) -> Reply:
    return Reply(data=InMemory(data))


def number(kind: Type, value: int) -> bytes:
    return value.to_bytes(WIDTHS[kind], "little")


def u8(value: int) -> bytes:
    return value.to_bytes(1, "little")


def u16(value: int) -> bytes:
    return value.to_bytes(2, "little")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


def string(text: str) -> bytes:
    """A count of UTF-16 units with the terminating zero, then the units; empty: a lone zero."""
    raw = text.encode("utf-16-le", "surrogatepass")[: 2 * MOST_UNITS]
    if not raw:
        return b"\0"
    return u8(len(raw) // 2 + 1) + raw + b"\0\0"


def array_u16(values: Iterable[int]) -> bytes:
    raw = [u16(value) for value in values]
    return u32(len(raw)) + b"".join(raw)


def array_u32(values: Iterable[int]) -> bytes:
    raw = [u32(value) for value in values]
    return u32(len(raw)) + b"".join(raw)


def date_time(moment: datetime | None) -> str:
    """`YYYYMMDDThhmmss`, local time (PIMA 15740 §5.3.5.1)."""
    return "" if moment is None else moment.strftime("%Y%m%dT%H%M%S")


def read_string(raw: bytes) -> str:
    """The string at the start of `raw`. Raises `Refused` where there is none."""
    end = 1 + 2 * raw[0] if raw else 0
    if not raw or len(raw) < end:
        raise Refused(Answer.INVALID_PROP_VALUE)
    return raw[1:end].decode("utf-16-le", "surrogatepass").rstrip("\0")


def read_date_time(text: str) -> datetime:
    """The first fifteen characters as local time; tenths and zones are ignored."""
    try:
        return datetime.strptime(text[:15], "%Y%m%dT%H%M%S")  # noqa: DTZ007
    except ValueError as cause:
        raise Refused(Answer.INVALID_PROP_VALUE) from cause


def header(kind: int, code: int, transaction: int, payload: int) -> bytes:
    """A container's header; `payload` is the number of bytes that follow it."""
    length = min(HEADER.size + payload, UNKNOWN_LENGTH)
    return HEADER.pack(length, kind, code & 0xFFFF, transaction & 0xFFFFFFFF)


def container(kind: Kind, code: int, transaction: int, params: Iterable[int] = ()) -> bytes:
    """A container whose payload is parameters: a response or an event."""
    payload = b"".join(u32(param) for param in params)
    return header(kind, code, transaction, len(payload)) + payload


def read_command(raw: bytes) -> Command:
    """A command container. Raises `NotPtp`."""
    if len(raw) < HEADER.size:
        raise NotPtp("shorter than a header")
    length, kind, code, transaction = HEADER.unpack_from(raw)
    params = len(raw) - HEADER.size
    if length != len(raw) or kind != Kind.COMMAND or params % 4 or params > 4 * MOST_PARAMS:
        raise NotPtp("no command container")
    return Command(code, transaction, struct.unpack_from(f"<{params // 4}I", raw, HEADER.size))


class Window:
    """A part of a content: `size` bytes from `start`."""

    __slots__ = ("_content", "_start", "size")

    def __init__(self, content: Content, start: int, size: int) -> None:
        self._content = content
        self._start = start
        self.size = max(0, size)

    def read(self, offset: int, size: int) -> bytes:
        wanted = max(0, min(size, self.size - offset))
        return self._content.read(self._start + offset, wanted)


class Padded:
    """A content and `extra` zeros."""

    __slots__ = ("_content", "_extra")

    def __init__(self, content: Content, extra: int) -> None:
        self._content = content
        self._extra = extra

    @property
    def size(self) -> int:
        return self._content.size + self._extra

    def read(self, offset: int, size: int) -> bytes:
        size = max(0, min(size, self.size - offset))
        real = self._content.read(offset, size) if offset < self._content.size else b""
        return real + bytes(size - len(real))


class Rows:
    """A head and `count` rows of one width, each made when it is read."""

    __slots__ = ("_count", "_head", "_row", "_width")

    def __init__(self, head: bytes, row: Callable[[int], bytes], count: int) -> None:
        self._head = head
        self._row = row
        self._count = count
        self._width = len(row(0)) if count else 1

    @property
    def size(self) -> int:
        return len(self._head) + self._width * self._count

    def read(self, offset: int, size: int) -> bytes:
        head = self._head[offset : offset + size]
        if head:
            return head + self._rows(0, size - len(head))
        return self._rows(offset - len(self._head), size)

    def _rows(self, offset: int, size: int) -> bytes:
        first, within = divmod(offset, self._width)
        last = min(self._count, first + (within + size + self._width - 1) // self._width)
        return b"".join(map(self._row, range(first, last)))[within : within + size]
