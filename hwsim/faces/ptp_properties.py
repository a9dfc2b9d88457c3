"""What a responder tells of its objects: ObjectInfo, object properties, property lists.

MTP 1.1 §5.3 and annex B; the datasets from PIMA 15740 §5.5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from hwsim.card import Content, HeldClip
from hwsim.faces.ptp_codes import (
    EVERYTHING,
    UNKNOWN_LENGTH,
    Answer,
    ObjectProp,
    Protection,
    Type,
)
from hwsim.faces.ptp_data import Refused, Rows, date_time, number, string, u8, u16, u32
from hwsim.faces.ptp_objects import Node, ObjectTree
from hwsim.faults import BadDate, BadName, FalseSize, Faults, SizeChanges

TYPES = {
    ObjectProp.STORAGE_ID: Type.UINT32,
    ObjectProp.OBJECT_FORMAT: Type.UINT16,
    ObjectProp.PROTECTION_STATUS: Type.UINT16,
    ObjectProp.OBJECT_SIZE: Type.UINT64,
    ObjectProp.OBJECT_FILE_NAME: Type.STRING,
    ObjectProp.DATE_CREATED: Type.STRING,
    ObjectProp.DATE_MODIFIED: Type.STRING,
    ObjectProp.PARENT_OBJECT: Type.UINT32,
    ObjectProp.PERSISTENT_ID: Type.UINT128,
    ObjectProp.NAME: Type.STRING,
}
GENERIC_FOLDER = 0x0001


class ObjectTeller:
    """Facts about objects, with the lies that the faults ask for."""

    def __init__(self, faults: Faults, date_suffix: str, *, protects_marked: bool) -> None:
        self._faults = faults
        self._date_suffix = date_suffix
        self._marked = Protection.READ_ONLY if protects_marked else Protection.READ_ONLY_DATA
        self._grown: Counter[HeldClip] = Counter()

    def size(self, node: Node) -> int:
        if node.clip is None:
            return 0
        false = self._faults.due(FalseSize)
        if false is not None:
            return false.size
        changes = self._faults.due(SizeChanges)
        if changes is not None:
            self._grown[node.clip] += changes.by
        return max(0, node.clip.size + self._grown[node.clip])

    def name(self, node: Node) -> str:
        bad = self._faults.due(BadName) if node.clip is not None else None
        return bad.name if bad is not None else node.name

    def date(self, node: Node) -> str:
        bad = self._faults.due(BadDate)
        if bad is not None:
            return bad.text
        if node.clip is None or node.clip.recorded is None:
            return ""
        return date_time(node.clip.recorded) + self._date_suffix

    def protection(self, node: Node) -> int:
        return self._marked if node.clip is not None and node.clip.marked else Protection.NONE

    def info(self, node: Node) -> bytes:
        """The ObjectInfo dataset (PIMA 15740 §5.5.2)."""
        folder = node.clip is None
        thumbnail_and_image = u16(0) + u32(0) * 6
        return (
            u32(node.storage)
            + u16(node.format)
            + u16(self.protection(node))
            + u32(min(self.size(node), UNKNOWN_LENGTH))
            + thumbnail_and_image
            + u32(node.parent)
            + u16(GENERIC_FOLDER if folder else 0)
            + u32(0)
            + u32(0)
            + string(self.name(node))
            + string(self.date(node))
            + string(self.date(node))
            + string("")
        )

    def value(self, node: Node, prop: int) -> bytes:
        """One object property's value. Raises `Refused` for one that is not supported."""
        kind = _type_of(prop)
        if kind is Type.STRING:
            return string(self._text(node, prop))
        return number(kind, self._number(node, prop))

    def _text(self, node: Node, prop: int) -> str:
        if prop in (ObjectProp.DATE_CREATED, ObjectProp.DATE_MODIFIED):
            return self.date(node)
        return self.name(node)

    def _number(self, node: Node, prop: int) -> int:
        match prop:
            case ObjectProp.STORAGE_ID:
                return node.storage
            case ObjectProp.OBJECT_FORMAT:
                return node.format
            case ObjectProp.PROTECTION_STATUS:
                return self.protection(node)
            case ObjectProp.OBJECT_SIZE:
                return self.size(node)
            case ObjectProp.PARENT_OBJECT:
                return node.parent
        return node.handle

    def prop_list(
        self, nodes: Iterable[Node], prop: int, tree: ObjectTree, flood: range
    ) -> Content:
        """The ObjectPropList dataset (MTP 1.1 annex E.2.1), those of a flood told as read."""
        props: tuple[int, ...] = tuple(TYPES) if prop == EVERYTHING else (prop,)
        elements = [self._element(node, one) for node in nodes for one in props]
        count = len(elements) + len(flood) * len(props)

        def flooding(number: int) -> bytes:
            node = tree.node(flood[number])
            return b"".join(self._element(node, one) for one in props)

        return Rows(u32(count) + b"".join(elements), flooding, len(flood))

    def _element(self, node: Node, prop: int) -> bytes:
        return u32(node.handle) + u16(prop) + u16(_type_of(prop)) + self.value(node, prop)


def describe(prop: int) -> bytes:
    """The ObjectPropDesc dataset (MTP 1.1 §5.1.2.1): read-only, no default, no form."""
    kind = _type_of(prop)
    default = string("") if kind is Type.STRING else number(kind, 0)
    return u16(prop) + u16(kind) + u8(0) + default + u32(0) + u8(0)


def wanted_nodes(tree: ObjectTree, params: tuple[int, int, int, int, int]) -> list[Node]:
    """Which objects GetObjectPropList is about (MTP 1.1 D.2.31). Raises `Refused`."""
    handle, form, prop, _group, depth = params
    if prop == 0:
        raise Refused(Answer.NO_PROP_GROUPS)
    if handle == EVERYTHING or (handle == 0 and depth == EVERYTHING):
        nodes = list(tree.all())
    elif depth == 0:
        nodes = [tree.node(handle)] if handle else list(tree.children(0))
    elif depth == EVERYTHING:
        nodes = list(tree.below(tree.node(handle)))
    else:
        nodes = list(tree.children(handle))
    return [node for node in nodes if form in (0, EVERYTHING, node.format)]


def _type_of(prop: int) -> Type:
    try:
        return TYPES[ObjectProp(prop)]
    except ValueError:
        raise Refused(Answer.INVALID_OBJECT_PROP) from None
