"""A serial port as a pseudo-terminal: the far side is a face, the near side any program's.

    port = PtyPort(face, baud=921_600, noise=LineNoise(flip=1 / 2000), seed=7)
    machine.attach_serial("1-1.3", port.node, vendor=0x0403, product=0x6001)
    port.unplug()

One thread carries the bytes of both directions, at the line's rate where one is given (10 bits a
byte: start, eight, stop) and with what the line does to them.
"""

from __future__ import annotations

import os
import pty
import select
import threading
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol

_BITS = 10
_PIECE = 4096
_TICK = 0.001
"""Seconds: what came due meanwhile goes at once, as a USB adapter's packets do."""


class SerialFace(Protocol):
    """What answers on a serial line."""

    def attach(self, send: Callable[[bytes], None]) -> None:
        """Plugged in: from now on `send` puts bytes on the line."""
        ...

    def receive(self, data: bytes) -> None:
        """Bytes have come, in whatever pieces. Called from the port's own thread."""
        ...


@dataclass(frozen=True, slots=True)
class LineNoise:
    """What a bad line does, as chances for each byte, both directions alike."""

    flip: float = 0.0
    """One bit arrives wrong."""
    lose: float = 0.0
    """It never arrives."""
    insert: float = 0.0
    """A byte that nobody sent comes before it."""
    chatter: tuple[bytes, ...] = ()
    """What a console prints of its own accord: one of these may go before each of the face's
    sendings (to the host only)."""
    chattiness: float = 0.25
    """The chance of that, for each sending."""

    def over(self, data: bytes, random: Random) -> bytes:
        """`data` as it arrives."""
        if not (self.flip or self.lose or self.insert):
            return data
        arrived = bytearray()
        for byte in data:
            if random.random() < self.insert:
                arrived.append(random.randrange(256))
            if random.random() >= self.lose:
                wrong = 1 << random.randrange(8) if random.random() < self.flip else 0
                arrived.append(byte ^ wrong)
        return bytes(arrived)


QUIET = LineNoise()


class _Lane:
    """One direction: what is on its way, and how much of it is due."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._waiting = bytearray()
        self._since = 0.0
        self._gone = 0

    def put(self, data: bytes, now: float) -> None:
        if not self._waiting:
            self._since, self._gone = now, 0
        self._waiting += data

    def due(self, now: float) -> int:
        """Bytes that may go now."""
        if self._rate is None:
            return min(len(self._waiting), _PIECE)
        earned = int((now - self._since) * self._rate) - self._gone
        return max(0, min(earned, len(self._waiting), _PIECE))

    def look(self, size: int) -> bytes:
        return bytes(self._waiting[:size])

    def drop(self, size: int) -> None:
        del self._waiting[:size]
        self._gone += size

    def wait(self, now: float) -> float | None:
        """Seconds until something worth a journey is due; None where nothing waits."""
        if not self._waiting:
            return None
        if self._rate is None or self.due(now):
            return 0.0
        whole = self._since + (self._gone + len(self._waiting)) / self._rate - now
        return min(_TICK, max(0.0, whole))


class PtyPort:
    """`face` behind a pseudo-terminal, until `unplug`. `baud` None: as fast as the machine goes.

    After `cut` bytes to the host it unplugs itself, wherever in a message that falls.
    """

    def __init__(
        self,
        face: SerialFace,
        *,
        baud: int | None = None,
        noise: LineNoise = QUIET,
        seed: int = 0,
        cut: int | None = None,
    ) -> None:
        self.sent = 0
        """Bytes that went to the host so far."""
        self._face = face
        self._noise = noise
        self._random = Random(seed)
        self._cut = cut
        rate = None if baud is None else baud / _BITS
        self._out, self._in = _Lane(rate), _Lane(rate)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._closed = False
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        # The slave stays open, so that the line outlives programs that come and go.
        self.node = Path(os.ttyname(self._slave))
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._carry, name=str(self.node), daemon=True)
        face.attach(self._send)
        self._thread.start()

    def unplug(self) -> None:
        """The adapter is pulled out: the node is dead from now on. Any thread may call it, the
        face too; safe to call again."""
        self._ended.set()
        self._poke()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _send(self, data: bytes) -> None:
        """What the face has to say; it goes out from the port's thread."""
        with self._lock:
            chatter = b""
            if self._noise.chatter and self._random.random() < self._noise.chattiness:
                chatter = self._random.choice(self._noise.chatter)
            self._out.put(self._noise.over(chatter + data, self._random), time.monotonic())
        self._poke()

    def _poke(self) -> None:
        """Let the thread look again, if it is another one and still there."""
        if threading.current_thread() is not self._thread:
            with self._lock:
                if not self._closed:
                    os.write(self._wake_write, b"!")

    def _carry(self) -> None:
        try:
            while not self._ended.is_set():
                self._wait()
                self._deliver()
                self._emit()
        finally:
            with self._lock:
                self._closed = True
                for each in (self._master, self._slave, self._wake_read, self._wake_write):
                    os.close(each)

    def _wait(self) -> None:
        """Until there is something to do; and take in what the host wrote."""
        now = time.monotonic()
        with self._lock:
            waits = [self._in.wait(now)]
            writers = []
            if self._out.due(now):
                writers = [self._master]
            else:
                waits.append(self._out.wait(now))
        left = min((wait for wait in waits if wait is not None), default=None)
        ready, _, _ = select.select([self._master, self._wake_read], writers, [], left)
        if self._wake_read in ready:
            os.read(self._wake_read, _PIECE)
        if self._master in ready:
            data = os.read(self._master, _PIECE)
            self._in.put(self._noise.over(data, self._random), time.monotonic())

    def _deliver(self) -> None:
        """To the face, what arrived; only this thread touches that lane."""
        if size := self._in.due(time.monotonic()):
            data = self._in.look(size)
            self._in.drop(size)
            self._face.receive(data)

    def _emit(self) -> None:
        """To the host, as much as is due and its buffer takes."""
        with self._lock:
            size = self._out.due(time.monotonic())
            if self._cut is not None:
                size = min(size, self._cut - self.sent)
            if size:
                try:
                    gone = os.write(self._master, self._out.look(size))
                except BlockingIOError:  # the host does not read
                    return
                self._out.drop(gone)
                self.sent += gone
            if self.sent == self._cut:
                self._ended.set()
