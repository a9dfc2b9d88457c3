"""Everything on a disk, with its place: what a removal is judged by, before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from blake3 import blake3

from agent.errors import RecorderMisbehaved
from agent.link.volume.child import listing
from agent.link.volume.frames import DISK, RUN, Failure, File, Folder, Frame, Runs, Trouble, Volume
from agent.link.volume.node import Readable
from agent.model import framed
from agent.recorder.volume.entries import Entries, recorded
from agent.recorder.volume.facts import Facts, facts_of
from agent.recorder.volume.survey import ENTRY_LIMIT, NAME_LIMIT, RUN_LIMIT, VOLUME_LIMIT
from agent.wire.volume.entries import VolumeEntry


@dataclass(frozen=True, slots=True)
class Item:
    """A file or a folder (`folder` ends its path with "/"; the root's is "/"). `entry` is the
    reader's number for its directory entry, `recorded` as the driver tells it, `runs` packed by
    `frames.RUN`. `own` is an entry of the volume's own: a map, a label."""

    path: str
    entry: int
    size: int
    recorded: str
    runs: bytes
    short: bool
    own: bool = False

    @property
    def folder(self) -> bool:
        return self.path.endswith("/")

    def places(self) -> Iterator[tuple[int, int]]:
        """Where it lies on the disk: place and length in bytes."""
        return RUN.iter_unpack(self.runs)


@dataclass(slots=True)
class Part:
    """One file system of the disk."""

    start: int
    kind: str
    facts: Facts
    items: list[Item] = field(default_factory=list)

    def less(self, item: Item) -> list[Item]:
        """All items without one."""
        return [each for each in self.items if each is not item]

    @property
    def name(self) -> str:
        """Kind and volume serial."""
        return f"{self.kind} {self.facts.storage.serial}".strip()


@dataclass(slots=True)
class Inventory:
    """All file systems of a disk; `trouble` is what could not be listed."""

    parts: list[Part] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    def part(self, start: int) -> Part | None:
        """The file system that begins at a byte."""
        return next((each for each in self.parts if each.start == start), None)

    @property
    def digest(self) -> str:
        """Over everything that was told: two disks with the same are the same disk."""
        heads = (
            [str(p.start), p.kind, p.facts.storage.serial, str(p.facts.boot)] for p in self.parts
        )
        items = chain.from_iterable(part.items for part in self.parts)
        texts = chain(chain.from_iterable(heads), chain.from_iterable(map(_texts, items)))
        return blake3(framed([*texts, *self.trouble])).hexdigest()


def _texts(item: Item) -> Iterable[str]:
    return item.path, str(item.entry), str(item.size), item.recorded, item.runs.hex()


def inventory(disk: Readable, encoding: str) -> Inventory:
    """List a disk once, through the confined reader. `encoding` is that of short names.

    Raises as `agent.link.volume.child.listing` does.
    """
    taker = _Taker(disk, encoding)
    for frame in listing(disk, places=True):
        taker.take(frame)
    return taker.found


class _Taker:
    """Takes the frames in, and believes none of them."""

    def __init__(self, disk: Readable, encoding: str) -> None:
        self.found = Inventory()
        self._disk = disk
        self._encoding = encoding
        self._folders: dict[int, str] = {}
        self._runs = bytearray()
        self._told = self._name_bytes = self._run_bytes = 0

    def take(self, frame: Frame) -> None:
        match frame:
            case Volume():
                self._volume(frame)
            case Trouble(folder, what):
                place = "the disk" if folder == DISK else f"/{self._folders.get(folder, '')}"
                self.found.trouble.append(f"{place} {what}")
            case Failure():
                self.found.trouble.append("the disk cannot be read everywhere")
            case Runs(runs):
                self._runs += runs
            case Folder() | File() if self.found.parts:
                self._item(frame)
            case _:
                raise RecorderMisbehaved("the reader of the volume tells what was not asked")
        if len(self.found.trouble) > ENTRY_LIMIT or len(self._runs) > RUN_LIMIT * RUN.size:
            raise RecorderMisbehaved("the reader of the volume tells too much")

    def _volume(self, volume: Volume) -> None:
        if len(self.found.parts) >= VOLUME_LIMIT or not volume.start < self._disk.size:
            raise RecorderMisbehaved("the disk has volumes that cannot be")
        facts = facts_of(self._disk, volume, len(self.found.parts) + 1, self._encoding)
        self.found.parts.append(Part(volume.start, volume.kind, facts))
        self._own = Entries(self._disk, volume.start, facts, self._encoding)
        self._folders = {}

    def _item(self, told: Folder | File) -> None:
        self._count(told)
        runs, self._runs = bytes(self._runs), bytearray()
        part = self.found.parts[-1]
        if isinstance(told, Folder):
            path = self._folder(told)
            part.items.append(Item(path, told.entry, 0, "", runs, told.short))
            return
        above = self._folders.get(told.folder)
        if above is None:
            raise RecorderMisbehaved("the reader of the volume tells a file in no folder")
        own = self._own.of(told.entry)
        path = above + self._own.name(told, own)
        when = recorded(told, own, local=part.facts.boot is not None)
        special = isinstance(own, VolumeEntry)
        runs += told.runs
        part.items.append(Item(path, told.entry, told.size, when, runs, told.short, special))

    def _folder(self, folder: Folder) -> str:
        if not self._folders and folder.number == 0:
            self._folders[0] = ""
            return "/"
        above = self._folders.get(folder.parent)
        if above is None or folder.number in self._folders:
            raise RecorderMisbehaved("the reader of the volume tells folders that do not join")
        own = self._own.of(folder.entry) if folder.short else None
        path = f"{above}{self._own.name(folder, own)}/"
        self._folders[folder.number] = path
        return path

    def _count(self, told: Folder | File) -> None:
        self._told += 1
        self._name_bytes += len(told.name)
        self._run_bytes += len(self._runs) + (len(told.runs) if isinstance(told, File) else 0)
        if (
            self._told > ENTRY_LIMIT
            or self._name_bytes > NAME_LIMIT
            or self._run_bytes > RUN_LIMIT * RUN.size
        ):
            raise RecorderMisbehaved(f"the disk holds more than {ENTRY_LIMIT} files and folders")
