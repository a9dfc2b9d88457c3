"""SMP packets on a text console, among whatever else the console prints (SMP transport).

A packet is its length, its bytes and their CRC-16/XMODEM, in Base64, cut into lines of at most 127
bytes. The first line begins with 06 09, further ones with 04 14. Neither begins any text, nor is
either in the Base64 alphabet, so a line of a packet is known wherever in the noise it begins.
"""

from __future__ import annotations

import binascii

from agent.errors import Malformed

START, CONTINUE = b"\x06\x09", b"\x04\x14"
LINE_BYTES = 127
"""The longest line that is sent, line end included."""
LONGEST_LINE = 1024
"""The longest that is received: servers with larger buffers exist. What is longer is noise."""
LONGEST_PACKET = 0xFFFF

_CRC_BYTES = 2
_LINE_DATA = (LINE_BYTES - len(START) - 1) // 4 * 3
"""Bytes of a packet in one full line."""


def encode_lines(packet: bytes) -> bytes:
    """`packet` as lines. Raises `Malformed` where it is too long for its length field."""
    length = len(packet) + _CRC_BYTES
    if length > LONGEST_PACKET:
        raise Malformed(f"an SMP packet of {len(packet)} bytes")
    crc = binascii.crc_hqx(packet, 0)
    whole = length.to_bytes(2, "big") + packet + crc.to_bytes(_CRC_BYTES, "big")
    pieces = (whole[at : at + _LINE_DATA] for at in range(0, len(whole), _LINE_DATA))
    lines = [binascii.b2a_base64(piece) for piece in pieces]  # with its line end
    return START + CONTINUE.join(lines)


class LineSplitter:
    """Cuts a noisy stream into lines of packets, wherever its pieces begin and end.

    A line counts from its last mark on, so that a prompt or half a line before it does no harm.
    """

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that ended, from their mark on, without their end."""
        *ended, rest = (self._held + data).split(b"\n")
        # Noise is not held, but for a last byte that may be half a mark.
        self._held = _marked(rest) or rest[-1:]
        return [line.rstrip(b"\r") for each in ended if (line := _marked(each))]

    @property
    def midway(self) -> bool:
        """Whether a line of a packet has begun and not ended."""
        return len(self._held) > 1


def _marked(line: bytes) -> bytes:
    """From the last mark on; empty where there is none, or where it is too long for a line."""
    at = max(line.rfind(START), line.rfind(CONTINUE))
    return line[at:] if at >= 0 and len(line) - at <= LONGEST_LINE else b""


class PacketReader:
    """Puts packets together from what a console prints, and drops what is damaged.

    Holds one line and one packet of at most `most` bytes, whatever comes.
    """

    def __init__(self, most: int = LONGEST_PACKET) -> None:
        self.most = most
        self.damaged = 0
        """Packets dropped so far: cut off, too long, or with a wrong CRC."""
        self._splitter = LineSplitter()
        self._length = 0
        """Of the packet under way, CRC included; 0 for none."""
        self._body = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that became whole."""
        whole = (self._add(line) for line in self._splitter.feed(data))
        return [packet for packet in whole if packet is not None]

    @property
    def midway(self) -> bool:
        """Whether a packet has begun and not ended."""
        return self._length > 0 or self._splitter.midway

    def drop(self) -> None:
        """Forget what was begun; the next line of a packet has to be a first one."""
        self._length, self._body = 0, b""
        self._splitter = LineSplitter()

    def _add(self, line: bytes) -> bytes | None:
        """One line; the packet that it completes."""
        try:
            data = binascii.a2b_base64(line[len(START) :], strict_mode=True)
        except binascii.Error:
            data = b""
        if line.startswith(START):
            self._begin(data)
        elif self._length and not data:
            self._damage()
        elif self._length:  # else what is left of a packet that was dropped
            self._body += data
        return self._checked() if 0 < self._length <= len(self._body) else None

    def _begin(self, data: bytes) -> None:
        if self._length:
            self._damage()
        self._length, self._body = int.from_bytes(data[:2], "big"), data[2:]
        if not _CRC_BYTES <= self._length <= self.most + _CRC_BYTES:
            self._damage()

    def _checked(self) -> bytes | None:
        body, packet = self._body, self._body[:-_CRC_BYTES]
        crc = binascii.crc_hqx(packet, 0).to_bytes(_CRC_BYTES, "big")
        if len(body) != self._length or not body.endswith(crc):
            self._damage()
            return None
        self._length, self._body = 0, b""
        return packet

    def _damage(self) -> None:
        self.damaged += 1
        self._length, self._body = 0, b""
