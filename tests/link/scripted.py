"""A broker of a few bytes that does what a test tells it, also what no broker may do."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Self

Script = Callable[[socket.socket, bytes], None]
"""Gets a connection and the CONNECT packet that came on it; the socket is closed afterwards."""

CONNACK_5 = b"\x20\x03\x00\x00\x00"
CONNACK_4 = b"\x20\x02\x00\x00"


class ScriptedBroker:
    """Runs a script for each connection, one after the other."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.connects: list[bytes] = []
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(10.0)

    def _run(self) -> None:
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            with sock, suppress(OSError):
                sock.settimeout(10.0)
                hello = read_packet(sock)
                self.connects.append(hello)
                self._script(sock, hello)


def read_packet(sock: socket.socket) -> bytes:
    """One MQTT packet: its first byte, then its body. Raises OSError at the end."""
    first = exactly(sock, 1)
    size = shift = 0
    while True:
        (byte,) = exactly(sock, 1)
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return first + exactly(sock, size)


def exactly(sock: socket.socket, size: int) -> bytes:
    parts = b""
    while len(parts) < size:
        if not (part := sock.recv(size - len(parts))):
            raise ConnectionError("ended")
        parts += part
    return parts


def packet(first: int, body: bytes) -> bytes:
    return bytes([first]) + length(len(body)) + body


def length(size: int) -> bytes:
    out = bytearray()
    while True:
        size, low = divmod(size, 128)
        out.append(low | (128 if size else 0))
        if not size:
            return bytes(out)


def publish(topic: str, payload: bytes, *, version: int = 5) -> bytes:
    """A PUBLISH of QoS 0."""
    name = topic.encode()
    head = len(name).to_bytes(2, "big") + name + (b"\0" if version == 5 else b"")
    return packet(0x30, head + payload)


def version_of(connect: bytes) -> int:
    return connect[7]
