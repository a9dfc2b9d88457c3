"""Which objects are clips, and under which path each is known. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from blake3 import blake3

from agent.model import Clip
from agent.wire.ptp.codes import ASSOCIATION, PROTECTED
from agent.wire.ptp.datasets import ObjectInfo

DEPTH_LIMIT = 32
"""Folders above a clip that its path names."""
PATH_LIMIT = 2048
"""Characters; a longer path is cut to its name behind a digest of the whole."""
SIZE_LIMIT = 1 << 63
"""No clip is as large; a recorder that says so lies."""
_NAMELESS = "(no name)"

_FOOTAGE = re.compile(
    r"3g[2p]|aac|aiff?|amr|asf|avi|bmp|cr[23]|dng|flac|gif|h26[45]|hei[cf]|jfif|jpe?g|m2ts|m4[av]|"
    r"mkv|mov|mp[234]|mpe?g|mts|mxf|nef|og[agv]|opus|orf|pcm|png|ra[fw]|rw2|tiff?|ts|vob|wav|web[mp]|"
    r"wm[av]",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"bin|cfg|csv|ctg|dat|db|idx|inf|ini|json|log|nmea|srt|thm|txt|xml", re.IGNORECASE
)
_FORMATS = (range(0x3007, 0x300E), range(0x3800, 0x3900), range(0xB900, 0xBA00))
"""Audio and video, then images (PIMA 15740 clause 6.2), then MTP's audio and video (appendix A)."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A clip and what it takes to ask for it again in this session."""

    clip: Clip
    handle: int
    info: ObjectInfo


def is_footage(info: ObjectInfo) -> bool:
    """Whether an object is video, audio or photo: by its extension, else by its format code."""
    if info.format == ASSOCIATION:
        return False
    extension = info.name.rpartition(".")[2]
    if _FOOTAGE.fullmatch(extension):
        return True
    return not _OTHER.fullmatch(extension) and any(info.format in known for known in _FORMATS)


def iter_listed(objects: Mapping[int, ObjectInfo]) -> Iterator[Listed]:
    """Every clip of a possible size among the objects, in a stable order, each under its own path.

    Objects of which path, size and time are the same, also on two storages, would be one clip to
    the rest of the program; all but the first of them get `~2`, `~3` before their extension.
    """
    taken: set[tuple[str, int, str]] = set()
    numbers: dict[tuple[str, int, str], int] = {}
    for handle, info in sorted(objects.items(), key=lambda item: (item[1].storage, item[0])):
        if not is_footage(info) or info.size >= SIZE_LIMIT:
            continue
        recorded = info.modified or info.created
        path = plain = _path(handle, objects)
        same = plain, info.size, recorded
        number = numbers.get(same, 1)
        while (path, info.size, recorded) in taken:
            number += 1
            path = _numbered(plain, number)
        numbers[same] = number
        taken.add((path, info.size, recorded))
        marked = info.protection in PROTECTED
        clip = Clip(f"{info.storage:08x}", path, info.size, recorded, marked)
        yield Listed(clip, handle, info)


def _path(handle: int, objects: Mapping[int, ObjectInfo]) -> str:
    """The names from the root down, as far as they are known, are few, and do not go in circles."""
    names: dict[int, str] = {}
    while handle in objects and handle not in names and len(names) <= DEPTH_LIMIT:
        names[handle] = objects[handle].name or _NAMELESS
        handle = objects[handle].parent
    path = "/".join(reversed(names.values()))
    if len(path) <= PATH_LIMIT:
        return path
    name = path.rpartition("/")[2]
    return f"~{blake3(path.encode()).hexdigest()[:16]}/{name}"


def _numbered(path: str, number: int) -> str:
    folder, slash, name = path.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    name = f"{stem}~{number}{dot}{extension}" if stem else f"{name}~{number}"
    return f"{folder}{slash}{name}"
