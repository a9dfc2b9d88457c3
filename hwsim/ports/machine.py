"""The part of a machine that is no USB transfer: block nodes and serial ports, as Linux shows them.

    machine = SimulatedMachine(folder)
    machine.attach_disk("1-1.2", image)       # /sys/block/sda and /dev/sda, in folders of our own
    machine.attach_serial("1-1.3", pty, vendor=0x0403, product=0x6001)

Links and files stand as the kernel's do (Linux `Documentation/ABI/stable/sysfs-block` and
`testing/sysfs-bus-usb`): a class entry is a link into the devices' tree, on whose way the USB port
path stands. Nodes are links to an image file or a pseudo-terminal.
"""

from __future__ import annotations

import os
import shutil
import string
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import RLock

SECTOR = 512
_BUS = "devices/pci0000:00/0000:00:14.0"


@dataclass(frozen=True, slots=True)
class _Hung:
    """One node: its name, and what has to go when it goes."""

    name: str
    link: Path
    device: Path


class SimulatedMachine:
    """`sys` and `dev` lie in `folder`. Any thread may attach and detach."""

    def __init__(self, folder: Path) -> None:
        self.sys = folder / "sys"
        self.dev = folder / "dev"
        for part in (self.sys / "block", self.sys / "class" / "tty", self.dev):
            part.mkdir(parents=True, exist_ok=True)
        self._lock = RLock()
        self._sequence = count(1)
        self._disks: dict[str, _Hung] = {}
        self._serials: dict[str, _Hung] = {}

    def attach_disk(self, port: str, image: Path) -> Path:
        """A USB disk appears on `port`; its node. `image` is any file that reads like a disk.

        Raises ValueError where one hangs there already.
        """
        with self._lock:
            if port in self._disks:
                raise ValueError(f"port {port} has a disk")
            name = self._free_name()
            number = next(self._sequence)
            device = (
                self._usb(port) / f"host{number}/target{number}:0:0/{number}:0:0:0/block/{name}"
            )
            device.mkdir(parents=True)
            facts = {
                "size": image.stat().st_size // SECTOR,
                "diskseq": number,
                "removable": 1,
                "ro": 0,
                "dev": f"8:{16 * number}",
            }
            for fact, value in facts.items():
                (device / fact).write_text(f"{value}\n")
            (self.dev / name).symlink_to(image)
            link = self.sys / "block" / name
            link.symlink_to(os.path.relpath(device, link.parent))
            self._disks[port] = _Hung(name, link, device.parents[3])
            return self.dev / name

    def detach_disk(self, port: str) -> None:
        """It goes; nothing happens where there is none."""
        self._detach(self._disks, port)

    def attach_serial(
        self, port: str, node: Path, *, vendor: int, product: int, serial: str = ""
    ) -> Path:
        """A USB serial adapter appears on `port`; its node, which leads to `node`."""
        with self._lock:
            if port in self._serials:
                raise ValueError(f"port {port} has a serial adapter")
            name = f"ttyUSB{next(self._sequence)}"
            usb = self._usb(port)
            device = usb / name / "tty" / name
            device.mkdir(parents=True)
            facts = {"idVendor": f"{vendor:04x}", "idProduct": f"{product:04x}", "serial": serial}
            for fact, value in facts.items():
                (usb.parent / fact).write_text(f"{value}\n")
            (self.dev / name).symlink_to(node)
            link = self.sys / "class" / "tty" / name
            link.symlink_to(os.path.relpath(device, link.parent))
            self._serials[port] = _Hung(name, link, usb / name)
            return self.dev / name

    def detach_serial(self, port: str) -> None:
        """It goes; nothing happens where there is none."""
        self._detach(self._serials, port)

    def _detach(self, hung: dict[str, _Hung], port: str) -> None:
        with self._lock:
            if one := hung.pop(port, None):
                (self.dev / one.name).unlink()
                one.link.unlink()
                shutil.rmtree(one.device)

    def _free_name(self) -> str:
        taken = {hung.name for hung in self._disks.values()}
        return next(name for a in string.ascii_lowercase if (name := f"sd{a}") not in taken)

    def _usb(self, port: str) -> Path:
        """The folder of the first interface of the USB device on `port`, below its hubs."""
        bus, _, ways = port.partition("-")
        steps = ways.split(".")
        hubs = [f"{bus}-{'.'.join(steps[:n])}" for n in range(1, len(steps) + 1)]
        folder = self.sys / _BUS / f"usb{bus}" / Path(*hubs) / f"{port}:1.0"
        folder.mkdir(parents=True, exist_ok=True)
        return folder
