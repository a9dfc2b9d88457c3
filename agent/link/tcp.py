"""How a TCP connection of ours behaves, and one to a recorder."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from agent.errors import ConfigError, RecorderGone
from agent.link.usb_facts import TimedOut

USER_TIMEOUT_MS = 5_000
"""Bytes that nobody acknowledged for so long end the connection (tcp(7), TCP_USER_TIMEOUT)."""


def tune(sock: object) -> None:
    """Small messages go at once, and a peer that fell silent is given up in seconds."""
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)


def acknowledge_at_once(sock: object) -> None:
    """Do not delay the ACK of what was just received; lasts until the kernel thinks otherwise.

    A broker that leaves Nagle's algorithm on (Mosquitto's default) holds its next PUBACK back
    until the one before is acknowledged. With delayed ACKs that cost 40 ms for every few chunks,
    two thirds of the rate on one machine.
    """
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class TcpLine:
    """A connection to a recorder (`agent.link.line.Line`). One thread only; timeouts in seconds.

    `address` is "host:port" or "[IPv6]:port". Opening raises `ConfigError` for any other and
    `RecorderGone` where nobody answers there; every method `RecorderGone` once it is closed.
    """

    def __init__(self, address: str, timeout: float) -> None:
        self._name = address
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise ConfigError(f"{address!r} is no address such as 127.0.0.1:8000")
        try:
            with self._translated():
                self._socket = socket.create_connection((host.strip("[]"), int(port)), timeout)
                tune(self._socket)
        except TimedOut as error:
            raise RecorderGone(f"{address}: no recorder answers there in time") from error

    def read(self, size: int, timeout: float) -> bytes:
        """What has come: 1 to `size` bytes. Raises `TimedOut`."""
        with self._translated():
            self._socket.settimeout(timeout)
            data = self._socket.recv(size)
        if not data:
            raise RecorderGone(f"{self._name}: the recorder closed the connection")
        return data

    def write(self, data: bytes, timeout: float) -> None:
        """All of `data`. Raises `TimedOut` with an unknown part sent."""
        with self._translated():
            self._socket.settimeout(timeout)
            self._socket.sendall(data)

    def close(self) -> None:
        """Safe at any time."""
        self._socket.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise TimedOut(f"{self._name}: {error}") from error
        except (OSError, OverflowError) as error:  # the latter: a port over 65535
            raise RecorderGone(f"{self._name}: no recorder answers there ({error})") from error
