"""How many files and folders a folder's own bytes speak of, counted beside the library. Pure.

The library passes over an entry that it finds implausible (a size beyond the volume, a first
cluster that is none, a letter that no name may have) without a word; a count shows that it did.
Sources: Microsoft FAT specification 1.03, "FAT Directory Structure"; exFAT specification, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Iterable

_ENTRY = 32
_END, _DELETED = 0x00, 0xE5
_ATTRIBUTES, _LONG_NAME, _VOLUME = 11, 0x0F, 0x08
_ITSELF = (b".".ljust(11), b"..".ljust(11))
_EXFAT_FILE = 0x85
NO_FILES = (b"$ALLOC_BITMAP", b"$UPCASE_TABLE")
"""What the library shows as files of an exFAT volume's root, and is none."""
LABEL = b" (Volume Label Entry)"
"""What the library puts behind the name of an entry that is the volume's label."""


def is_counted(name: bytes) -> bool:
    """Whether the library's word is for an entry that `count` counts, too."""
    return name not in NO_FILES and not name.endswith(LABEL)


def count(pieces: Iterable[bytes], kind: str) -> int:
    """Files and folders in use, up to the end that the folder marks; `kind` is "fat" or "exfat".
    Each piece has whole entries."""
    found = 0
    for piece in pieces:
        for at in range(0, len(piece) - _ENTRY + 1, _ENTRY):
            if piece[at] == _END:
                return found
            found += _is_one(piece, at, kind)
    return found


def _is_one(piece: bytes, at: int, kind: str) -> bool:
    if kind == "exfat":
        return piece[at] == _EXFAT_FILE
    attributes = piece[at + _ATTRIBUTES]
    if piece[at] == _DELETED or attributes & 0x3F == _LONG_NAME or attributes & _VOLUME:
        return False
    return piece[at : at + 11] not in _ITSELF
