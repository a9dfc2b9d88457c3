"""What two looks at one port mean: the same device, the same docking of it, or others. Pure."""

from __future__ import annotations

from pathlib import Path

from agent.link.attached import Attached

MASS_STORAGE = 0x08


def same_device(before: Attached, now: Attached) -> bool:
    """Whether there was no new enumeration in between."""
    if before.usb and now.usb:
        return before.enumeration == now.enumeration
    return before.usb is None and _nodes(before) <= _nodes(now)


def same_docking(before: Attached, now: Attached) -> bool:
    """Whether a contact may go on: nothing went, at most a node has come, as a disk's does.

    Another card in the same reader is another docking.
    """
    return same_device(before, now) and _nodes(before) <= _nodes(now)


def shows_storage(attached: Attached) -> bool:
    """Whether it is a disk, or says that it will be one."""
    interfaces = attached.usb.interfaces if attached.usb else ()
    return bool(attached.disks) or any(one.triple[0] == MASS_STORAGE for one in interfaces)


def _nodes(attached: Attached) -> set[int | Path]:
    return {
        *(disk.sequence for disk in attached.disks),
        *(serial.node for serial in attached.serials),
    }
