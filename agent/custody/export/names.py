"""Names that every medium takes: FAT, exFAT, ext4, ISO 9660 with Joliet; Chinese stays. Pure.

A recorder's path never becomes a path of ours as it is. What is kept of it is one folder for the
recorder and the last part of the name; the whole stands in the clip's manifest.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import count

UNITS = 96
"""UTF-16 units of one part: Joliet's long form takes 103, FAT 255."""
OCTETS = 200
"""UTF-8 bytes of one part: ext4 takes 255."""

_RESERVED = frozenset("<>:\"/\\|?*%'`$")
"""What FAT and Windows refuse, what sums files escape, and what a shell could take for its own."""
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{name}{number}" for name in ("com", "lpt") for number in "0123456789¹²³"}
)


def safe_names(wanted: Iterable[tuple[str, str]]) -> list[str]:
    """Folder and file of each (recorder serial, recorder's path), as one path relative to `data/`,
    in the same order. No two are alike even where case or accents are not told apart."""
    taken: set[str] = set()
    folders: dict[str, str] = {}
    found = []
    for serial, path in wanted:
        if serial not in folders:
            folders[serial] = _free(safe(serial), taken)
        folder = folders[serial]
        name = _free(safe(path.replace("\\", "/").rpartition("/")[2]), taken, f"{folder}/")
        found.append(f"{folder}/{name}")
    return found


def safe(text: str) -> str:
    """One part of a path: nothing reserved, invisible, too long or with a meaning of its own."""
    text = unicodedata.normalize("NFC", text)
    text = "".join("_" if c in _RESERVED or not c.isprintable() else c for c in text)
    text = text.strip(" .").lstrip(" .-~") or "_"
    stem, dot, suffix = text.rpartition(".")
    if not dot or len(suffix) > 10:
        stem, dot, suffix = text, "", ""
    if stem.partition(".")[0].rstrip(" ").casefold() in _DEVICES:
        stem = f"_{stem}"
    return _cut(stem, _room(dot + suffix)) + dot + suffix


def same(name: str) -> str:
    """What a file system that tells least apart keeps of a name."""
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())


def _free(name: str, taken: set[str], before: str = "") -> str:
    """The name, numbered where another was there first; noted as taken."""
    free = next(each for each in _numbered(name) if same(before + each) not in taken)
    taken.add(same(before + free))
    return free


def _numbered(name: str) -> Iterator[str]:
    """`a.mp4`, `a-2.mp4`, `a-3.mp4` and so on."""
    stem, dot, suffix = name.rpartition(".")
    if not dot:
        stem, suffix = name, ""
    for number in count(1):
        end = (f"-{number}" if number > 1 else "") + dot + suffix
        yield _cut(stem, _room(end)) + end


def _room(rest: str) -> tuple[int, int]:
    return UNITS - _units(rest), OCTETS - len(rest.encode())


def _cut(text: str, room: tuple[int, int]) -> str:
    """The longest beginning that fits in (UTF-16 units, UTF-8 bytes), without a trailing space."""
    units, octets = room
    while _units(text) > units or len(text.encode()) > octets:
        text = text[:-1]
    return text.rstrip(" .") or "_"


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
