"""Open files of the clips that are being sent, a few at a time."""

from __future__ import annotations

import errno
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from agent.errors import ClipDamaged
from agent.model import ClipId
from agent.spool.durable import medium

OPEN_FILES = 8

_LOST = frozenset({errno.ENOENT, errno.EIO, errno.EUCLEAN, errno.EBADMSG, errno.EISDIR})
"""What opening or reading one clip says where that clip is gone, not the whole disk."""


class Readers:
    """Reads pieces of clips through descriptors that stay open.

    The lock is held while reading, so that no thread closes a descriptor under another's read:
    its number could already mean another clip.
    """

    def __init__(self, opened: Callable[[ClipId], int]) -> None:
        self._opened = opened
        self._lock = threading.Lock()
        self._files: OrderedDict[ClipId, int] = OrderedDict()

    def read(self, clip: ClipId, offset: int, size: int) -> bytes:
        """Up to `size` bytes; raises OSError, and whatever opening raises."""
        with self._lock:
            return os.pread(self._file(clip), size, offset)

    def forget(self, clip: ClipId) -> None:
        """Close a clip's file, if it is open."""
        with self._lock:
            if (file := self._files.pop(clip, None)) is not None:
                _close(file)

    def close(self) -> None:
        with self._lock:
            while self._files:
                _close(self._files.popitem()[1])

    def _file(self, clip: ClipId) -> int:
        if clip not in self._files:
            file = self._opened(clip)
            if len(self._files) >= OPEN_FILES:
                _close(self._files.popitem(last=False)[1])
            self._files[clip] = file
        self._files.move_to_end(clip)
        return self._files[clip]


@contextmanager
def lost(clip: ClipId) -> Iterator[None]:
    """One unreadable clip is damage to that clip, anything else is the disk's."""
    with medium(f"reading clip {clip}"):
        try:
            yield
        except OSError as error:
            if error.errno not in _LOST:
                raise
            raise ClipDamaged(f"clip {clip} cannot be read: {error.strerror}") from error


def _close(file: int) -> None:
    """Nothing was written through it, so that an error says nothing."""
    with suppress(OSError):
        os.close(file)
