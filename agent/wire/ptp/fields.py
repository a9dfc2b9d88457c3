"""The fields that PTP datasets are made of: integers, arrays, strings (PIMA 15740 clause 5.3)."""

from __future__ import annotations

import re
import struct
from typing import TypeAlias

from agent.errors import Malformed
from agent.wire.ptp.codes import ARRAY, DataType

Value: TypeAlias = int | str | tuple[int, ...]

STRING_LIMIT = 255
"""Units of UTF-16 in one string, its final NUL included."""

_SIZES = {
    DataType.INT8: ("b", 1),
    DataType.UINT8: ("B", 1),
    DataType.INT16: ("h", 2),
    DataType.UINT16: ("H", 2),
    DataType.INT32: ("i", 4),
    DataType.UINT32: ("I", 4),
    DataType.INT64: ("q", 8),
    DataType.UINT64: ("Q", 8),
    DataType.INT128: ("", 16),
    DataType.UINT128: ("", 16),
}
_SCALARS = {
    int(kind): struct.Struct("<" + letter) for kind, (letter, _) in _SIZES.items() if letter
}
_U16, _U32, _U64 = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<Q")

_LONE = re.compile("[\ud800-\udfff]")
_UNSAFE_IN_NAME = re.compile("[\ud800-\udfff/\\\\\0]")


class Fields:
    """Reads one dataset front to back. Every method raises `Malformed` where bytes are missing."""

    __slots__ = ("_at", "_data", "_what")

    def __init__(self, data: bytes | memoryview, what: str) -> None:
        self._data = memoryview(data)
        self._at = 0
        self._what = what

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self._at

    def _unpack(self, form: struct.Struct) -> int:
        at = self._at
        self._at = at + form.size
        try:
            value: int = form.unpack_from(self._data, at)[0]
        except struct.error as error:
            raise Malformed(f"{self._what}: ends at byte {len(self._data)}") from error
        return value

    def u8(self) -> int:
        return self.raw(1)[0]

    def u16(self) -> int:
        return self._unpack(_U16)

    def u32(self) -> int:
        return self._unpack(_U32)

    def u64(self) -> int:
        return self._unpack(_U64)

    def raw(self, size: int) -> memoryview:
        """The next `size` bytes, as a view."""
        if size > self.left:
            raise Malformed(f"{self._what}: ends at byte {len(self._data)}")
        self._at += size
        return self._data[self._at - size : self._at]

    def text(self) -> str:
        """A string; lone surrogates come out as text like `\\u{d800}`, so it is valid Unicode."""
        return _LONE.sub(_escape, self._units())

    def name(self) -> str:
        """A file's name; "/", "\\" and NUL are escaped too, so a joined path has one reading."""
        return _UNSAFE_IN_NAME.sub(_escape, self._units())

    def _units(self) -> str:
        raw = self.raw(2 * self.u8())
        return bytes(raw).decode("utf-16-le", "surrogatepass").rstrip("\0")

    def array(self, kind: int) -> tuple[int, ...]:
        """An array of integers: a count of 32 bits, then the elements."""
        count = self.u32()
        size = _SIZES[DataType(kind)][1]
        if count * size > self.left:
            raise Malformed(f"{self._what}: {count} elements declared, {self.left} bytes left")
        letter = _SIZES[DataType(kind)][0]
        if letter:
            return struct.unpack(f"<{count}{letter}", self.raw(count * size))
        return tuple(self._wide(kind) for _ in range(count))

    def _wide(self, kind: int) -> int:
        return int.from_bytes(self.raw(16), "little", signed=kind == DataType.INT128)

    def value(self, kind: int, *, is_name: bool = False) -> Value:
        """A value of a type that is known only at run time."""
        if form := _SCALARS.get(kind):
            return self._unpack(form)
        if kind == DataType.STRING:
            return self.name() if is_name else self.text()
        if kind & ARRAY and kind & ~ARRAY in _SIZES:
            return self.array(kind & ~ARRAY)
        if kind in _SIZES:
            return self._wide(kind)
        raise Malformed(f"{self._what}: unknown data type 0x{kind:04x}")

    def finish(self) -> None:
        """Raise `Malformed` unless all was read."""
        if self.left:
            raise Malformed(f"{self._what}: {self.left} bytes too many")


def _escape(match: re.Match[str]) -> str:
    return f"\\u{{{ord(match[0]):x}}}"


def decode_array(data: bytes, what: str, kind: int = DataType.UINT32) -> tuple[int, ...]:
    """A dataset that is one array and nothing else: storage ids, object handles."""
    fields = Fields(data, what)
    values = fields.array(kind)
    fields.finish()
    return values


def encode_text(text: str) -> bytes:
    """A string with its count and final NUL; the empty string is one zero byte.

    Raises `Malformed` for more than 254 units of UTF-16.
    """
    if not text:
        return b"\0"
    raw = (text + "\0").encode("utf-16-le", "surrogatepass")
    if len(raw) > 2 * STRING_LIMIT:
        raise Malformed(f"string: {len(raw) // 2} units, the limit is {STRING_LIMIT}")
    return bytes((len(raw) // 2,)) + raw
