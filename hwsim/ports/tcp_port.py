"""A recorder that answers on a TCP port of the loopback interface.

    port = TcpPort(face)
    bay = {"address": port.address}
    port.cut()

One connection at a time, as Android's recorders do it. The face is the one of a serial line
(`hwsim.ports.pty_port`): it is attached anew for each connection.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from hwsim.ports.pty_port import SerialFace

_PIECE = 1 << 16


class TcpPort:
    """`face` behind a listening socket, until `unplug`. Any thread may cut and unplug.

    After `cut_after` bytes to the host it cuts the connection itself, once, wherever in a message
    that falls.
    """

    def __init__(self, face: SerialFace, *, cut_after: int | None = None) -> None:
        self.sent = 0
        """Bytes that went to the host so far."""
        self.answers = True
        """False: who connects is hung up on, as by a forwarded port whose recorder is away."""
        self._face = face
        self._cut_after = cut_after
        self._lock = threading.Lock()
        self._client: socket.socket | None = None
        self._ended = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, name=self.address, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """End the connection that there is, if any; the next one is welcome."""
        with self._lock:
            client = self._client
        if client is not None:
            with suppress(OSError):  # it may have ended by itself meanwhile
                client.shutdown(socket.SHUT_RDWR)

    def unplug(self) -> None:
        """Cut, and listen no more; safe to call again."""
        with self._lock:
            self._ended = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self.cut()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _serve(self) -> None:
        with self._listener:
            while not self._ended:
                try:
                    client, _ = self._listener.accept()
                except OSError:
                    return
                if self.answers:
                    self._speak(client)
                else:
                    client.close()

    def _speak(self, client: socket.socket) -> None:
        with client:
            with self._lock:
                self._client = client if not self._ended else None
            self._face.attach(lambda data: self._send(client, data))
            with suppress(ConnectionError):
                while self._client and (data := client.recv(_PIECE)):
                    self._face.receive(data)
            with self._lock:
                self._client = None

    def _send(self, client: socket.socket, data: bytes) -> None:
        """A face may go on talking to a host that has left: nobody hears it."""
        if self._cut_after is not None:
            data = data[: self._cut_after - self.sent]
        with suppress(OSError):
            client.sendall(data)
            self.sent += len(data)
        if self.sent == self._cut_after:
            self._cut_after = None
            self.cut()
