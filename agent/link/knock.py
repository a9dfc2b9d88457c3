"""Knocking at a daemon's door, and the two lines that go through it (see `agent.link.door`).

A socket's address has room for 107 bytes, so a folder is opened and named through
`/proc/self/fd`, however long its path is (unix(7), proc(5)).
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent import errors
from agent.errors import BodydockError, Malformed, NoAnswer, NotPermitted

LINE_LIMIT = 1024 * 1024
"""Bytes of a request or a reply."""
ANSWER_SECONDS = 60.0
"""How long `knock` waits for its reply."""
_READ = 65_536
_QUEUE_PAUSE = 0.01


def knock(
    path: Path, request: dict[str, Any], *, seconds: float = ANSWER_SECONDS
) -> dict[str, Any] | None:
    """What was answered to `request`; None where nobody is behind that door.

    Raises the error that the request ended with there, `NotPermitted`, and `NoAnswer` where it
    was said and no reply came in time: then it may have been carried out all the same.
    """
    until = time.monotonic() + seconds
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(seconds)
        try:
            _connect(line, path, until)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except PermissionError as error:
            raise NotPermitted(
                f"{path}: this user may not give orders here", do="join the dock's group"
            ) from error
        except OSError as error:
            raise NoAnswer(f"{path}: {error.strerror or error}") from error
        try:
            line.sendall(line_of(request))
            reply = document_of(_heard(line, until), "reply")
        except (OSError, Malformed) as error:
            raise NoAnswer(
                f"{path}: no answer: {error}", do="look whether it was done before you ask again"
            ) from error
    if reply.get("done") is True and isinstance(reply.get("answer"), dict):
        return dict(reply["answer"])
    raise error_of(reply)


def error_document(error: BodydockError) -> dict[str, Any]:
    """An error as it goes through a door."""
    return {"error": type(error).__name__, "what": error.what, "do": error.do}


def error_of(document: dict[str, Any]) -> BodydockError:
    """The opposite: of the same type where this bodydock has it, so that its exit code stays."""
    kind = getattr(errors, str(document.get("error", "")), None)
    what, do = str(document.get("what", "no reason given")), str(document.get("do", ""))
    if isinstance(kind, type) and issubclass(kind, BodydockError) and kind is not BodydockError:
        return kind(what, do=do)
    return NoAnswer(what, do=do)


@contextmanager
def short_way(path: Path) -> Iterator[str]:
    """A short name of the folder that `path` is in."""
    file = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{file}"
    finally:
        os.close(file)


def _connect(line: socket.socket, path: Path, until: float) -> None:
    """Waits where others stand in the queue, which the kernel calls EAGAIN (connect(2))."""
    with short_way(path) as folder:
        while True:
            try:
                return line.connect(f"{folder}/{path.name}")
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise
                time.sleep(_QUEUE_PAUSE)


def _heard(line: socket.socket, until: float) -> bytes:
    heard = bytearray()
    while b"\n" not in heard and len(heard) <= LINE_LIMIT:
        line.settimeout(max(0.001, until - time.monotonic()))
        if not (data := line.recv(_READ)):
            break
        heard += data
    return bytes(heard)


def line_of(document: dict[str, Any]) -> bytes:
    """One line of JSON."""
    return json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def document_of(raw: bytes, what: str) -> dict[str, Any]:
    """One line as an object. Raises `Malformed`."""
    line, end, rest = raw.partition(b"\n")
    if not end or len(raw) > LINE_LIMIT or rest:
        raise Malformed(f"the {what} is no single line of at most {LINE_LIMIT} bytes")
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the {what} is no JSON: {type(error).__name__}") from error
    if not isinstance(document, dict):
        raise Malformed(f"the {what} is no JSON object")
    return document
