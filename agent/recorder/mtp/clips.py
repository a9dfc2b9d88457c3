"""Which objects are clips, and under which path each is known. Pure."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from agent.model import Clip
from agent.recorder.footage import SIZE_LIMIT, Taken, bounded, own_path, told_by_name
from agent.wire.ptp.codes import ASSOCIATION, PROTECTED
from agent.wire.ptp.datasets import ObjectInfo

DEPTH_LIMIT = 32
"""Folders above a clip that its path names."""
_NAMELESS = "(no name)"

_FORMATS = (range(0x3007, 0x300E), range(0x3800, 0x3900), range(0xB900, 0xBA00))
"""Audio and video, then images (PIMA 15740 clause 6.2), then MTP's audio and video (appendix A)."""
_OTHER_FORMATS = (range(0x3002, 0x3007), range(0xB802, 0xB803), range(0xBA00, 0xBC00))
"""Script, executable, text, HTML, DPOF (PIMA 15740 clause 6.2); MTP's firmware, then collections,
documents, messages and contacts (appendix A).
"""


class Listed(NamedTuple):
    """A clip, and what it takes to ask for it again in this session."""

    clip: Clip
    handle: int
    name: str
    parent: int


def is_footage(info: ObjectInfo) -> bool:
    """Whether an object may be footage: every file is, unless it is known not to be.

    A file that is taken in vain costs room; footage in a format that nobody thought of, left on a
    recorder that is cleared in the end, is lost. So only the lists of `footage` and of this
    module are left out, and hidden files (a dot in front) that neither extension nor format code
    speak for.
    """
    if info.format == ASSOCIATION:
        return False
    told = told_by_name(info.name)
    if told is not None:
        return told
    if _is_one_of(info.format, _FORMATS):
        return True
    return not info.name.startswith(".") and not _is_one_of(info.format, _OTHER_FORMATS)


def _is_one_of(code: int, ranges: tuple[range, ...]) -> bool:
    return any(code in known for known in ranges)


def iter_listed(objects: dict[int, ObjectInfo]) -> Iterator[Listed]:
    """Every clip of a possible size, in a stable order, each under its own path.

    Takes what it gives out of `objects`, since a card's listing is large. Objects of which path,
    size and time are the same, also on two storages, would be one clip to the rest of the
    program; all but the first of them get `~2`, `~3` before their extension.
    """
    taken: Taken = {}
    footage = [handle for handle, info in objects.items() if is_footage(info)]
    for handle in sorted(footage, key=lambda handle: (objects[handle].storage, handle)):
        if objects[handle].size >= SIZE_LIMIT:
            continue
        path = _path(handle, objects)
        info = objects.pop(handle)
        recorded = info.modified or info.created
        path = own_path((path, info.size, recorded), taken)
        marked = info.protection in PROTECTED
        storage = sys.intern(f"{info.storage:08x}")
        clip = Clip(storage, path, info.size, recorded, marked)
        yield Listed(clip, handle, info.name, info.parent)


def _path(handle: int, objects: Mapping[int, ObjectInfo]) -> str:
    """The names from the root down, as far as they are known, are few, and do not go in circles."""
    names: dict[int, str] = {}
    while handle in objects and handle not in names and len(names) <= DEPTH_LIMIT:
        names[handle] = objects[handle].name or _NAMELESS
        handle = objects[handle].parent
    return bounded("/".join(reversed(names.values())))
