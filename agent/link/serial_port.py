"""A serial port: bytes in and out, no meaning. The only importer of pyserial.

Opened raw, 8 data bits, no parity, one stop bit, and for this program alone. Trouble leaves as in
`agent.link.usb`: what ends or delays a contact is a `RecorderError`, what a protocol can mend is
`TimedOut`.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import select
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import serial

from agent.errors import RecorderBusy, RecorderGone, RecorderRefused
from agent.link.usb_facts import TimedOut

log = logging.getLogger(__name__)


class SerialLine:
    """One open port; one thread only. Timeouts are in seconds.

    Opening raises `RecorderBusy` where another program holds the port or we may not open it,
    `RecorderRefused` where it cannot do `baud` (bits a second) and `RecorderGone` where there is
    none; every method `RecorderGone` once the adapter is unplugged or the line was closed.
    `flow` is "none" or "rts-cts".
    """

    def __init__(
        self,
        node: Path,
        baud: int,
        flow: str = "none",
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.baud = baud
        self._name = node.name
        self._monotonic = monotonic
        self._port: serial.Serial | None = None
        with self._translated():
            # Neither timeout: pyserial then does one system call where `select` said it may.
            self._port = serial.Serial(
                str(node),
                baud,
                timeout=0,
                write_timeout=0,
                rtscts=flow == "rts-cts",
                exclusive=True,
            )

    def read(self, size: int, timeout: float) -> bytes:
        """What has come, as soon as anything has: 1 to `size` bytes. Raises `TimedOut`."""
        end = self._monotonic() + timeout
        with self._translated():
            while True:
                port = self._opened()
                left = end - self._monotonic()
                if not select.select([port.fd], [], [], max(0.0, left))[0]:
                    raise TimedOut(f"{self._name}: nothing came for {timeout:.3g} s")
                if data := port.read(size):
                    return bytes(data)

    def write(self, data: bytes, timeout: float) -> None:
        """All of `data` into the kernel's buffer. Raises `TimedOut` with an unknown part sent."""
        end = self._monotonic() + timeout
        rest = memoryview(data)
        with self._translated():
            while rest:
                port = self._opened()
                left = end - self._monotonic()
                if not select.select([], [port.fd], [], max(0.0, left))[1]:
                    raise TimedOut(f"{self._name}: nothing went out for {timeout:.3g} s")
                rest = rest[port.write(rest) :]

    def close(self) -> None:
        """Give the port back; safe at any time, also when the adapter is gone."""
        port, self._port = self._port, None
        if port is not None:
            try:
                # A child process on its way from fork to exec still shares the open file: without
                # a word, the lock would last until that is over.
                fcntl.flock(port.fd, fcntl.LOCK_UN)
                port.close()
            except (serial.SerialException, OSError) as error:
                log.debug("%s: %s while closing", self._name, error)

    def _opened(self) -> serial.Serial:
        if self._port is None:
            raise RecorderGone(f"{self._name}: the line was closed")
        return self._port

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (serial.SerialException, OSError) as error:
            self._raise_for(error, error.errno)
        except termios.error as error:
            self._raise_for(error, error.args[0])
        except ValueError as error:
            raise RecorderRefused(f"{self._name} cannot do {self.baud} baud: {error}") from error

    def _raise_for(self, error: Exception, number: int | None) -> NoReturn:
        """pyserial's own exceptions carry no number; what they tell of is always a lost device."""
        if number in (errno.EAGAIN, errno.EBUSY):
            raise RecorderBusy(
                f"{self._name}: another program holds the serial port",
                do="stop it; ModemManager and terminal programs often take serial ports",
            ) from error
        if number in (errno.EACCES, errno.EPERM):
            raise RecorderBusy(
                f"{self._name}: this program may not open the serial port",
                do="if it stays so, install the udev rules",
            ) from error
        raise RecorderGone(f"{self._name}: the serial port is gone ({error})") from error
