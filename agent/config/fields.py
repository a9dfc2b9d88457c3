"""The kinds of values in a configuration, each refused in words that say what it should be."""

from __future__ import annotations

import re
from datetime import timedelta, timezone, tzinfo
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field

_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SIZE = re.compile(r"(\d{1,15}) ?(B|KiB|MiB|GiB|TiB)\Z")


def parse_size(value: object) -> int:
    """Bytes from `"100 GiB"`; raises ValueError for anything else, bare numbers included."""
    if not isinstance(value, str) or not (match := _SIZE.match(value)):
        raise ValueError('a size is a text such as "100 GiB" (B, KiB, MiB, GiB or TiB)')
    return int(match[1]) * _UNITS[match[2]]


def parse_path(value: object) -> Path:
    """An absolute path; raises ValueError for anything else."""
    if not isinstance(value, str) or not value.startswith("/"):
        raise ValueError('a path is a text that begins with "/"')
    return Path(value)


def _matching(pattern: str, words: str) -> AfterValidator:
    """A text of one form, described to people in `words`."""
    form = re.compile(pattern)

    def check(value: str) -> str:
        if not form.fullmatch(value):
            raise ValueError(words)
        return value

    return AfterValidator(check)


ByteSize = Annotated[int, BeforeValidator(parse_size)]
FilePath = Annotated[Path, BeforeValidator(parse_path)]
Id = Annotated[
    str,
    _matching(
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
        "an id is 1 to 64 letters, digits, dots, dashes and underscores, no space",
    ),
]
KeyText = Annotated[
    str,
    _matching(
        r"ed25519:[0-9a-f]{64}",
        'a key looks like "ed25519:" and 64 hex digits; `bodydock archive key` prints the '
        "archive's, `bodydock key` the dock's",
    ),
]
AgeKey = Annotated[
    str,
    _matching(
        r"age1[02-9ac-hj-np-z]{58}",
        'an age public key looks like "age1" and 58 letters and digits; `age-keygen` makes one',
    ),
]
BayPort = Annotated[
    str,
    _matching(
        r"[0-9]{1,3}-[0-9]{1,3}(\.[0-9]{1,3}){0,6}|serial:tty(?!USB|ACM)[A-Za-z]{1,8}[0-9]{1,3}",
        'a bay is a USB port by its path, such as "1-1.3" (also with a serial adapter in it), or '
        'a serial port of the machine, such as "serial:ttyAMA0"',
    ),
]
_ADDRESS = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):([0-9]{1,5})\Z")


def check_address(value: str) -> str:
    """A host and a TCP port; raises ValueError for anything else."""
    match = _ADDRESS.match(value)
    if match is None or not 1 <= int(match[2]) <= 65535:
        raise ValueError('an address is a host and a TCP port, such as "192.168.42.129:5000"')
    return value


Address = Annotated[str, AfterValidator(check_address)]
Port = Annotated[int, Field(ge=1, le=65535)]

_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)\Z")


def parse_zone(value: object) -> tzinfo:
    """A time zone from `"Asia/Shanghai"` or `"+08:00"`; raises ValueError for anything else."""
    if not isinstance(value, str):
        raise ValueError('a time zone is a text such as "Asia/Shanghai" or "+08:00"')
    if match := _OFFSET.match(value):
        away = timedelta(hours=int(match[2]), minutes=int(match[3]))
        if away >= timedelta(hours=24):
            raise ValueError(f"{value!r} is more than a day away from UTC")
        return timezone(-away if match[1] == "-" else away)
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        raise ValueError(f"{value!r} is no time zone that this machine knows") from error


Zone = Annotated[tzinfo, BeforeValidator(parse_zone)]
Name = Annotated[
    str,
    _matching(
        r"\w[\w .()#+-]{0,31}",
        "a bay's name is 1 to 32 letters, digits, spaces and marks such as ( ) # + -",
    ),
]
