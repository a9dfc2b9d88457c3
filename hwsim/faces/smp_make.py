"""What kinds of SMP servers there are, and the codes that they say no with."""

from __future__ import annotations

import re
from dataclasses import dataclass

OS, STATS, FILES = 0, 2, 8
READ, WRITE = 0, 2
EINVAL, ENOENT, EMSGSIZE, ENOTSUP, EBUSY, TOO_NEW = 3, 5, 7, 8, 10, 13
NOT_FOUND, SEEK_FAILED, NO_SUCH_DIGEST, EMPTY = 3, 6, 13, 16
UNKNOWN = 1
TRANSLATED = {NOT_FOUND: ENOENT, NO_SUCH_DIGEST: EINVAL}
"""The file group's codes in the original protocol; all others are unknown errors."""
OVERHEAD = 48
"""Bytes of a download's answer around its data: head, names and numbers."""
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class SmpMake:
    """What kind of server it is."""

    buffer: int = 384
    """Bytes in a packet, Zephyr's usual netbuf."""
    versions: int = 2
    """How many protocol versions it knows; 1 is the original one alone."""
    tells_buffer: bool = True
    has_status: bool = True
    digests: tuple[str, ...] = ("sha256", "crc32")
    has_clock: bool = True
    clock_set: bool = True
    shows_zone: bool = False
    says_success: bool = False
    """`rc` 0 in good answers, as the original protocol did."""
    list_file: str = "/clips.txt"
    seeks_behind: bool = False
    """Behind the end of a file it finds nothing, instead of failing to seek."""


class No(Exception):
    """A refusal; `group` None for SMP's own code."""

    def __init__(self, code: int, group: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.group = group
