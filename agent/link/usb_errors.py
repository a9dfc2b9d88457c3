"""libusb's troubles in our own words, by their errno."""

from __future__ import annotations

import errno
from typing import NoReturn

from agent.errors import RecorderBusy, RecorderGone, RecorderMisbehaved
from agent.link.usb_facts import Stalled, TimedOut


def raise_for(error: OSError, port: str) -> NoReturn:
    """What PyUSB's error means for the contact on `port`; its numbers are errno's."""
    number = error.errno
    if number in (errno.EPIPE, errno.EIO):
        raise Stalled(f"port {port}: {error}") from error
    if number == errno.EBUSY:
        raise RecorderBusy(
            f"port {port}: another program holds the recorder",
            do="stop it; a desktop's gvfs often takes cameras",
        ) from error
    if number in (errno.EACCES, errno.EPERM):
        raise RecorderBusy(
            f"port {port}: this program may not open the recorder",
            do="if it stays so, install the udev rules",
        ) from error
    if number == errno.EOVERFLOW:
        raise RecorderMisbehaved(f"port {port}: a packet larger than announced") from error
    if number == errno.ETIMEDOUT:
        raise TimedOut(f"port {port}: {error}") from error
    raise RecorderGone(f"port {port}: the recorder is gone ({error})") from error
