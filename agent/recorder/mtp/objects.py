"""Finding every object of a session: by property list where that works, by handle where not.

The property list (MTP) is one transaction for everything. Devices answer it in part, wrongly or
not at all, so the handles are asked for as well, and what the list lacks is asked one by one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from agent.clock import Clock
from agent.errors import Malformed, RecorderMisbehaved, RecorderRefused
from agent.model import printable
from agent.recorder.mtp.answers import complaint
from agent.recorder.mtp.session import Session
from agent.wire.ptp.codes import ALL, ASSOCIATION, ObjectProperty, Operation, Response
from agent.wire.ptp.datasets import ObjectInfo, decode_object_info
from agent.wire.ptp.fields import Value, decode_array
from agent.wire.ptp.properties import Property, decode_object_size, iter_object_properties

log = logging.getLogger(__name__)

T = TypeVar("T")

HANDLE_LIMIT = 100_000
"""Objects in one session."""
LISTING_PATIENCE = 900.0
"""Seconds for finding all of them."""
SIZE_UNKNOWN = 0xFFFFFFFF
"""What ObjectInfo gives for a size that 32 bits do not hold."""

_DATASET_LIMIT = 4096
_LIST_LIMIT = 16 * 1024 * 1024
_ARRAY_LIMIT = 4 + 4 * HANDLE_LIMIT
_VANISHED = frozenset({Response.INVALID_OBJECT_HANDLE, Response.NO_VALID_OBJECT_INFO})

_ROW = {
    ObjectProperty.STORAGE_ID: 0,
    ObjectProperty.OBJECT_FORMAT: 1,
    ObjectProperty.PROTECTION_STATUS: 2,
    ObjectProperty.OBJECT_SIZE: 3,
    ObjectProperty.PARENT_OBJECT: 4,
    ObjectProperty.OBJECT_FILE_NAME: 5,
    ObjectProperty.DATE_CREATED: 6,
    ObjectProperty.DATE_MODIFIED: 7,
}
"""Where a property goes among the fields of ObjectInfo."""
_FIRST_TEXT = 5
_NOTHING: list[Value | None] = [None, None, 0, None, None, None, "", ""]
"""What is taken for granted, and what has to be told."""


@dataclass(frozen=True, slots=True)
class Found:
    """What there is, and what is there but does not tell what it is."""

    objects: dict[int, ObjectInfo]
    failed: tuple[str, ...]


class Finder:
    """Looks for the objects of one session. `operations` are those the device knows."""

    def __init__(self, session: Session, operations: Container[int], clock: Clock) -> None:
        self._session = session
        self._operations = operations
        self._clock = clock
        self._end = 0.0
        self._objects: dict[int, ObjectInfo] = {}
        self._silent: set[int] = set()
        """Objects that tell nothing of themselves."""
        self._failed: list[str] = []
        self._sizes: dict[int, int] = {}
        """What the property list tells of the sizes of objects that it tells too little of."""

    def find(self, storages: Iterable[int]) -> Found:
        """Every object on `storages`. Raises `RecorderMisbehaved` past the budgets."""
        self._end = self._clock.monotonic() + LISTING_PATIENCE
        self._silent, self._failed = set(), []
        self._objects, self._sizes = self._by_property_list()
        for storage in storages:
            try:
                self._ask_for(self._handles(storage, 0))
            except RecorderRefused as error:
                self._failed.append(f"storage {storage:08x}: {error.what}")
        self._look_into_folders()
        return Found(self._objects, tuple(self._failed))

    def one(self, handle: int) -> ObjectInfo | None:
        """One object as it is now; None where it is gone."""
        answer = self._session.ask(Operation.GET_OBJECT_INFO, handle, most=_DATASET_LIMIT)
        if answer.code in _VANISHED:
            return None
        if not answer.ok:
            raise complaint(f"asking for object 0x{handle:08x}", answer.code)
        info = decoded(decode_object_info, answer.data)
        if info.size != SIZE_UNKNOWN or info.format == ASSOCIATION:
            return info
        return replace(info, size=self._size(handle))

    def _size(self, handle: int) -> int:
        """The size as a 64-bit property. Raises `RecorderMisbehaved` where there is none."""
        answer = self._session.ask(
            Operation.GET_OBJECT_PROP_VALUE, handle, ObjectProperty.OBJECT_SIZE, most=8
        )
        if not answer.ok:
            raise RecorderMisbehaved(f"object 0x{handle:08x} of 4 GiB or more tells no size")
        return decoded(decode_object_size, answer.data)

    def _by_property_list(self) -> tuple[dict[int, ObjectInfo], dict[int, int]]:
        """All that one GetObjectPropList tells; of objects it tells too little of, the sizes."""
        if Operation.GET_OBJECT_PROP_LIST not in self._operations:
            return {}, {}
        try:
            answer = self._session.ask(
                Operation.GET_OBJECT_PROP_LIST, ALL, 0, ALL, 0, ALL, most=_LIST_LIMIT
            )
            if answer.code == Response.DEVICE_BUSY:
                raise complaint("listing", answer.code)
            if answer.ok:
                return _gathered(iter_object_properties(answer.data, _ROW))
        except (Malformed, RecorderMisbehaved) as error:
            self._session.check()
            log.warning("the list of all properties is of no use: %s", printable(error.what))
        return {}, {}

    def _handles(self, storage: int, parent: int) -> tuple[int, ...]:
        """Handles of everything on `storage` (parent 0), or of what one folder holds."""
        data = self._session.need(
            "listing", Operation.GET_OBJECT_HANDLES, storage, 0, parent, most=_ARRAY_LIMIT
        )
        return decoded(lambda raw: decode_array(raw, "object handles"), data)

    def _ask_for(self, handles: Iterable[int]) -> list[int]:
        """Learn what is not known yet; the folders among it. One's trouble does not hide others."""
        folders = []
        for handle in handles:
            if handle in self._objects or handle in self._silent or handle in (0, ALL):
                continue
            self._check_budgets()
            try:
                info = self.one(handle)
            except (RecorderMisbehaved, RecorderRefused) as error:
                self._session.check()
                self._silent.add(handle)
                self._failed.append(printable(error.what))
                continue
            if info is not None:
                self._objects[handle] = info = self._held_against_list(handle, info)
                if info.format == ASSOCIATION:
                    folders.append(handle)
        return folders

    def _held_against_list(self, handle: int, info: ObjectInfo) -> ObjectInfo:
        """With the larger size, where the property list told another: if that is false, reading
        finds no more bytes and says so; with the smaller one, bytes could be missed.
        """
        listed = self._sizes.get(handle, info.size)
        if listed == info.size or info.format == ASSOCIATION:
            return info
        log.warning("object 0x%08x has %d bytes, or %d as listed", handle, info.size, listed)
        return replace(info, size=max(listed, info.size))

    def _look_into_folders(self) -> None:
        """Some devices list only the root; so a folder that seems empty is asked itself."""
        parents = {info.parent for info in self._objects.values()}
        empty = [
            handle
            for handle, info in self._objects.items()
            if info.format == ASSOCIATION and handle not in parents
        ]
        while empty:
            folder = empty.pop()
            self._check_budgets()
            try:
                inside = self._handles(self._objects[folder].storage, folder)
            except RecorderRefused as error:
                log.debug("folder 0x%08x lists nothing: %s", folder, error)
            else:
                empty += self._ask_for(inside)

    def _check_budgets(self) -> None:
        if len(self._objects) + len(self._silent) >= HANDLE_LIMIT:
            raise RecorderMisbehaved(f"the recorder lists more than {HANDLE_LIMIT} objects")
        if self._clock.monotonic() > self._end:
            raise RecorderMisbehaved(f"the recorder took {LISTING_PATIENCE:.0f} s to list")


def _gathered(properties: Iterable[Property]) -> tuple[dict[int, ObjectInfo], dict[int, int]]:
    """Properties, in any order, as objects; and the sizes of what is no whole object."""
    rows: dict[int, list[Any]] = {}
    for handle, code, value in properties:
        row = rows.get(handle)
        if row is None:
            if len(rows) >= HANDLE_LIMIT:
                raise RecorderMisbehaved(f"more than {HANDLE_LIMIT} objects")
            row = rows[handle] = _NOTHING.copy()
        place = _ROW[ObjectProperty(code)]
        if isinstance(value, str if place >= _FIRST_TEXT else int):
            row[place] = value
    objects, sizes = {}, {}
    while rows:
        handle, row = rows.popitem()
        if None not in row and handle not in (0, ALL):
            objects[handle] = ObjectInfo(*row)
        elif isinstance(size := row[_ROW[ObjectProperty.OBJECT_SIZE]], int):
            sizes[handle] = size
    return objects, sizes


def decoded(decode: Callable[[bytes], T], data: bytes) -> T:
    """A dataset's value. Raises `RecorderMisbehaved` where it has none."""
    try:
        return decode(data)
    except Malformed as error:
        raise RecorderMisbehaved(f"the recorder sends what is no dataset: {error}") from error
