"""udev rules from profiles: who may open recorders, and who leaves them alone. Pure.

A rule marks a device as a recorder, the end of the file says what that means. Nothing is marked
by class that is not on USB, and nothing by a class that keyboards, hubs or adapters have too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from agent.model import printable
from agent.recorder.profiles.model import GENERIC_CLASSES, Match, Profile

RULES_FILE = "70-bodydock-recorders.rules"
"""After 50-udev-default.rules, which names a device's interfaces, and after what gphoto and MTP
libraries bring; before 70-uaccess.rules, which would give cameras to whoever sits at the screen."""

_HEAD = """\
# Which devices are recorders, and who may open them. Generated from firmware_profiles by
# `bodydock profile rules`: what is to change is changed there.

ACTION=="remove", GOTO="bodydock_end"
SUBSYSTEM!="usb|block|tty", GOTO="bodydock_end"
"""
_MARK = 'ENV{BODYDOCK_RECORDER}="1"'
_ACCESS = 'GROUP="bodydock", MODE="0660"'
_TAIL = """\
# No desktop mounts a USB disk here, its partitions neither: mounting writes.
SUBSYSTEM=="block", KERNEL=="sd*", SUBSYSTEMS=="usb", ENV{UDISKS_IGNORE}="1"
SUBSYSTEM=="block", ENV{DEVTYPE}=="partition", IMPORT{parent}="BODYDOCK_RECORDER"

# Only the dock opens a recorder: its group may, and neither gvfs nor ModemManager takes it. A disk
# is read and never written.
ENV{BODYDOCK_RECORDER}!="1", GOTO="bodydock_end"
SUBSYSTEM=="usb", GROUP="bodydock", MODE="0660", ENV{ID_MM_DEVICE_IGNORE}="1"
SUBSYSTEM=="usb", ENV{ID_GPHOTO2}="", ENV{ID_MTP_DEVICE}="", ENV{ID_MEDIA_PLAYER}=""
SUBSYSTEM=="block", GROUP="bodydock", MODE="0640"
SUBSYSTEM=="tty", GROUP="bodydock", MODE="0660"
SUBSYSTEM=="tty", ENV{ID_MM_PORT_IGNORE}="1", ENV{ID_MM_DEVICE_IGNORE}="1"

LABEL="bodydock_end"
"""
_USB_PORTS = ("ttyUSB0", "ttyACM0")
_LITERAL = re.compile(r"[A-Za-z0-9 -]+")


def udev_rules(profiles: Iterable[Profile]) -> str:
    """The text of `RULES_FILE`, the same for the same profiles in any order."""
    parts = [_HEAD]
    for profile in sorted(profiles, key=lambda each: each.id):
        lines = [line for match in profile.match for line in _lines(profile, match)]
        if lines:
            title = f"# {profile.id}: {printable(profile.name)}"
            parts.append("\n".join([title, *dict.fromkeys(lines), ""]))
    return "\n".join([*parts, _TAIL])


def _lines(profile: Profile, match: Match) -> Iterator[str]:
    usb = _usb(match)
    if usb and (match.usb or profile.driver != "volume" or profile.control):
        yield _rule('SUBSYSTEM=="usb"', 'ENV{DEVTYPE}=="usb_device"', *usb)
    elif match.interface_name and not usb:
        yield "# A rule cannot say what its interface is called: a profile with USB ids can."
    if profile.driver == "volume" and (disk := _disk(match)):
        yield _rule('SUBSYSTEM=="block"', 'KERNEL=="sd*"', 'ENV{DEVTYPE}=="disk"', *disk)
    if port := _port(match):
        # By its name alone it may be the modem by which the dock reaches its archive.
        known = match.usb or match.adapter
        does = _MARK if known else _ACCESS
        yield _rule('SUBSYSTEM=="tty"', 'SUBSYSTEMS=="usb"', *port, does=does)


def _rule(*keys: str, does: str = _MARK) -> str:
    return ", ".join([*keys, does])


def _usb(match: Match) -> list[str]:
    """Of the USB device itself; none where the match does not say enough for a rule."""
    keys = _ids("ATTR", match.usb)
    if match.device_class:
        names = ("bDeviceClass", "bDeviceSubClass", "bDeviceProtocol")
        keys += _triple("ATTR", names, match.device_class)
    if match.interface:
        form = "".join("??" if part == "*" else part for part in match.interface.split("/"))
        keys.append(f'ENV{{ID_USB_INTERFACES}}=="*:{form}:*"')
    named = _named(match.interface_name)
    generic = (match.interface or "")[:2] in GENERIC_CLASSES
    return [*keys, *named] if match.usb or generic or named else []


def _named(pattern: str | None) -> list[str]:
    """By the first interface's name, which shows once the device is bound to its driver."""
    if pattern is None or not _LITERAL.fullmatch(pattern):
        return []
    return [f'ATTR{{%k:1.0/interface}}=="*{pattern}*"']


def _disk(match: Match) -> list[str]:
    """Of the whole disk. By class only a removable one: a fixed USB disk may be this machine's."""
    if match.usb:
        return ['SUBSYSTEMS=="usb"', *_ids("ATTRS", match.usb)]
    names = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
    if match.interface and match.interface.startswith("08"):
        keys = _triple("ATTRS", names, match.interface)
    elif match.disk:
        keys = []
    else:
        return []
    return ['ATTR{removable}=="1"', 'SUBSYSTEMS=="usb"', *keys]


def _port(match: Match) -> list[str]:
    """Of a serial port behind USB; the machine's own stay with the group that the system says."""
    if match.adapter:
        return [*_kernel(match.serial_port), *_ids("ATTRS", match.adapter)]
    if match.serial_port and any(fnmatchcase(port, match.serial_port) for port in _USB_PORTS):
        return [*_kernel(match.serial_port), *_ids("ATTRS", match.usb)]
    return []


def _kernel(form: str | None) -> list[str]:
    return [f'KERNEL=="{form}"'] if form else []


def _ids(where: str, ids: str | None) -> list[str]:
    if ids is None:
        return []
    vendor, _, product = ids.partition(":")
    keys = [f'{where}{{idVendor}}=="{vendor}"']
    return keys if product == "*" else [*keys, f'{where}{{idProduct}}=="{product}"']


def _triple(where: str, names: tuple[str, ...], wanted: str) -> list[str]:
    pairs = zip(names, wanted.split("/"), strict=True)
    return [f'{where}{{{name}}}=="{part}"' for name, part in pairs if part != "*"]
