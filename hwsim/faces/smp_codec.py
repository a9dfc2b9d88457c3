"""SMP's frames and CBOR as a small device does them, written apart from the agent's codec.

Maps go out with indefinite length, as Zephyr's zcbor writes them, and a line counts only where its
mark stands at its beginning, as in Zephyr's serial transport.
"""

from __future__ import annotations

import base64
import binascii
import struct
from typing import Any

LINE = 127
_RAW_PER_LINE = 93
_RX_BUFFER = 128
FIRST, FURTHER = b"\x06\x09", b"\x04\x14"


def frame(packet: bytes, *, crc: int = 0, length: int = 0) -> list[bytes]:
    """The lines of a packet; `crc` and `length` are added to the true ones, to make them wrong."""
    declared = (len(packet) + 2 + length) & 0xFFFF
    raw = (
        struct.pack(">H", declared) + packet + struct.pack(">H", binascii.crc_hqx(packet, 0) ^ crc)
    )
    pieces = [raw[at : at + _RAW_PER_LINE] for at in range(0, len(raw), _RAW_PER_LINE)]
    marks = [FIRST] + [FURTHER] * (len(pieces) - 1)
    return [
        mark + base64.b64encode(piece) + b"\n" for mark, piece in zip(marks, pieces, strict=True)
    ]


class FrameReader:
    """Requests out of what the host writes."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._packet = b""

    def feed(self, data: bytes) -> list[bytes]:
        found = []
        for byte in data:
            if byte != 0x0A:
                self._line.append(byte)
                continue
            line, self._line = bytes(self._line), bytearray()
            if len(line) < _RX_BUFFER and (packet := self._take(line)):
                found.append(packet)
        return found

    def _take(self, line: bytes) -> bytes | None:
        mark, text = line[:2], line[2:]
        if mark not in (FIRST, FURTHER):
            return None
        try:
            raw = base64.b64decode(text, validate=True)
        except ValueError:
            return None
        self._packet = raw if mark == FIRST else self._packet + raw
        if len(self._packet) < 4:
            return None
        (declared,) = struct.unpack_from(">H", self._packet)
        if len(self._packet) < declared + 2:
            return None
        body, self._packet = self._packet[2:], b""
        packet, crc = body[:-2], body[-2:]
        return packet if struct.pack(">H", binascii.crc_hqx(packet, 0)) == crc else None


def to_cbor(value: Any) -> bytes:
    match value:
        case dict():
            pairs = b"".join(to_cbor(key) + to_cbor(item) for key, item in value.items())
            return b"\xbf" + pairs + b"\xff"
        case list() | tuple():
            return b"\x9f" + b"".join(map(to_cbor, value)) + b"\xff"
        case str():
            return _start(3, len(value.encode("utf-8", "surrogatepass"))) + value.encode(
                "utf-8", "surrogatepass"
            )
        case bytes():
            return _start(2, len(value)) + value
        case int() if value < 0:
            return _start(1, -1 - value)
        case int():
            return _start(0, value)
    raise TypeError(f"no CBOR for {value!r}")


def _start(major: int, number: int) -> bytes:
    for limit, info, form in ((24, None, ""), (1 << 8, 24, "B"), (1 << 16, 25, ">H")):
        if number < limit:
            return bytes([major << 5 | (number if info is None else info)]) + (
                struct.pack(form, number) if form else b""
            )
    form, info = (">I", 26) if number < 1 << 32 else (">Q", 27)
    return bytes([major << 5 | info]) + struct.pack(form, number)


def from_cbor(data: bytes) -> dict[str, Any]:
    """A request's map. Raises ValueError where it is none."""
    try:
        value, _ = _item(data, 0)
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"no CBOR: {error}") from error
    if not isinstance(value, dict):
        raise TypeError("no map")
    return value


def _item(data: bytes, at: int) -> tuple[Any, int]:
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    number = info
    if 24 <= info <= 27:
        form = (">B", ">H", ">I", ">Q")[info - 24]
        (number,) = struct.unpack_from(form, data, at)
        at += struct.calcsize(form)
    match major:
        case 0:
            return number, at
        case 2:
            return data[at : at + number], at + number
        case 3:
            return data[at : at + number].decode(), at + number
        case 5:
            return _pairs(data, at, None if info == 31 else number)
    raise ValueError(f"major type {major} in a request")


def _pairs(data: bytes, at: int, count: int | None) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    while count is None or len(found) < count:
        if count is None and data[at] == 0xFF:
            return found, at + 1
        key, at = _item(data, at)
        found[key], at = _item(data, at)
    return found, at
