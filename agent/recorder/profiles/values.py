"""The kinds of values in a profile, each refused in words that say what it should be."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field


def _usb_id(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{4}:([0-9a-f]{4}|\*)", value):
        raise ValueError('a USB id is four hex digits each, "4255:0001"; "4255:*" for any product')
    return value


def _triple(value: str) -> str:
    if not re.fullmatch(r"(([0-9a-f]{2}|\*)/){2}([0-9a-f]{2}|\*)", value):
        raise ValueError('class, subclass and protocol are hex numbers, "06/01/01"; "*" for any')
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    return value


UsbId = Annotated[str, AfterValidator(_usb_id)]
DeviceTriple = Annotated[str, AfterValidator(_triple)]
Pattern = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_pattern)]
Wildcard = Annotated[str, Field(min_length=1, max_length=200)]
"""As in fnmatch; case does not count."""
ProfileId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
