"""Which driver opens which USB device. Whatever is not named here is left alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from agent.clock import Clock
from agent.errors import RecorderRefused
from agent.link.usb import STILL_IMAGE, VENDOR_SPECIFIC, UsbBus
from agent.link.usb_facts import UsbDevice
from agent.recorder.base import Recorder
from agent.recorder.mtp.recorder import open_mtp

Opener: TypeAlias = Callable[[UsbBus, UsbDevice, Clock], Recorder]

OPENERS: dict[str, Opener] = {
    "mtp": open_mtp,
}


def driver_for(device: UsbDevice) -> str | None:
    """The driver that may open `device`, by what it shows without being asked; None for no driver.

    Android's MTP interface is vendor specific and known only by its name, which is read when it
    is opened: the driver may still refuse it.
    """
    for interface in device.interfaces:
        if interface.has_still_image_pipes and (
            interface.triple == STILL_IMAGE or interface.triple[0] == VENDOR_SPECIFIC
        ):
            return "mtp"
    return None


def open_recorder(bus: UsbBus, device: UsbDevice, clock: Clock) -> Recorder:
    """Open `device` with its driver. Raises `RecorderRefused` where none takes it, and whatever
    the driver raises.
    """
    driver = driver_for(device)
    if driver is None:
        raise RecorderRefused(f"port {device.port}: no driver knows this device")
    return OPENERS[driver](bus, device, clock)
