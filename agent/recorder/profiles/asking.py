"""What matching asks of a device itself: names and labels, read and never written."""

from __future__ import annotations

import logging

from agent.errors import RecorderMisbehaved
from agent.link.attached import Disk
from agent.link.usb import UsbBus
from agent.link.usb_facts import Interface, UsbDevice
from agent.link.volume.node import BlockNode
from agent.recorder.profiles.match import InterfaceName
from agent.recorder.volume.survey import labels

log = logging.getLogger(__name__)


def asked_interface_name(bus: UsbBus) -> InterfaceName:
    """An interface's name from its string descriptor; nothing is claimed for it.

    The question raises `RecorderGone`, and `RecorderBusy` where the device may not be opened.
    """

    def ask(device: UsbDevice, interface: Interface) -> str:
        if not interface.name:
            return ""
        handle = bus.open_control(device)
        try:
            return handle.text(interface.name)
        finally:
            handle.close()

    return ask


def asked_volume_labels(disk: Disk, encoding: str) -> tuple[str, ...]:
    """The labels of a disk's volumes; none where nothing on it can be read.

    Raises `RecorderGone`, and `RecorderBusy` where the disk may not be opened.
    """
    node = BlockNode(disk, lambda: None)
    try:
        return labels(node, encoding)
    except RecorderMisbehaved as error:
        log.debug("port %s: no labels: %s", disk.port, error)
        return ()
    finally:
        node.close()
