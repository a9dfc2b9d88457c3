"""A TCP link between two programs that can be cut, left silent, and mended.

```
dock ──► TcpLink.port ──► the target
```

One thread owns every socket. A `_Lane` is one direction of one connection, and the place where a
link would do something to bytes on their way.
"""

from __future__ import annotations

import selectors
import socket
import struct
from enum import Enum
from threading import Event, Lock, Thread

_PIECE = 256 * 1024
_CONNECT_SECONDS = 2.0
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close sends RST


class _Mode(Enum):
    OPEN = "open"
    CUT = "cut"
    STALLED = "stalled"
    STOPPED = "stopped"


class TcpLink:
    """Listens on a free loopback `port` and carries every connection to the target."""

    def __init__(self, target_host: str, target_port: int) -> None:
        self._target = (target_host, target_port)
        self._server: socket.socket | None = socket.create_server(("127.0.0.1", 0))
        self.host = "127.0.0.1"
        self.port: int = self._server.getsockname()[1]
        self.bytes_out = 0
        """Bytes carried to the target."""
        self.bytes_back = 0
        """Bytes carried back."""
        self.connections = 0
        """Connections carried so far."""
        self._pairs: set[_Pair] = set()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._server, selectors.EVENT_READ)
        self._ear, self._button = socket.socketpair()
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._mode = self._wanted = _Mode.OPEN
        self._obeyed = Event()
        self._lock = Lock()
        self._thread = Thread(target=self._run, name=f"link {self.port}", daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Reset every connection, and refuse new ones until `mend`."""
        self._command(_Mode.CUT)

    def stall(self) -> None:
        """Silence: connections stay open and are accepted, and nothing is carried."""
        self._command(_Mode.STALLED)

    def mend(self) -> None:
        """Carry again; connections that only stalled go on."""
        self._command(_Mode.OPEN)

    def stop(self) -> None:
        """Reset what is open and end the thread."""
        self._command(_Mode.STOPPED)
        self._thread.join()

    def _command(self, mode: _Mode) -> None:
        """Returns once the thread has obeyed."""
        with self._lock:
            if self._wanted is _Mode.STOPPED:
                return
            self._wanted = mode
            self._obeyed.clear()
            self._button.send(b"\0")
            self._obeyed.wait()

    def _run(self) -> None:
        try:
            while self._mode is not _Mode.STOPPED:
                self._turn()
        finally:
            self._refuse()
            self._selector.close()
            self._ear.close()
            self._button.close()
            self._wanted = _Mode.STOPPED
            self._obeyed.set()

    def _turn(self) -> None:
        for key, events in self._selector.select():
            if key.fileobj is self._ear:
                self._ear.recv(64)
                self._obey(self._wanted)
                return  # what select found may be closed by now
            if key.fileobj is self._server:
                self._accept(self._server)
            elif key.data in self._pairs:
                self._carry(key.data, key.fd, events)

    def _obey(self, mode: _Mode) -> None:
        self._mode = mode
        if mode in (_Mode.CUT, _Mode.STOPPED):
            self._refuse()
        elif self._server is None:
            self._server = socket.create_server((self.host, self.port))
            self._selector.register(self._server, selectors.EVENT_READ)
        for pair in self._pairs:
            pair.watch(self._selector, carrying=mode is _Mode.OPEN)
        self._obeyed.set()

    def _refuse(self) -> None:
        if self._server is not None:
            self._selector.unregister(self._server)
            self._server.close()
            self._server = None
        for pair in list(self._pairs):
            self._drop(pair)

    def _drop(self, pair: _Pair, *, reset: bool = True) -> None:
        self._pairs.discard(pair)
        pair.close(self._selector, reset=reset)

    def _accept(self, server: socket.socket) -> None:
        near, _ = server.accept()
        try:
            far = socket.create_connection(self._target, timeout=_CONNECT_SECONDS)
        except OSError:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            near.close()
            return
        self.connections += 1
        pair = _Pair(near, far)
        self._pairs.add(pair)
        pair.watch(self._selector, carrying=self._mode is _Mode.OPEN)

    def _carry(self, pair: _Pair, fd: int, events: int) -> None:
        try:
            pair.carry(fd, events)
        except OSError:
            self._drop(pair)
            return
        self.bytes_out += pair.out.take_count()
        self.bytes_back += pair.back.take_count()
        if pair.out.ended and pair.back.ended:
            self._drop(pair, reset=False)
        else:
            pair.watch(self._selector, carrying=True)


class _Lane:
    """One direction: holds at most one piece that was read and not yet passed on."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source = source
        self.sink = sink
        self.held = memoryview(b"")
        self.ended = False
        self._count = 0

    def read(self) -> None:
        piece = self.source.recv(_PIECE)
        self.held = memoryview(piece)
        if piece:
            self.write()
        else:
            self.ended = True
            self.sink.shutdown(socket.SHUT_WR)

    def write(self) -> None:
        try:
            sent = self.sink.send(self.held)
        except BlockingIOError:
            return
        self.held = self.held[sent:]
        self._count += sent

    def take_count(self) -> int:
        """Bytes passed on since it was last asked."""
        count, self._count = self._count, 0
        return count


class _Pair:
    """A connection from near (who called us) to far (the target)."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        for sock in (near, far):
            sock.setblocking(False)  # noqa: FBT003
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.out = _Lane(near, far)
        self.back = _Lane(far, near)
        self._watched: set[socket.socket] = set()

    def watch(self, selector: selectors.BaseSelector, *, carrying: bool) -> None:
        """Tell the selector what either socket waits for now; nothing where nothing is carried."""
        for reading, writing in ((self.out, self.back), (self.back, self.out)):
            sock = reading.source
            read = selectors.EVENT_READ if not (reading.held or reading.ended) else 0
            events = (read | (selectors.EVENT_WRITE if writing.held else 0)) if carrying else 0
            if sock in self._watched:
                selector.unregister(sock)
                self._watched.discard(sock)
            if events:
                selector.register(sock, events, self)
                self._watched.add(sock)

    def carry(self, fd: int, events: int) -> None:
        """Raises OSError when either end has gone."""
        reading, writing = (self.out, self.back)
        if fd == self.back.source.fileno():
            reading, writing = writing, reading
        if events & selectors.EVENT_READ:
            reading.read()
        if events & selectors.EVENT_WRITE:
            writing.write()

    def close(self, selector: selectors.BaseSelector, *, reset: bool) -> None:
        """End both sides; with `reset` at once and without delivering what the kernel holds."""
        self.watch(selector, carrying=False)
        for sock in (self.out.source, self.back.source):
            if reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            sock.close()
