"""Which objects are clips, and under which path each is known. Pure."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

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

_EVIDENCE = re.compile(
    r"26[45]|3g[2p]|3gpp2?|aac|aiff?|amr|asf|avi|bmp|cr[23]|csv|dat|dav|dng|enc|flac|flv|gif|gps|gpx|"
    r"h26[45]|hei[cf]|hevc|insv|jfif|jp[eg]|jpeg|lrv|m2ts?|m4[av]|mjpe?g|mk[av]|mov|mp[234]|mpe?g|mts|"
    r"mxf|nef|nmea|og[agv]|opus|orf|pcm|png|ra[fw]|rw2|srt|tiff?|ts|vob|wav|web[mp]|wm[av]",
    re.IGNORECASE,
)
"""Extensions of footage, and of what lies beside it and is evidence too: tracks and subtitles that
tell where and when. They count for more than a format code, since many recorders give the code of
a text, or none, to whatever they do not know. What is not named here is taken all the same.
"""
_OTHER = re.compile(
    r"cfg|conf|ctg|db|dll|exe|html?|idx|inf|ini|json|lnk|log|m3u8?|md|nomedia|pdf|sys|thm|txt|url|xml",
    re.IGNORECASE,
)
"""Extensions of settings, logs, indexes, thumbnails and the programs for a PC that makers add."""
_OTHER_NAMES = frozenset({"indexervolumeguid", "wpsettings.dat"})
"""What Windows leaves on every card that was ever put into it."""
_APPLE_DOUBLE = "._"
"""What macOS puts beside a file, under the file's own extension."""
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


def is_footage(info: ObjectInfo) -> bool:
    """Whether an object may be footage: every file is, unless it is known not to be.

    A file that is taken in vain costs room; footage in a format that nobody thought of, left on a
    recorder that is cleared in the end, is lost. So only the lists of this module are left out, and
    hidden files (a dot in front) that neither extension nor format code speak for.
    """
    name = info.name.lower()
    if info.format == ASSOCIATION or name in _OTHER_NAMES or name.startswith(_APPLE_DOUBLE):
        return False
    extension = name.rpartition(".")[2]
    if _EVIDENCE.fullmatch(extension):
        return True
    if _OTHER.fullmatch(extension):
        return False
    if _is_one_of(info.format, _FORMATS):
        return True
    return not name.startswith(".") and not _is_one_of(info.format, _OTHER_FORMATS)


def _is_one_of(code: int, ranges: tuple[range, ...]) -> bool:
    return any(code in known for known in ranges)


def iter_listed(objects: dict[int, ObjectInfo]) -> Iterator[Listed]:
    """Every clip of a possible size, in a stable order, each under its own path.

    Takes what it gives out of `objects`, since a card's listing is large. Objects of which path,
    size and time are the same, also on two storages, would be one clip to the rest of the
    program; all but the first of them get `~2`, `~3` before their extension.
    """
    taken: dict[tuple[str, int, str], int] = {}
    footage = [handle for handle, info in objects.items() if is_footage(info)]
    for handle in sorted(footage, key=lambda handle: (objects[handle].storage, handle)):
        if objects[handle].size >= SIZE_LIMIT:
            continue
        path = _path(handle, objects)
        info = objects.pop(handle)
        recorded = info.modified or info.created
        path = _own_path((path, info.size, recorded), taken)
        marked = info.protection in PROTECTED
        storage = sys.intern(f"{info.storage:08x}")
        yield Listed(Clip(storage, path, info.size, recorded, marked), handle, info.name)


def _own_path(same: tuple[str, int, str], taken: dict[tuple[str, int, str], int]) -> str:
    """The path, or its first number that is free; `taken` says how far numbers went."""
    path, size, recorded = same
    number = taken.get(same, 0) + 1
    while number > 1 and ((path := _numbered(same[0], number)), size, recorded) in taken:
        number += 1
    taken[same] = number
    if number > 1:
        taken[path, size, recorded] = 1
    return path


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
