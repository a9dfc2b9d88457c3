"""The parent's side: start the child that parses a volume, and read its frames with distrust."""

from __future__ import annotations

import importlib.util
import logging
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import BoundedSemaphore

from agent.errors import Malformed, RecorderBusy, RecorderMisbehaved
from agent.link.volume.frames import (
    DATA_BYTES,
    HEADER,
    LIST_LIMIT,
    Data,
    End,
    Failure,
    Frame,
    decode,
)
from agent.link.volume.node import Readable
from agent.model import printable

log = logging.getLogger(__name__)

SILENCE_SECONDS = 30.0
"""A child that says nothing for so long is ended; a card that stalls costs no more."""
LIST_SECONDS = 180.0
"""For a whole listing."""
LIST_CPU_SECONDS = 60
READ_CPU_SECONDS = 600
BURIAL_SECONDS = 5.0
LOOK_SECONDS = 0.5
"""How often who waits for a child looks whether the disk is still there."""
AT_ONCE = 3
"""Children that list at the same time, so that sixteen bays together stay small."""
_PIPE_BYTES = 64 * 1024
_START = (
    "import sys; sys.path[:0] = sys.argv[1:3]; "
    "from agent.link.volume.reader import main; main(sys.argv[3:])"
)
_KEPT = ("LD_LIBRARY_PATH",)
"""Of our environment: what an interpreter that was built by hand needs to start."""
_turns = BoundedSemaphore(AT_ONCE)


def listing(node: Readable, *, files: bool = True, places: bool = False) -> Iterator[Frame]:
    """Every file system of the disk and, where they are wanted, its folders and files, as the child
    tells them; no `End`. With `places` the root comes as a folder too, and before every folder the
    runs in which it lies itself. A `Failure` says that the disk cannot be read somewhere, and is
    there.

    Raises `RecorderGone` when the disk was unplugged, `RecorderMisbehaved` where the child died,
    hung, or told what is no frame; what came before that is good. `RecorderBusy` where the dock has
    no room for a child.
    """
    what = ("places" if places else "files") if files else "volumes"
    with _turn(node), _child(node, LIST_CPU_SECONDS, what) as frames:
        for frame in frames.until(time.monotonic() + LIST_SECONDS):
            if isinstance(frame, Failure):
                node.check()
            yield frame


@contextmanager
def _turn(node: Readable) -> Iterator[None]:
    """One of the `AT_ONCE`. Raises `RecorderGone` where the contact ends while it is waited for."""
    while not _turns.acquire(timeout=LOOK_SECONDS):
        node.check()
    try:
        yield
    finally:
        _turns.release()


def content(
    node: Readable, start: int, entry: int, at: int, end: int
) -> Generator[bytes, None, None]:
    """A file's bytes from `at` to `end` in pieces, for what only the library can read.

    Raises as `listing` does, and `RecorderMisbehaved` where it gives fewer.
    """
    with _child(node, READ_CPU_SECONDS, start, entry, at, end) as frames:
        for frame in frames.until(None):
            if isinstance(frame, Failure):
                node.check()
                raise RecorderMisbehaved("the disk has bytes that cannot be read")
            if not isinstance(frame, Data) or not 0 < len(frame.data) <= end - at:
                raise RecorderMisbehaved("a file's content is not what was asked for")
            at += len(frame.data)
            yield frame.data
    if at < end:
        raise RecorderMisbehaved(f"a file's content ends {end - at} bytes too early")


@contextmanager
def _child(node: Readable, cpu_seconds: int, *what: int | str) -> Iterator[_Frames]:
    """A child with this one descriptor, ended whatever happens."""
    facts = (node.fileno(), node.size, cpu_seconds, *what)
    command = [sys.executable, "-I", "-S", "-c", _START, *_homes(), *map(str, facts)]
    process = _started(command, node.fileno())
    try:
        pipe = process.stdout.fileno() if process.stdout else -1
        yield _Frames(process, pipe, node.check)
    finally:
        process.kill()
        _buried(process)


def _started(command: list[str], descriptor: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(descriptor,),
            env={"TZ": "UTC"} | {name: os.environ[name] for name in _KEPT if name in os.environ},
        )
    except OSError as error:
        raise RecorderBusy(f"this dock cannot start the reader of volumes now ({error})") from error


def _buried(process: subprocess.Popen[bytes]) -> bytes:
    """What a killed child said of itself. One that hangs in the kernel, as with a disk that does
    not answer, is left to end when the kernel lets it."""
    try:
        return process.communicate(timeout=BURIAL_SECONDS)[1]
    except subprocess.TimeoutExpired:
        log.warning("the reader of a volume hangs in the kernel (process %d)", process.pid)
        return b""


def _homes() -> tuple[str, str]:
    """Where our package and the library lie: all that the child can import from."""
    spec = importlib.util.find_spec("pytsk3")
    if spec is None or spec.origin is None:
        raise RecorderMisbehaved("the library that reads volumes (pytsk3) is not installed")
    return str(Path(__file__).resolve().parents[3]), str(Path(spec.origin).parent)


class _Frames:
    """The frames of one child."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        pipe: int,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """`check` raises `RecorderGone` where nobody waits for this child any more."""
        self._process = process
        self._pipe = pipe
        self._check = check
        self._held = bytearray()

    def until(self, deadline: float | None) -> Iterator[Frame]:
        """All frames up to `End`, which is not given."""
        while True:
            kind, length = HEADER.unpack(self._take(HEADER.size, deadline))
            if length > (LIST_LIMIT if deadline else DATA_BYTES):
                raise RecorderMisbehaved("the reader of the volume tells too much at once")
            try:
                frame = decode(kind, self._take(length, deadline))
            except Malformed as error:
                raise RecorderMisbehaved(f"the reader of the volume tells {error}") from error
            if isinstance(frame, End):
                return
            yield frame

    def _take(self, size: int, deadline: float | None) -> bytes:
        while len(self._held) < size:
            self._held += self._more(deadline)
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken

    def _more(self, deadline: float | None) -> bytes:
        patience = SILENCE_SECONDS
        if deadline is not None:
            patience = min(patience, deadline - time.monotonic())
        end = time.monotonic() + patience
        while (left := end - time.monotonic()) > 0:
            if select.select([self._pipe], [], [], min(left, LOOK_SECONDS))[0]:
                break
            self._check()
        else:
            raise RecorderMisbehaved("the volume takes too long to read; it may be damaged")
        if data := os.read(self._pipe, _PIPE_BYTES):
            return data
        self._process.kill()
        words = _buried(self._process)
        log.debug("the reader ended: %s", printable(words[-500:].decode(errors="replace")))
        raise RecorderMisbehaved(
            f"the volume could not be read to its end ({_reason(self._process.returncode)})"
        )


def _reason(code: int) -> str:
    return f"the reader was ended by signal {-code}" if code < 0 else f"the reader failed, {code}"
