"""Everything that is plugged in, port by port: USB devices, and the nodes that the kernel made.

A node belongs to the port on whose way sysfs shows it: `…/usb1/1-1/1-1.2/1-1.2:1.0/host3/…` hangs
in port 1-1.2 (Linux `Documentation/ABI/testing/sysfs-bus-usb`: bus-port.port:config.interface).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from agent.link.attached import SERIAL_PREFIX, Attached, Disk, Roots, SerialPort
from agent.link.usb import UsbBus

SECTOR = 512
"""sysfs counts in these, whatever the disk's own block size is."""
_LONGEST_FACT = 4096
"""Bytes; sysfs gives a page at most."""

_INTERFACE = re.compile(r"(?<=/)(\d+-\d+(?:\.\d+)*):\d+\.\d+(?=/)")
_USB_DISK = re.compile(r"sd[a-z]+\Z")
"""SCSI disks, as which USB storage shows; neither a CD that brings drivers (`sr0`) nor the
machine's own media. `/sys/block` lists no partitions."""
_SERIAL = re.compile(r"tty[A-Za-z]+\d+\Z")
N = TypeVar("N", Disk, SerialPort)
_REAL = Roots()
_NO_ADDRESSES: Mapping[str, str] = MappingProxyType({})


class Machine:
    """One thread looks. `serial_ports` are the machine's own, as bays name them
    (`serial:ttyAMA0`); `addresses` where a port's recorder answers by TCP, by port.
    """

    def __init__(
        self,
        usb: UsbBus,
        roots: Roots = _REAL,
        serial_ports: Sequence[str] = (),
        addresses: Mapping[str, str] = _NO_ADDRESSES,
    ) -> None:
        self._usb = usb
        self._block = roots.sys / "block"
        self._tty = roots.sys / "class" / "tty"
        self._dev = roots.dev
        self._serial_ports = tuple(serial_ports)
        self._addresses = addresses

    def attached(self) -> tuple[Attached, ...]:
        """One look at all ports at which something shows; hubs do not. Never raises for what
        comes or goes meanwhile, and asks the devices nothing.
        """
        # Nodes first: a disk that this look sees and whose device it no longer sees is a disk that
        # left, while the other way round a new disk would be taken for one of the device before.
        disks, serials = _by_port(self._disks()), _by_port(self._serials())
        usb = {device.port: device for device in self._usb.list_devices()}
        return tuple(
            Attached(
                port,
                usb.get(port),
                tuple(sorted(disks.get(port, ()), key=lambda disk: disk.sequence)),
                tuple(sorted(serials.get(port, ()), key=lambda serial: serial.node)),
                self._addresses.get(port, ""),
            )
            for port in sorted({*usb, *disks, *serials})
        )

    def _disks(self) -> Iterator[Disk]:
        for link in _links(self._block, _USB_DISK):
            port = usb_port(_way(link))
            size = _number(link / "size")
            if port is None or size is None or size <= 0:  # 0: a card reader without a card
                continue
            sequence = _number(link / "diskseq")
            if sequence is None:
                sequence = _stand_in(link)
            yield Disk(self._dev / link.name, port, size * SECTOR, sequence)

    def _serials(self) -> Iterator[SerialPort]:
        for link in _links(self._tty, _SERIAL):
            way = _way(link)
            if found := _INTERFACE.search(way):
                port, adapter = found[1], self._tty / way[: found.start()]
                yield SerialPort(
                    self._dev / link.name,
                    port,
                    _number(adapter / "idVendor", 16),
                    _number(adapter / "idProduct", 16),
                    _text(adapter / "serial"),
                )
        for port in self._serial_ports:
            name = port.removeprefix(SERIAL_PREFIX)
            if (self._tty / name).exists():
                yield SerialPort(self._dev / name, port)


def usb_port(way: str) -> str | None:
    """The USB port in which a node hangs, behind all hubs; None where it does not hang on USB."""
    found = _INTERFACE.search(way)
    return found[1] if found else None


def _by_port(nodes: Iterable[N]) -> dict[str, list[N]]:
    found: dict[str, list[N]] = defaultdict(list)
    for node in nodes:
        found[node.port].append(node)
    return found


def _links(folder: Path, form: re.Pattern[str]) -> list[Path]:
    try:
        return [link for link in folder.iterdir() if form.match(link.name)]
    except OSError:  # no such thing on this machine
        return []


def _way(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:  # it went while we looked
        return ""


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST_FACT).decode(errors="replace").strip()
    except OSError:  # it went while we looked, or has no such fact
        return ""


def _number(path: Path, base: int = 10) -> int | None:
    try:
        return int(_text(path), base)
    except ValueError:
        return None


def _stand_in(link: Path) -> int:
    """Kernels before 5.15 count no disks, but give every new disk's folder a new inode."""
    try:
        return link.stat().st_ino
    except OSError:  # it went while we looked
        return 0
