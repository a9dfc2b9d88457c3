"""Which channel carries a dialect, by its transport."""

from __future__ import annotations

from agent.errors import RecorderGone
from agent.link.attached import Attached
from agent.link.serial_port import SerialLine
from agent.link.tcp import TcpLine
from agent.link.usb_facts import UsbDevice
from agent.recorder.control.channel import Channel, ControlChannel, StreamChannel
from agent.recorder.control.scsi import ScsiChannel
from agent.recorder.plug import Site
from agent.recorder.profiles.dialect import Control


def open_channel(site: Site, control: Control) -> Channel:
    """Raises `RecorderGone`, `RecorderBusy`, `RecorderRefused` and `RecorderMisbehaved`."""
    usb = control.usb
    match control.transport:
        case "usb-control":
            return ControlChannel(
                site.bus.open_control(_usb(site.attached)), usb, control.busy_wait
            )
        case "usb-bulk":
            pair = site.bus.open_bulk(_usb(site.attached), usb.in_endpoint, usb.out_endpoint)
            return StreamChannel(pair, control.frame)
        case "scsi":
            return ScsiChannel(site.bus.open_mass_storage(_usb(site.attached)))
        case "serial":
            return StreamChannel(_serial(site, control), control.frame)
        case "tcp":
            return StreamChannel(TcpLine(_address(site.attached), control.seconds), control.frame)


def _usb(attached: Attached) -> UsbDevice:
    if attached.usb is None:
        raise RecorderGone(f"port {attached.port}: there is no USB device any more")
    return attached.usb


def _serial(site: Site, control: Control) -> SerialLine:
    ports = site.attached.serials
    port = ports[0] if ports else site.plug.await_serial(control.seconds)
    line = site.profile.serial
    return SerialLine(port.node, line.baud, line.flow)


def _address(attached: Attached) -> str:
    if not attached.address:
        raise RecorderGone(f"port {attached.port}: the bay has no address")
    return attached.address
