"""What becomes of a daemon's memory: how the C library hands it out, and that no core keeps it.

Chunks of 256 KiB come and go all day. By default glibc maps and unmaps each, in an arena for
every thread: page faults, and on two cores a quarter to a third of the daemons' CPU (measured by
`python -m tests.bench uplink`). One arena that keeps a few MiB costs less of both.
"""

from __future__ import annotations

import ctypes
import resource

# From glibc's malloc.h (mallopt(3)).
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_KEPT = 4 * 1024 * 1024
_MAPPED_FROM = 1024 * 1024


def keep_buffers() -> None:
    """Call before the first thread starts. Does nothing where the C library has no mallopt."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for option, value in (
        (_ARENA_MAX, 1),
        (_TRIM_THRESHOLD, _KEPT),
        (_MMAP_THRESHOLD, _MAPPED_FROM),
    ):
        mallopt(option, value)


def no_core() -> None:
    """A crash writes no core, here and in whatever is started from here: it would hold footage
    before it was encrypted, and keys. (What the kernel swaps out is the machine's to encrypt.)"""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
