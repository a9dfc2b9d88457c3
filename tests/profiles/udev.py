"""A small judge of udev rules: reads them as udev(7) says and carries them out on a device.

It knows the keys that ours use and refuses every other, so a rule that it takes is one that it
understood. `udevadm verify`, which came with systemd 254, would check the form only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

_TOKEN = re.compile(
    r'(?P<key>[A-Z]+)(?:\{(?P<part>[^}"]+)\})?(?P<operator>==|!=|\+=|-=|:=|=)"(?P<value>[^"\\]*)"'
)
_MATCHED = {"ACTION", "SUBSYSTEM", "KERNEL", "ENV", "ATTR", "SUBSYSTEMS", "ATTRS"}
_SET = {"ENV", "GROUP", "MODE", "GOTO", "LABEL", "IMPORT"}
_PARENTS = {"SUBSYSTEMS", "ATTRS"}


@dataclass
class Device:
    """A device with its parent; `properties` are what udev knew before these rules."""

    kernel: str
    subsystem: str
    attributes: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    parent: Device | None = None
    group: str = "root"
    mode: str = "0600"

    def line(self) -> Iterator[Device]:
        yield self
        if self.parent:
            yield from self.parent.line()


@dataclass(frozen=True)
class Token:
    key: str
    part: str
    operator: str
    value: str

    @property
    def asks(self) -> bool:
        return self.operator in ("==", "!=")

    def holds(self, shown: str | None) -> bool:
        fits = shown is not None and any(fnmatchcase(shown, form) for form in self.value.split("|"))
        if self.operator == "!=":
            return not fits
        return fits


def parse(text: str) -> list[list[Token]]:
    """The rules of a file. Raises ValueError with the line for what is none."""
    rules = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        rule, at = [], 0
        while found := _TOKEN.match(line, at):
            rule.append(Token(found["key"], found["part"] or "", found["operator"], found["value"]))
            at = found.end()
            if line[at : at + 2] == ", ":
                at += 2
        if at != len(line):
            raise ValueError(f"line {number}, column {at + 1}: {line[at:]}")
        for token in rule:
            known = token.key in (_MATCHED if token.asks else _SET)
            if not known or token.operator not in ("==", "!=", "="):
                raise ValueError(f"line {number}: {token}")
        rules.append(rule)
    labels = [each.value for rule in rules for each in rule if each.key == "LABEL"]
    if wild := {each.value for rule in rules for each in rule if each.key == "GOTO"} - {*labels}:
        raise ValueError(f"no label {wild}")
    return rules


def run(rules: list[list[Token]], device: Device, action: str = "add") -> Device:
    """Carry the rules out on `device`, whose parents went through them before."""
    waiting_for = ""
    for rule in rules:
        labels = [each.value for each in rule if each.key == "LABEL"]
        if waiting_for and waiting_for not in labels:
            continue
        waiting_for = ""
        if not _all_hold(rule, device, action):
            continue
        for token in rule:
            if not token.asks:
                waiting_for = _carry_out(token, device) or waiting_for
    return device


def _all_hold(rule: list[Token], device: Device, action: str) -> bool:
    here = [each for each in rule if each.asks and each.key not in _PARENTS]
    above = [each for each in rule if each.asks and each.key in _PARENTS]
    shown = {"ACTION": action, "SUBSYSTEM": device.subsystem, "KERNEL": device.kernel}
    for token in here:
        name = token.part.replace("%k", device.kernel)
        value = {"ENV": device.properties.get(name, ""), "ATTR": device.attributes.get(name)}.get(
            token.key, shown.get(token.key)
        )
        if not token.holds(value):
            return False
    return not above or any(_is_parent(above, each) for each in device.line())


def _is_parent(tokens: list[Token], device: Device) -> bool:
    """All keys in the plural have to hold for one and the same device."""
    return all(
        each.holds(
            device.subsystem if each.key == "SUBSYSTEMS" else device.attributes.get(each.part)
        )
        for each in tokens
    )


def _carry_out(token: Token, device: Device) -> str:
    """Empty, or the label to go to."""
    match token.key:
        case "ENV":
            device.properties[token.part] = token.value
        case "GROUP":
            device.group = token.value
        case "MODE":
            device.mode = token.value
        case "IMPORT" if token.part == "parent" and device.parent:
            above = device.parent.properties
            device.properties |= {k: v for k, v in above.items() if fnmatchcase(k, token.value)}
        case "GOTO":
            return token.value
    return ""
