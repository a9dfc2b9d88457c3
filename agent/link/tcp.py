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


def acknowledge_at_once(sock: object) -> None:
    """Do not delay the ACK of what was just received; lasts until the kernel thinks otherwise.

    A broker that leaves Nagle's algorithm on (Mosquitto's default) holds its next PUBACK back
    until the one before is acknowledged. With delayed ACKs that cost 40 ms for every few chunks,
    two thirds of the rate on one machine.
    """
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
