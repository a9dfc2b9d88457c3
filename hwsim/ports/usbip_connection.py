"""One client that has imported one device over USB/IP: its transfers, until either goes away.

One thread reads commands, one a used endpoint carries transfers out, in their order; an endpoint
that has nothing to say holds up no other. The client has no time-outs: it takes a transfer back
by unlinking it, and what came in between is lost, as on real hosts.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock, Thread

from hwsim.ports.usb_device import UsbDevice
from hwsim.ports.usb_standard import is_housekeeping, standard
from hwsim.ports.usbip_wire import (
    HEADER,
    SHORT_NOT_OK,
    NotUsbip,
    Submit,
    Unlink,
    read_command,
    submitted,
    unlinked,
)
from hwsim.usb import Overflowed, Silent, Stalled, Unplugged

MOST_PENDING = 256
"""Transfers that a client may have open at once."""

MOST_PENDING_BYTES = 32 * 2**20
_PIECE = 256 * 1024
UNTIL_UNLINKED = 0.0


class Ended(Exception):
    """The peer closed the connection."""


@dataclass(slots=True)
class _Transfer:
    """A transfer that is not answered yet."""

    wanted: Submit
    data: bytes
    given_up: bool = False

    def is_given_up(self) -> bool:
        return self.given_up


class Connection:
    """`serve` returns when the client or the device is gone; the device is reset then."""

    def __init__(self, peer: socket.socket, device: UsbDevice) -> None:
        self._peer = peer
        self._device = device
        self._known = {0x00, 0x80, *(end.address for end in device.facts.endpoints)}
        self._lock = Lock()
        self._pending: dict[int, _Transfer] = {}
        self._workers: dict[int, _Worker] = {}

    def serve(self) -> None:
        """Raises `Ended` when either is gone, `NotUsbip` where the client breaks the protocol."""
        self._device.when_gone(self.cut)
        try:
            while True:
                command = read_command(receive(self._peer, HEADER.size))
                if isinstance(command, Unlink):
                    self._unlink(command)
                else:
                    self._submit(command)
        finally:
            self._device.forget(self.cut)
            self._give_all_up()

    def cut(self) -> None:
        """End it from any thread."""
        cut(self._peer)

    # What the client sends.

    def _submit(self, wanted: Submit) -> None:
        data = b"" if wanted.reads else receive(self._peer, wanted.length)
        transfer = _Transfer(wanted, data)
        with self._lock:
            if wanted.number in self._pending:
                raise NotUsbip(f"transfer {wanted.number} twice")
            self._pending[wanted.number] = transfer
            open_bytes = sum(one.wanted.length for one in self._pending.values())
        if len(self._pending) > MOST_PENDING or open_bytes > MOST_PENDING_BYTES:
            raise NotUsbip("too many transfers at once")
        if wanted.endpoint not in self._known:
            self._answer(transfer, -errno.ENOENT, b"")
            return
        lane = wanted.endpoint if wanted.endpoint & 0x0F else 0
        if lane not in self._workers:
            self._workers[lane] = _Worker(self._carry_out)
        self._workers[lane].queue.put(transfer)

    def _unlink(self, command: Unlink) -> None:
        with self._lock:
            transfer = self._pending.pop(command.unlinked, None)
            if transfer is not None:
                transfer.given_up = True
            status = 0 if transfer is None else -errno.ECONNRESET
            self._send(unlinked(command.number, status))
        self._device.nudge()

    def _give_all_up(self) -> None:
        with self._lock:
            for transfer in self._pending.values():
                transfer.given_up = True
            self._pending.clear()
        self._device.nudge()
        for worker in self._workers.values():
            worker.stop()
        with suppress(Unplugged):
            self._device.reset()

    # What the device answers.

    def _carry_out(self, transfer: _Transfer) -> None:
        if transfer.given_up:
            return
        try:
            data = self._transferred(transfer)
        except Silent:
            return  # unlinked: the client awaits no other answer
        except Unplugged:
            self.cut()
        except Stalled:
            self._answer(transfer, -errno.EPIPE, b"")
        except Overflowed:
            self._answer(transfer, -errno.EOVERFLOW, b"")
        else:
            wanted = transfer.wanted
            short = wanted.reads and len(data) < wanted.length
            bad = short and wanted.flags & SHORT_NOT_OK
            self._answer(transfer, -errno.EREMOTEIO if bad else 0, data)

    def _transferred(self, transfer: _Transfer) -> bytes:
        """What came from the device; what went to it, where the transfer went that way."""
        wanted, device, given_up = transfer.wanted, self._device, transfer.is_given_up
        if wanted.endpoint & 0x0F == 0:
            if is_housekeeping(wanted.setup):
                reply = standard(device, wanted.setup)
            else:
                reply = device.control(wanted.setup, transfer.data, UNTIL_UNLINKED, given_up)
            return reply[: wanted.length] if wanted.reads else transfer.data
        if not wanted.reads:
            device.write(wanted.endpoint, transfer.data, UNTIL_UNLINKED, given_up)
            return transfer.data
        into = bytearray(wanted.length)
        count = device.read(wanted.endpoint, memoryview(into), UNTIL_UNLINKED, given_up)
        return bytes(memoryview(into)[:count])

    def _answer(self, transfer: _Transfer, status: int, data: bytes) -> None:
        wanted = transfer.wanted
        with self._lock:
            if self._pending.pop(wanted.number, None) is not None:
                sent = data if wanted.reads else b""
                self._send(submitted(wanted.number, status, len(data), sent))

    def _send(self, packet: bytes) -> None:
        try:
            self._peer.sendall(packet)
        except OSError:
            self.cut()  # the reading thread notices and ends it all


class _Worker:
    """The thread of one endpoint."""

    def __init__(self, carry_out: Callable[[_Transfer], None]) -> None:
        self.queue: SimpleQueue[_Transfer | None] = SimpleQueue()
        self._carry_out = carry_out
        self._thread = Thread(target=self._run, name="usbip endpoint", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (transfer := self.queue.get()) is not None:
            self._carry_out(transfer)


def receive(peer: socket.socket, size: int) -> bytes:
    """Exactly `size` bytes, held as they come. Raises `Ended`; TimeoutError where peer has one."""
    got = bytearray()
    while len(got) < size:
        try:
            # Clients that send a head and its data apart would wait 40 ms for each of our ACKs.
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            piece = peer.recv(min(size - len(got), _PIECE))
        except TimeoutError:
            raise
        except OSError as cause:
            raise Ended from cause
        if not piece:
            raise Ended
        got += piece
    return bytes(got)


def cut(peer: socket.socket) -> None:
    """Wake whatever waits on this socket; it may be cut or closed already."""
    try:
        peer.shutdown(socket.SHUT_RDWR)
    except OSError as error:
        if error.errno not in (errno.ENOTCONN, errno.EBADF):
            raise
