"""How a TCP connection of ours behaves."""

from __future__ import annotations

import socket

USER_TIMEOUT_MS = 5_000
"""Bytes that nobody acknowledged for so long end the connection (tcp(7), TCP_USER_TIMEOUT)."""


def tune(sock: object) -> None:
    """Small messages go at once, and a peer that fell silent is given up in seconds."""
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
