"""A body's cards as PTP sees them: storages, folders as associations, clips as objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hwsim.body import Body
from hwsim.card import Card, HeldClip
from hwsim.faces.ptp_codes import EVERYTHING, FORMATS, Answer, Format
from hwsim.faces.ptp_data import Refused
from hwsim.faults import CyclicParents, DeepLevels, Faults, HandleFlood
from hwsim.media.grown import Noise

NEXT_STORAGE = 0x10000
"""Each physical store has its own upper half of the id."""

NEXT_SESSION = 0x1000
FLOOD = 0x40000000
"""The handles of a `HandleFlood` begin here."""

FLOODING_BYTES = 1 << 20
"""The size of each of its clips."""


@dataclass(slots=True)
class Node:
    """One object; a folder has no clip. `parent` 0 is the root."""

    handle: int
    storage: int
    parent: int
    name: str
    clip: HeldClip | None = None

    @property
    def format(self) -> int:
        if self.clip is None:
            return Format.ASSOCIATION
        return FORMATS.get(self.name.rpartition(".")[2].upper(), Format.UNDEFINED)


class ObjectTree:
    """The objects of one session. Every session numbers anew, as the standard allows."""

    def __init__(self, body: Body, faults: Faults, first_storage: int, session: int) -> None:
        self._body = body
        self._first_storage = first_storage
        self._next = 1 + session * NEXT_SESSION
        self._nodes: dict[int, Node] = {}
        self._folders: dict[tuple[int, str], Node] = {}
        self._edition = -1
        self._loop = 0
        deep = faults.due(DeepLevels)
        self._roof = self._dig(deep.levels) if deep else 0
        flood = faults.due(HandleFlood)
        self.flood = range(FLOOD, FLOOD + flood.count) if flood else range(0)
        """The handles of clips that are not there."""

        self._refresh()
        if faults.due(CyclicParents):
            self._tie_loop()

    def storages(self) -> dict[int, Card]:
        """The cards by storage id."""
        ids = (self._first_storage + NEXT_STORAGE * n for n in range(len(self._body.cards)))
        return dict(zip(ids, self._body.cards, strict=True))

    def storage(self, storage: int) -> Card:
        """Raises `Refused` for an id that is not among them."""
        card = self.storages().get(storage)
        if card is None:
            raise Refused(Answer.INVALID_STORAGE)
        return card

    def node(self, handle: int) -> Node:
        """Raises `Refused` for a handle that names nothing, or nothing any more."""
        self._refresh()
        if handle in self.flood:
            return self._flooding(handle)
        node = self._nodes.get(handle)
        if node is None:
            raise Refused(Answer.INVALID_HANDLE)
        return node

    def all(self) -> Iterator[Node]:
        self._refresh()
        return iter(list(self._nodes.values()))

    def children(self, parent: int) -> Iterator[Node]:
        """The objects right under a folder; 0 is the root, where also a loop is entered."""
        return (
            node
            for node in self.all()
            if node.parent == parent or (parent == 0 and node.handle == self._loop)
        )

    def listed(self, storage: int, form: int, parent: int) -> list[Node]:
        """What GetObjectHandles lists (MTP 1.1 D.2.7): parent 0 anywhere, 0xFFFFFFFF the root.

        Raises `Refused` for a storage or a parent that is not there.
        """
        if storage not in (0, EVERYTHING):
            self.storage(storage)
        if parent not in (0, EVERYTHING) and self.node(parent).clip is not None:
            raise Refused(Answer.INVALID_PARENT)
        found = self.all() if parent == 0 else self.children(0 if parent == EVERYTHING else parent)
        return [
            node
            for node in found
            if storage in (0, EVERYTHING, node.storage) and form in (0, EVERYTHING, node.format)
        ]

    def below(self, top: Node) -> Iterator[Node]:
        """Everything under a folder, at any depth, each once."""
        seen = {top.handle}
        waiting = [top.handle]
        while waiting:
            for node in self.children(waiting.pop()):
                if node.handle not in seen:
                    seen.add(node.handle)
                    waiting.append(node.handle)
                    yield node

    def _refresh(self) -> None:
        """Follow the body: clips that went lose their objects, clips that came get some."""
        if self._edition == self._body.edition:
            return
        self._edition = self._body.edition
        known = {id(node.clip): handle for handle, node in self._nodes.items() if node.clip}
        for storage, card in self.storages().items():
            for clip in card.clips:
                if known.pop(id(clip), None) is None:
                    *folders, name = clip.path.split("/")
                    self._new(storage, self._folder(storage, folders), name, clip)
        for handle in known.values():
            del self._nodes[handle]

    def _folder(self, storage: int, names: list[str]) -> int:
        """The handle of a folder, made where it is not there yet."""
        parent = self._roof if storage == self._first_storage else 0
        for depth in range(len(names)):
            key = (storage, "/".join(names[: depth + 1]))
            if key not in self._folders:
                self._folders[key] = self._new(storage, parent, names[depth], None)
            parent = self._folders[key].handle
        return parent

    def _tie_loop(self) -> None:
        """Let the first folder lie in a folder of its own, or in itself."""
        folders = [node for node in self._nodes.values() if node.clip is None]
        if folders:
            first = folders[0]
            inner = [node.handle for node in folders if node.parent == first.handle]
            self._loop = first.handle
            first.parent = inner[0] if inner else first.handle

    def _flooding(self, handle: int) -> Node:
        number = handle - FLOOD
        clip = HeldClip(f"FLOOD{number:07d}.MP4", content=Noise(FLOODING_BYTES, number))
        return Node(handle, self._first_storage, 0, clip.path, clip)

    def _dig(self, levels: int) -> int:
        """A chain of folders; the handle of the lowest."""
        parent = 0
        for level in range(levels):
            parent = self._new(self._first_storage, parent, f"L{level}", None).handle
        return parent

    def _new(self, storage: int, parent: int, name: str, clip: HeldClip | None) -> Node:
        node = Node(self._next, storage, parent, name, clip)
        self._nodes[node.handle] = node
        self._next += 1
        return node
