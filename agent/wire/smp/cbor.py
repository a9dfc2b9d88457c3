"""The part of CBOR (RFC 8949) that SMP messages are made of.

Integers, byte and text strings, arrays, maps with text keys, true, false and null; arrays and maps
of definite or indefinite length, as Zephyr sends them. No tags, floats or chunked strings: no
message of ours has any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from agent.errors import Malformed

Value: TypeAlias = int | bytes | str | bool | Sequence["Value"] | Mapping[str, "Value"] | None

DEPTH_LIMIT = 8
ITEM_LIMIT = 4096
"""Items in one message, keys included."""

_UINT, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _SIMPLE = 0, 1, 2, 3, 4, 5, 7
_INDEFINITE = 31
_BREAK = 0xFF
_WIDTHS = {24: 1, 25: 2, 26: 4, 27: 8}
_CONSTANTS = {20: False, 21: True, 22: None}
_FALSE, _TRUE, _NULL = b"\xf4", b"\xf5", b"\xf6"


def encode(value: Value) -> bytes:
    """In the shortest form, definite lengths, maps in their own order (RFC 8949 section 4.2)."""
    match value:
        case None:
            return _NULL
        case bool():
            return _TRUE if value else _FALSE
        case int():
            return _head(_UINT, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
        case bytes():
            return _head(_BYTES, len(value)) + value
        case str():
            text = value.encode()
            return _head(_TEXT, len(text)) + text
        case Mapping():
            pairs = [encode(key) + encode(item) for key, item in value.items()]
            return _head(_MAP, len(pairs)) + b"".join(pairs)
    return _head(_ARRAY, len(value)) + b"".join(map(encode, value))


def decode(data: bytes) -> Value:
    """One item, and nothing after it."""
    reader = _Reader(data)
    value = reader.item(0)
    if reader.at != len(data):
        raise Malformed(f"{len(data) - reader.at} bytes after a CBOR item")
    return value


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([major << 5 | argument])
    for info, width in _WIDTHS.items():
        if argument < 1 << 8 * width:
            return bytes([major << 5 | info]) + argument.to_bytes(width, "big")
    raise ValueError(f"CBOR has no integer {argument}")


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._items = 0
        self.at = 0

    def item(self, depth: int) -> Value:
        self._items += 1
        if depth > DEPTH_LIMIT or self._items > ITEM_LIMIT:
            raise Malformed("CBOR too deep or of too many items")
        initial = self._take(1)[0]
        major, info = initial >> 5, initial & 31
        if major in (_ARRAY, _MAP):
            length = None if info == _INDEFINITE else self._argument(info)
            return self._map(length, depth) if major == _MAP else self._array(length, depth)
        if major == _SIMPLE:
            if info in _CONSTANTS:
                return _CONSTANTS[info]
            raise Malformed(f"CBOR simple value or float {info}")
        return self._scalar(major, self._argument(info))

    def _scalar(self, major: int, argument: int) -> Value:
        match major:
            case 0:
                return argument
            case 1:
                return -1 - argument
            case 2:
                return self._take(argument)
            case 3:
                return self._text(argument)
        raise Malformed(f"a CBOR tag {argument}")

    def _text(self, length: int) -> str:
        try:
            return self._take(length).decode()
        except UnicodeDecodeError as error:
            raise Malformed("CBOR text that is no UTF-8") from error

    def _array(self, length: int | None, depth: int) -> list[Value]:
        items: list[Value] = []
        while not self._ended(length, len(items)):
            items.append(self.item(depth + 1))
        return items

    def _map(self, length: int | None, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while not self._ended(length, len(found)):
            key = self.item(depth + 1)
            if not isinstance(key, str) or key in found:
                raise Malformed("a CBOR map with a key that is no text, or twice the same")
            found[key] = self.item(depth + 1)
        return found

    def _ended(self, length: int | None, count: int) -> bool:
        if length is not None:
            return count >= length
        if self._data[self.at : self.at + 1] != bytes([_BREAK]):
            return False
        self.at += 1
        return True

    def _argument(self, info: int) -> int:
        if info < 24:
            return info
        if info not in _WIDTHS:
            raise Malformed(f"CBOR additional information {info}")
        return int.from_bytes(self._take(_WIDTHS[info]), "big")

    def _take(self, size: int) -> bytes:
        piece = self._data[self.at : self.at + size]
        if len(piece) != size:
            raise Malformed("CBOR that ends early")
        self.at += size
        return piece
