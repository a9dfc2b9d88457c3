"""What an SMP server's no means, in words and as an error."""

from __future__ import annotations

from agent.errors import RecorderBusy, RecorderError, RecorderRefused
from agent.wire.smp.message import FILES, OS, Refusal

_BUSY = frozenset({2, 4, 10})
"""No memory just now, timed out inside, busy with another command: waiting helps."""
_OWN_WORDS = {
    1: "unknown error",
    2: "out of memory",
    3: "invalid value",
    4: "timed out",
    5: "no such entry",
    6: "not in this state",
    7: "the answer is too large",
    8: "not supported",
    9: "corrupt",
    10: "busy",
    11: "access denied",
    12: "protocol version too old",
    13: "protocol version too new",
}
"""`mcumgr_err_t` (SMP protocol, status and error codes)."""
_FILE_WORDS = {
    1: "unknown error",
    2: "invalid file name",
    3: "no such file",
    4: "it is a folder",
    5: "opening failed",
    6: "seeking failed",
    7: "reading failed",
    11: "invalid offset",
    12: "the offset lies behind the end",
    13: "no such kind of digest",
    14: "no such mount point",
    16: "the file is empty",
}
"""`fs_mgmt_err_code_t` (SMP group 8)."""
TOO_NEW = Refusal(None, 13)
_UNSUPPORTED = Refusal(None, 8)
_MISSING = frozenset({Refusal(None, 5), Refusal(FILES, 3), Refusal(FILES, 14)})
_BEHIND_THE_END = frozenset(
    {Refusal(None, 1), Refusal(None, 3), Refusal(FILES, 6), Refusal(FILES, 11), Refusal(FILES, 12)}
)
"""Version 1 has no code of its own for that: an unknown error, or an invalid value."""
_NO_CLOCK = frozenset({_UNSUPPORTED, Refusal(None, 5), Refusal(OS, 4)})
"""Not supported; not set, in either version's words."""


def complaint(doing: str, refusal: Refusal) -> RecorderError:
    """The error to raise for a refusal."""
    words = {None: _OWN_WORDS, FILES: _FILE_WORDS}.get(refusal.group, {})
    group = "" if refusal.group is None else f" of group {refusal.group}"
    said = words.get(refusal.code, "no words for it")
    what = f"{doing}: the recorder says {said} (code {refusal.code}{group})"
    busy = refusal.group is None and refusal.code in _BUSY
    return RecorderBusy(what) if busy else RecorderRefused(what)


def is_unsupported(refusal: Refusal) -> bool:
    return refusal == _UNSUPPORTED


def is_missing(refusal: Refusal) -> bool:
    """Whether there is no such file."""
    return refusal in _MISSING


def is_behind_the_end(refusal: Refusal) -> bool:
    """Whether this is how servers refuse an offset behind the end."""
    return refusal in _BEHIND_THE_END


def is_no_clock(refusal: Refusal) -> bool:
    return refusal in _NO_CLOCK
