"""Which files are footage by name and place, and under which path each is known."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TypeAlias

from blake3 import blake3

from agent.model import printable
from agent.recorder.profiles.model import Clips

log = logging.getLogger(__name__)

_KINDS, _KIND_LENGTH = 16, 16
"""How many extensions are named in the log, and how much of each."""
PATH_LIMIT = 2048
"""Characters; a longer path is cut to its name behind a digest of the whole."""
SIZE_LIMIT = 1 << 63
"""No clip is as large; a recorder that says so lies."""

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

Same: TypeAlias = tuple[str, int, str]
"""Path, size and recorded time: what a clip is known by."""
Taken: TypeAlias = dict[Same, int]


def told_by_name(name: str) -> bool | None:
    """Whether a file is footage by its name; None where the name does not tell."""
    name = name.lower()
    if name in _OTHER_NAMES or name.startswith(_APPLE_DOUBLE):
        return False
    extension = name.rpartition(".")[2]
    if _EVIDENCE.fullmatch(extension):
        return True
    return False if _OTHER.fullmatch(extension) else None


class Choice:
    """What a profile's `[clips]` wants of a recorder's files, on top of the common lists.

    A file that is taken in vain costs room; footage in a format that nobody thought of, left on a
    recorder that is cleared in the end, is lost. So every file is taken that is not known to be
    no footage, but for hidden ones (a dot in front) of which the name says nothing.
    """

    def __init__(self, clips: Clips) -> None:
        self._folders, self._only = _lowered(clips.folders), _lowered(clips.only)
        self._never, self._logs = _lowered(clips.never), _lowered(clips.logs)

    def takes(self, path: str) -> bool:
        """Whether the file is pulled: as footage, or as the recorder's own log."""
        path = path.lower()
        folder, _, name = path.rpartition("/")
        if _matches(path, self._logs):
            return True
        if _matches(name, self._never) or not self._in_folders(folder):
            return False
        if self._only:
            return _matches(name, self._only)
        told = told_by_name(name)
        return not name.startswith(".") if told is None else told

    def _in_folders(self, folder: str) -> bool:
        """In one of the folders that hold footage, or anywhere below one."""
        if not self._folders:
            return True
        steps = folder.split("/")
        return any(
            _matches("/".join(steps[:depth]), self._folders) for depth in range(1, len(steps) + 1)
        )


def _lowered(wildcards: Iterable[str]) -> tuple[str, ...]:
    return tuple(wildcard.lower().strip("/") for wildcard in wildcards)


def _matches(text: str, wildcards: tuple[str, ...]) -> bool:
    return any(fnmatchcase(text, wildcard) for wildcard in wildcards)


def bounded(path: str) -> str:
    """The path, or a digest of it and its name where it is too long."""
    if len(path) <= PATH_LIMIT:
        return path
    name = path.rpartition("/")[2]
    return f"~{blake3(path.encode()).hexdigest()[:16]}/{name}"


def own_path(same: Same, taken: Taken) -> str:
    """The path, or its first number that is free; `taken` says how far numbers went.

    Files of which path, size and time are the same, also on two storages, would be one clip to the
    rest of the program; all but the first of them get `~2`, `~3` before their extension.
    """
    path, size, recorded = same
    number = taken.get(same, 0) + 1
    while number > 1 and ((path := _numbered(same[0], number)), size, recorded) in taken:
        number += 1
    taken[same] = number
    if number > 1:
        taken[path, size, recorded] = 1
    return path


def _numbered(path: str, number: int) -> str:
    folder, slash, name = path.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    name = f"{stem}~{number}{dot}{extension}" if stem else f"{name}~{number}"
    return f"{folder}{slash}{name}"


class Left:
    """What a listing leaves on the recorder, so that no format is passed over unseen."""

    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()
        self._footage = 0

    def add(self, name: str) -> None:
        """One file by its name; its extension is counted."""
        kind = name.rpartition(".")[2].lower()[:_KIND_LENGTH]
        self._kinds[kind if kind in self._kinds or len(self._kinds) < _KINDS else "others"] += 1
        self._footage += told_by_name(name.lower()) is True

    def tell(self) -> None:
        """Say it in the log: as a warning where names say that it is footage."""
        if self._kinds:
            kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self._kinds.items()))
            log.info("%d files are left as no footage: %s", self._kinds.total(), printable(kinds))
        if self._footage:
            log.warning(
                "%d files that are footage by their names are left on the recorder: the [clips] "
                "of its profile does not take them",
                self._footage,
            )
