"""What lies on a recorder's card: clips and where their bytes come from."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol


class Content(Protocol):
    """The bytes of a clip, readable at any offset."""

    @property
    def size(self) -> int: ...

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`; fewer only where the content ends."""
        ...


class InMemory:
    """Content that is simply there."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        return len(self._data)

    def read(self, offset: int, size: int) -> bytes:
        return self._data[offset : offset + size]


class OnDisk:
    """Content in a file, opened for each reading, so that a body holds no descriptors."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        return self._path

    @property
    def size(self) -> int:
        return self._path.stat().st_size

    def read(self, offset: int, size: int) -> bytes:
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(descriptor, size, offset)
        finally:
            os.close(descriptor)


class HeldClip:
    """One clip as the recorder holds it; `size` may be None: then it is the content's.

    `path` is joined with "/"; `recorded` is the recorder's local time, None where it keeps none;
    `marked` is its own "important" mark. `content` may be given as plain bytes.
    Raises ValueError where `size` is not the content's.
    """

    __slots__ = ("content", "marked", "path", "recorded", "size")

    def __init__(
        self,
        path: str,
        size: int | None = None,
        recorded: datetime | None = None,
        marked: bool = False,  # noqa: FBT001, FBT002
        content: Content | bytes = b"",
    ) -> None:
        self.path = path
        self.content: Content = InMemory(content) if isinstance(content, bytes) else content
        self.size = self.content.size if size is None else size
        self.recorded = recorded
        self.marked = marked
        if self.size != self.content.size:
            raise ValueError(f"{path}: {self.content.size} bytes, not {self.size}")


@dataclass(slots=True)
class Card:
    """One store of a recorder; `capacity` in bytes."""

    label: str = "CARD"
    capacity: int = 64 * 10**9
    clips: list[HeldClip] = field(default_factory=list)

    @property
    def free(self) -> int:
        """Bytes that are free; never negative, whatever lies on it."""
        return max(0, self.capacity - sum(clip.size for clip in self.clips))
