"""Which of a tool's changes take one file away, and nothing else. Pure.

What is let through, and has to be there:

- in the file's own directory entries, the mark that each is unused;
- of the map of clusters, that the file's own ones are free;
- FAT32's count of free clusters (FSInfo), which nobody relies on.

All else that a tool does (a folder's new time, a folder cut shorter, a count of per cent) is left
undone: it is not needed. The order of writing is the entry first, then the rest of its name, then
the clusters: cut off between any two, clusters stay taken that nobody uses, and no file changes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agent.errors import RecorderRefused
from agent.offload.clearing.helper.card import Window
from agent.offload.clearing.helper.copy import Change
from agent.offload.clearing.helper.inventory import Item, Part
from agent.wire.volume.boot import FIRST_CLUSTER, Boot
from agent.wire.volume.entries import ENTRY_BYTES

_FIRST_ENTRY = 3


@dataclass(slots=True)
class Steps:
    """What may be written, in this order, each step synced before the next."""

    entry: list[Change] = field(default_factory=list)
    name: list[Change] = field(default_factory=list)
    clusters: list[Change] = field(default_factory=list)
    count: list[Change] = field(default_factory=list)

    def in_order(self) -> Iterator[list[Change]]:
        """Those that change something."""
        for step in (self.entry, self.name, self.clusters, self.count):
            if step:
                yield step


def entry_at(part: Part, item: Item) -> int:
    """Where its directory entry stands on the disk. Raises `RecorderRefused`."""
    boot = boot_of(part)
    if item.entry < _FIRST_ENTRY:
        raise RecorderRefused("its directory entry cannot be found")
    return part.start + boot.entries_at + (item.entry - _FIRST_ENTRY) * ENTRY_BYTES


def boot_of(part: Part) -> Boot:
    if part.facts.boot is None:
        raise RecorderRefused("its volume's first sector cannot be read")
    return part.facts.boot


class Judge(ABC):
    """What both file systems have in common."""

    def __init__(self, part: Part, item: Item, before: Window, after: Window) -> None:
        self.part, self.item, self.boot = part, item, boot_of(part)
        self.before, self.after = before, after
        self.at = entry_at(part, item)
        self.folders = [span for each in part.items if each.folder for span in each.places()]

    @abstractmethod
    def slots(self) -> dict[int, int]:
        """Place of each byte that marks one of the file's entries, and what it becomes."""

    @abstractmethod
    def map_bytes(self) -> dict[int, int]:
        """Place of each byte of the map of clusters that changes, and what it becomes."""

    def steps(self, changes: list[Change]) -> Steps:
        """The changes that take the file away. Raises `RecorderRefused` where one of those is
        missing, or where anything but the file's own clusters would become free."""
        slots, clusters = self.slots(), self.map_bytes()
        steps = Steps()
        for change in changes:
            if own := self._done(change, slots):
                first = self.at in own
                (steps.entry if first else steps.name).append(only(change, own))
            if freed := self._done(change, clusters):
                steps.clusters.append(only(change, freed))
            steps.count += self.count(change)
        if slots or clusters or not steps.entry:
            raise RecorderRefused("the tool did not take the whole file away")
        return steps

    def _done(self, change: Change, wanted: dict[int, int]) -> dict[int, int]:
        """Which of the wanted bytes a change brings; they are wanted no longer."""
        return {
            at: wanted.pop(at)
            for at, old, new in change.bytes()
            if at in wanted and self.brings(old, new, wanted[at])
        }

    def brings(self, old: int, new: int, wanted: int) -> bool:
        """Whether a byte that the tool changed has become what it should."""
        del old
        return new == wanted

    def count(self, change: Change) -> list[Change]:
        """What of it is the volume's own count of free clusters."""
        del change
        return []

    def own_clusters(self) -> set[int]:
        """Of its runs. Raises `RecorderRefused` where another file or folder has one of them."""
        boot, found = self.boot, set[int]()
        for place, length in self.item.places():
            first, rest = divmod(place - self.part.start - boot.heap_at, boot.cluster)
            if first < 0 or rest:
                raise RecorderRefused("its clusters lie where none can be")
            found.update(
                range(first + FIRST_CLUSTER, first + FIRST_CLUSTER - (-length // boot.cluster))
            )
        self.check_alone(found)
        return found

    def check_alone(self, clusters: Iterable[int]) -> None:
        mine = sorted(self.part.start + self.boot.place(each) for each in clusters)
        for other in self.part.less(self.item):
            for place, length in other.places():
                at = bisect_left(mine, place - self.boot.cluster + 1)
                if at < len(mine) and mine[at] < place + length:
                    raise RecorderRefused("it shares clusters with another file or folder")

    def in_folder(self, place: int) -> bool:
        return any(start <= place < start + length for start, length in self.folders)


def only(change: Change, bytes_: dict[int, int]) -> Change:
    """A change with only these of its bytes."""
    after = bytearray(change.before)
    for at, new in bytes_.items():
        after[at - change.offset] = new
    return Change(change.offset, change.before, bytes(after))
