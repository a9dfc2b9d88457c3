"""What lies on a disk: its volumes, its clips, and where every clip's bytes are."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from agent.errors import RecorderMisbehaved
from agent.link.volume.child import listing
from agent.link.volume.frames import DISK, RUN, Failure, File, Folder, Runs, Trouble, Volume
from agent.link.volume.node import BlockNode
from agent.model import Clip, Storage, printable
from agent.recorder.footage import SIZE_LIMIT, Choice, Left, Taken, bounded, own_path
from agent.recorder.volume.entries import Entries, recorded
from agent.recorder.volume.facts import facts_of
from agent.wire.volume.entries import ExfatEntry, VolumeEntry

ENTRY_LIMIT = 100_000
"""Files and folders on one disk."""
NAME_LIMIT = 16 * 1024 * 1024
"""Bytes of all their names together."""
RUN_LIMIT = 1_000_000
"""Pieces that all files together lie in."""
VOLUME_LIMIT = 16
TROUBLE_LIMIT = 100
_WORDS = 300
"""Characters of what the reader says of a folder."""
_CHAINED = ("fat", "exfat")
"""Kinds of file system of which a file's clusters are told."""
UNWRITTEN = (1 << 64) - 1
"""The place of bytes that were never written: they are zero."""


@dataclass(frozen=True, slots=True)
class Held:
    """Where a file lies: `runs` are packed by `frames.RUN` and add up to `size`; None where only
    the library can read it, as `entry` of the volume that starts at `start`."""

    node: BlockNode
    start: int
    entry: int
    size: int
    runs: bytes | None


@dataclass(slots=True)
class Survey:
    """`files` are those whose path was asked for, lower case; `trouble` is what could not be
    listed."""

    storages: list[Storage] = field(default_factory=list)
    clips: dict[Clip, Held] = field(default_factory=dict)
    files: dict[str, Held] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)
    left: Left = field(default_factory=Left)


def survey(
    nodes: Sequence[BlockNode], choice: Choice, encoding: str, wanted: Container[str]
) -> Survey:
    """List everything once. Where the reader gives up on the way, what it told stays, and the
    reason is in `trouble`.

    Raises `RecorderGone`, and `RecorderMisbehaved` where there is no file system that can be read.
    """
    taker = _Taker(choice, encoding, wanted)
    for node in nodes:
        taker.change_to(node)
        before = len(taker.found.storages)
        try:
            for frame in listing(node):
                taker.take(frame)
            if len(taker.found.storages) == before:
                raise RecorderMisbehaved("the disk holds no file system that can be read")
        except RecorderMisbehaved as error:
            taker.found.trouble.insert(0, error.what)
    if not taker.found.storages:
        raise RecorderMisbehaved(taker.found.trouble[0])
    return taker.found


def labels(node: BlockNode, encoding: str) -> tuple[str, ...]:
    """The labels of the volumes, without a listing; raises as `survey` does."""
    frames = (frame for frame in listing(node, files=False) if isinstance(frame, Volume))
    return tuple(
        facts_of(node, volume, number, encoding).storage.label
        for number, volume in zip(range(1, VOLUME_LIMIT + 1), frames, strict=False)
    )


class _Taker:
    """Takes the frames of a listing in, and believes none of them."""

    def __init__(self, choice: Choice, encoding: str, wanted: Container[str]) -> None:
        self.found = Survey()
        self._choice = choice
        self._encoding = encoding
        self._wanted = wanted
        self._taken: Taken = {}
        self._entries_told = self._name_bytes = self._run_bytes = 0
        self._runs = bytearray()
        self._folders: dict[int, str] = {}

    def change_to(self, node: BlockNode) -> None:
        """What is told from now on lies on this disk."""
        self._node, self._runs, self._folders = node, bytearray(), {}

    def take(self, frame: object) -> None:
        match frame:
            case Volume():
                self._volume(frame)
            case Trouble(folder, what):
                place = self._folders.get(folder) or "its root folder"
                place = "the disk" if folder == DISK else place
                self._complain(printable(f"{place.rstrip('/')} {what}"[:_WORDS]))
            case Failure():
                self._complain("the disk cannot be read everywhere")
            case Runs(runs):
                self._count_runs(runs)
                self._runs += runs
            case Folder() | File() if not self._folders:
                raise RecorderMisbehaved("the reader of the volume tells files of no volume")
            case Folder():
                self._folder(frame)
            case File():
                self._file(frame)
            case _:
                raise RecorderMisbehaved("the reader of the volume tells what was not asked")

    def _volume(self, volume: Volume) -> None:
        if len(self.found.storages) >= VOLUME_LIMIT:
            raise RecorderMisbehaved(f"the disk has more than {VOLUME_LIMIT} volumes")
        if not volume.start < self._node.size:
            raise RecorderMisbehaved("the disk has a volume that starts behind its end")
        facts = facts_of(self._node, volume, len(self.found.storages) + 1, self._encoding)
        self.found.storages.append(facts.storage)
        self._start, self._facts, self._kind = volume.start, facts, volume.kind
        self._own = Entries(self._node, volume.start, facts, self._encoding)
        self._folders = {0: ""}

    def _count(self, name: bytes) -> None:
        self._entries_told += 1
        self._name_bytes += len(name)
        if self._entries_told > ENTRY_LIMIT or self._name_bytes > NAME_LIMIT:
            raise RecorderMisbehaved(f"the disk holds more than {ENTRY_LIMIT} files and folders")

    def _count_runs(self, runs: bytes) -> None:
        self._run_bytes += len(runs)
        if self._run_bytes > RUN_LIMIT * RUN.size:
            raise RecorderMisbehaved(f"the files lie in more than {RUN_LIMIT} pieces")

    def _complain(self, what: str) -> None:
        if len(self.found.trouble) < TROUBLE_LIMIT:
            self.found.trouble.append(what)

    def _folder(self, folder: Folder) -> None:
        self._count(folder.name)
        above = self._folders.get(folder.parent)
        if above is None or folder.number in self._folders:
            raise RecorderMisbehaved("the reader of the volume tells folders that do not join")
        own = self._own.of(folder.entry) if folder.short else None
        self._folders[folder.number] = f"{above}{self._own.name(folder, own)}/"

    def _file(self, file: File) -> None:
        self._count(file.name)
        self._count_runs(file.runs)
        runs, self._runs = bytes(self._runs + file.runs), bytearray()
        folder = self._folders.get(file.folder)
        if folder is None:
            raise RecorderMisbehaved("the reader of the volume tells a file in no folder")
        own = self._own.of(file.entry)
        if isinstance(own, VolumeEntry):
            return
        path = folder + self._own.name(file, own)
        wanted, taken = path.lower() in self._wanted, self._choice.takes(path)
        if not taken:
            self.found.left.add(path.rpartition("/")[2])
        if not wanted and not taken:
            return
        held = self._held(file, runs, own, path)
        if held and wanted:
            self.found.files.setdefault(path.lower(), held)
        if held and taken:
            self._clip(held, bounded(path), recorded(file, own, local=self._facts.boot is not None))

    def _held(self, file: File, runs: bytes, own: object, path: str) -> Held | None:
        """None, with a complaint, where the file cannot be read as it declares."""
        if file.size >= SIZE_LIMIT:
            self._complain(f"{printable(path)} claims {file.size} bytes")
            return None
        if self._kind not in _CHAINED:
            return Held(self._node, self._start, file.entry, file.size, None)
        inside = sum(
            length
            for place, length in RUN.iter_unpack(runs)
            if self._start <= place and length and place + length <= self._node.size
        )
        if inside != file.size or sum(length for _, length in RUN.iter_unpack(runs)) != inside:
            self._complain(f"{printable(path)} has {file.size} bytes, its clusters hold {inside}")
            return None
        if isinstance(own, ExfatEntry) and own.valid < file.size == own.size:
            runs = _written(runs, own.valid, file.size)
        return Held(self._node, self._start, file.entry, file.size, runs)

    def _clip(self, held: Held, path: str, when: str) -> None:
        path = own_path((path, held.size, when), self._taken)
        self.found.clips[Clip(self.found.storages[-1].id, path, held.size, when)] = held


def _written(runs: bytes, valid: int, size: int) -> bytes:
    """The runs up to `valid`; what lies behind was never written and is no footage of this file
    (exFAT specification 7.6.5: it reads as zero)."""
    kept, left = bytearray(), valid
    for place, length in RUN.iter_unpack(runs):
        if left > 0:
            kept += RUN.pack(place, min(length, left))
        left -= length
    return bytes(kept + RUN.pack(UNWRITTEN, size - valid))
