"""How what hangs in a port is called where no profile names it."""

from __future__ import annotations

from agent.link.attached import Attached

CLASSES = {
    0x01: "audio",
    0x02: "communications",
    0x03: "human interface",
    0x06: "still image",
    0x07: "printer",
    0x08: "mass storage",
    0x0A: "serial data",
    0x0B: "smart card",
    0x0E: "video",
    0xDC: "diagnostic",
    0xE0: "wireless",
    0xEF: "miscellaneous",
    0xFE: "application specific",
    0xFF: "vendor specific",
}
"""USB-IF, "Defined Class Codes"."""


def ids(attached: Attached) -> str:
    """`4255:0001 (vendor specific)`; what a port without a USB device shows instead."""
    usb = attached.usb
    if usb is None:
        return ", ".join(
            ["a disk"] * len(attached.disks) + [one.node.name for one in attached.serials]
        )
    classes = {one.triple[0] for one in usb.interfaces} or {usb.triple[0]}
    names = dict.fromkeys(CLASSES.get(one, f"class {one:02x}") for one in sorted(classes))
    return f"{usb.vendor:04x}:{usb.product:04x} ({', '.join(names)})"
