"""The kinds of values in a profile, each refused in words that say what it should be."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from agent.recorder.profiles.patterns import check_pattern
from agent.recorder.profiles.secret import Secret


def _usb_id(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{4}:([0-9a-f]{4}|\*)", value):
        raise ValueError('a USB id is four hex digits each, "4255:0001"; "4255:*" for any product')
    return value


def _triple(value: str) -> str:
    if not re.fullmatch(r"(([0-9a-f]{2}|\*)/){2}([0-9a-f]{2}|\*)", value):
        raise ValueError('class, subclass and protocol are hex numbers, "06/01/01"; "*" for any')
    return value


def _name_pattern(value: str) -> str:
    check_pattern(value)
    return value


def _id(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", value):
        raise ValueError("a profile's id is 1 to 64 small letters, digits and dashes")
    return value


def _serial_port(value: str) -> str:
    if not re.fullmatch(r"tty[A-Za-z][A-Za-z0-9*?-]*", value):
        raise ValueError('a serial port is named like "ttyACM*"')
    return value


def _secret_name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,64}", value):
        raise ValueError("a password's name is 1 to 64 small letters, digits and dashes")
    return value


def _serial_source(value: str) -> str:
    if not re.fullmatch(r"usb-serial|volume-label|volume-serial|file:.+", value):
        raise ValueError('one of "usb-serial", "volume-label", "volume-serial" and "file:PATH"')
    return value


def _version(value: str) -> str:
    if value and not re.search(r"[0-9]", value):
        raise ValueError("a version has a number in it")
    return value


def _secret(value: object) -> Secret:
    if not isinstance(value, str) or not value:
        raise ValueError("a password is a text that is not empty")
    return Secret(value)


def _digits_only(kind: str, needed: tuple[str, ...]) -> AfterValidator:
    """How a date or a time is written (strptime); only numbers, so that no locale plays a part."""

    def check(value: str) -> str:
        used = re.findall(r"%(.?)", value)
        if set(used) - set("YymdHMS") or len(set(used)) != len(used):
            raise ValueError(f"a {kind} is written with %Y or %y, %m, %d, %H, %M, %S, each once")
        if not all(set(used) & set(each) for each in needed):
            words = ", ".join(" or ".join(f"%{one}" for one in each) for each in needed)
            raise ValueError(f"a {kind} needs {words}")
        return value

    return AfterValidator(check)


def _folder(value: str) -> str:
    steps = value.strip("/").split("/")
    if "\\" in value or any(step in ("", ".", "..") for step in steps):
        raise ValueError('a folder is named from the card\'s root with "/", such as "DCIM/100*"')
    return value


UsbId = Annotated[str, AfterValidator(_usb_id)]
DeviceTriple = Annotated[str, AfterValidator(_triple)]
NamePattern = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_name_pattern)]
"""A regular expression over a name, of the kind that `patterns.py` takes."""
Wildcard = Annotated[str, Field(min_length=1, max_length=200)]
"""As in fnmatch; case does not count."""
Folder = Annotated[Wildcard, AfterValidator(_folder)]
ProfileId = Annotated[str, AfterValidator(_id)]
SecretName = Annotated[str, AfterValidator(_secret_name)]
SecretText = Annotated[Secret, BeforeValidator(_secret)]
PortName = Annotated[str, Field(max_length=50), AfterValidator(_serial_port)]
SerialSource = Annotated[str, Field(max_length=200), AfterValidator(_serial_source)]
Version = Annotated[str, Field(max_length=50), AfterValidator(_version)]
DateForm = Annotated[str, Field(max_length=50), _digits_only("date", ("Yy", "m", "d"))]
TimeForm = Annotated[str, Field(max_length=50), _digits_only("time", ("H", "M"))]
