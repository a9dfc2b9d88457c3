"""The reader of volumes forked from a process that has imported it: a thousand in a minute.

All that is left out is starting an interpreter; limits, descriptors and frames are the real ones.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from agent.errors import RecorderMisbehaved, RecorderRefused
from agent.link.volume import child, reader
from agent.link.volume.node import Readable
from agent.offload.clearing.helper.remove import remove
from agent.offload.clearing.helper.request import Answer, Request

CPU_SECONDS = 5


class Fork(subprocess.Popen[bytes]):
    """What the parent asks of its child: to be ended, and to say how it ended."""

    def __init__(self, pid: int, pipe: int) -> None:
        self.pid, self.pipe = pid, pipe
        self.returncode: int | None = None

    def __del__(self) -> None:
        """Nothing: it was waited for."""

    def kill(self) -> None:
        if self.returncode is None:
            os.kill(self.pid, 9)

    def communicate(self, *_: object, **__: object) -> tuple[bytes, bytes]:
        if self.returncode is None:
            _pid, status = os.waitpid(self.pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)
        return b"", b""


@contextmanager
def forked(node: Readable, _cpu_seconds: int, *what: int | str) -> Iterator[child._Frames]:
    """In the place of `agent.link.volume.child._child`."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if not pid:
        _become(node, theirs, *what)
    os.close(theirs)
    fork = Fork(pid, ours)
    try:
        yield child._Frames(fork, ours)
    finally:
        fork.kill()
        fork.communicate()
        os.close(ours)


def _become(node: Readable, pipe: int, *what: int | str) -> None:
    code = 1
    try:
        os.dup2(pipe, 1)
        os.environ["TZ"] = "UTC"
        with open(1, "wb", closefd=False) as out:
            reader.sys.stdout = _Out(out)  # type: ignore[attr-defined]
            reader.main([str(each) for each in (node.fileno(), node.size, CPU_SECONDS, *what)])
            out.flush()
        code = 0
    finally:
        os._exit(code)


class _Out:
    """Standard output of which only the bytes are used; pytest has put its own there."""

    def __init__(self, buffer: object) -> None:
        self.buffer = buffer


def helped(request: Request) -> Answer | str:
    """In the place of `agent.offload.clearing.volume._asked`: the helper in this process."""
    try:
        return remove(request)
    except RecorderRefused as error:
        return Answer(refused=str(error))
    except RecorderMisbehaved as error:
        return str(error)
