"""A door in the machine for people's orders: a Unix socket, one line of JSON in, one line out.

Who may knock is the file's mode, 0660, and its folder's; the kernel tells who knocked
(SO_PEERCRED, unix(7)). One thread serves all callers and waits for none of them: a caller who
dawdles is left at the end of its time, one who says too much at once.
"""

from __future__ import annotations

import logging
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import BodydockError, SpoolBroken
from agent.link.bell import Bell
from agent.link.knock import LINE_LIMIT, document_of, error_document, line_of, short_way

log = logging.getLogger(__name__)

CALLERS = 16
"""Served at once; one more, and the one that came first has to go."""
PATIENCE = 10.0
"""Seconds that a caller has to say what it wants, and again to take the reply."""
_CREDENTIALS = struct.Struct("3i")
_READ = 65_536
_QUEUE = 128
"""Who waits to be let in."""
_PAUSE = 1.0
"""Seconds without a new caller, where the process has no file descriptor left."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who knocked, by the kernel's word."""

    pid: int
    uid: int
    gid: int


Answer = Callable[[dict[str, Any], Caller], dict[str, Any]]
"""What is done with a request. Runs in the door's thread; a `BodydockError` goes to the caller."""


class Door:
    """Open from the start until `close`. Raises `SpoolBroken` where no socket can be made."""

    def __init__(self, path: Path, answer: Answer, *, patience: float = PATIENCE) -> None:
        self._path = path
        self._answer = answer
        self._patience = patience
        self._stop = threading.Event()
        self._bell = Bell()
        self._visits: dict[int, _Visit] = {}
        try:
            self._listener, self._inode = _listen(path)
        except OSError as error:
            self._bell.close()
            raise SpoolBroken(
                f"{path} cannot be made: {error.strerror}", do="check its folder"
            ) from error
        self._selector = selectors.DefaultSelector()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="door")
        self._work = self._threads.submit(self._run)

    def check(self) -> None:
        """Raises what ended the door's thread before its time."""
        if self._work.done():
            self._work.result()

    def close(self) -> None:
        """The order under way is carried out; whoever comes later finds nobody."""
        self._stop.set()
        self._bell.ring()
        self._threads.shutdown(wait=True)
        _remove(self._path, self._inode)
        self._bell.close()

    def _run(self) -> None:
        selector = self._selector
        selector.register(self._bell, selectors.EVENT_READ)
        selector.register(self._listener, selectors.EVENT_READ)
        try:
            while not self._stop.is_set():
                for key, _ in selector.select(self._until_somebody_is_late()):
                    self._serve(key.fd)
                self._leave_the_late()
        finally:
            for visit in list(self._visits.values()):
                self._leave(visit)
            self._listener.close()
            selector.close()

    def _serve(self, file: int) -> None:
        if file == self._listener.fileno():
            self._admit()
        elif (visit := self._visits.get(file)) is not None:
            self._go_on(visit)

    def _admit(self) -> None:
        try:
            line, _ = self._listener.accept()
        except OSError as error:
            log.warning("%s: nobody can come in: %s", self._path, error.strerror)
            self._stop.wait(_PAUSE)
            return
        if len(self._visits) >= CALLERS:
            self._leave(next(iter(self._visits.values())))
        line.settimeout(0)
        visit = _Visit(line, time.monotonic() + self._patience)
        self._visits[line.fileno()] = visit
        self._selector.register(line, selectors.EVENT_READ)

    def _go_on(self, visit: _Visit) -> None:
        """One step with a caller, who may be gone by now."""
        try:
            if visit.reply:
                over = visit.send()
            else:
                over = not visit.hear()
                if visit.has_asked:
                    visit.reply = line_of(self._reply(visit))
                    visit.until = time.monotonic() + self._patience
                    self._selector.modify(visit.line, selectors.EVENT_WRITE)
                    over = False
        except BlockingIOError:
            return
        except OSError:
            over = True
        if over:
            self._leave(visit)

    def _reply(self, visit: _Visit) -> dict[str, Any]:
        try:
            return {"done": True, "answer": self._answer(visit.request(), visit.caller())}
        except BodydockError as error:
            log.warning("an order was refused: %s", error)
            return {"done": False, **error_document(error)}

    def _until_somebody_is_late(self) -> float | None:
        first = min((visit.until for visit in self._visits.values()), default=None)
        return None if first is None else max(0.0, first - time.monotonic())

    def _leave_the_late(self) -> None:
        now = time.monotonic()
        for visit in [each for each in self._visits.values() if each.until <= now]:
            self._leave(visit)

    def _leave(self, visit: _Visit) -> None:
        del self._visits[visit.line.fileno()]
        self._selector.unregister(visit.line)
        visit.line.close()


class _Visit:
    """One caller, from its knock to its reply."""

    def __init__(self, line: socket.socket, until: float) -> None:
        self.line = line
        self.until = until
        self.reply = b""
        self._heard = bytearray()

    @property
    def has_asked(self) -> bool:
        return b"\n" in self._heard or len(self._heard) > LINE_LIMIT

    def hear(self) -> bool:
        """Read what there is; False where the caller ended."""
        data = self.line.recv(_READ)
        self._heard += data
        return bool(data)

    def send(self) -> bool:
        """Write what the line takes; True once all of it is written."""
        self.reply = self.reply[self.line.send(self.reply) :]
        return not self.reply

    def request(self) -> dict[str, Any]:
        return document_of(bytes(self._heard), "request")

    def caller(self) -> Caller:
        raw = self.line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        return Caller(*_CREDENTIALS.unpack(raw))


def _listen(path: Path) -> tuple[socket.socket, int]:
    """A listening socket and its inode, put in place of what a crash left there."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    part = path.with_name(f".{path.name}.new")
    try:
        with short_way(path) as folder:
            part.unlink(missing_ok=True)
            line.bind(f"{folder}/{part.name}")
        part.chmod(0o660)
        line.settimeout(0)
        line.listen(_QUEUE)
        inode = part.stat().st_ino
        part.replace(path)
    except OSError:
        line.close()
        raise
    return line, inode


def _remove(path: Path, inode: int) -> None:
    """Unless another daemon put its own there meanwhile."""
    try:
        if path.stat().st_ino == inode:
            path.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning("%s cannot be removed: %s", path, error.strerror)
