"""USB: what is plugged in, and bytes to and from one interface. The only importer of PyUSB.

Two tiers of trouble leave this module. What ends or delays a contact is a `RecorderError`. What
a protocol can mend is a `LinkTrouble` (`Stalled`, `TimedOut`) and is settled by the driver above.
"""

from __future__ import annotations

import errno
import logging
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from typing import Any, NoReturn, TypeAlias

import usb.backend.libusb1
import usb.core
import usb.util

from agent.errors import (
    RecorderBusy,
    RecorderError,
    RecorderGone,
    RecorderMisbehaved,
    RecorderRefused,
)
from agent.link.usb_facts import (
    BULK,
    IN,
    INTERRUPT,
    Interface,
    LinkTrouble,
    Stalled,
    TimedOut,
    UsbDevice,
    device_from,
)

log = logging.getLogger(__name__)

Backend: TypeAlias = Any
"""A PyUSB backend (`usb.backend.IBackend`); PyUSB has no types."""

HUB = 0x09
STILL_IMAGE = (0x06, 0x01, 0x01)
VENDOR_SPECIFIC = 0xFF
_TO_INTERFACE, _FROM_INTERFACE = 0x21, 0xA1
"""Class requests to and from an interface (USB 2.0 table 9-2)."""

LARGEST_READ = 256 * 1024
"""One transfer asks for at most this and one packet more: a chunk and its header."""


class UsbBus:
    """The machine's USB, or a backend that stands in for it. One thread lists, any thread opens."""

    def __init__(self, backend: Backend | None = None) -> None:
        self._backend = _libusb()[0] if backend is None else backend
        self._known: dict[tuple[int, ...], UsbDevice] = {}

    def list_devices(self) -> tuple[UsbDevice, ...]:
        """Everything that is plugged in, but no hubs. Asks the devices themselves nothing.

        Where the system does not list its devices this once, what it listed before.
        """
        known: dict[tuple[int, ...], UsbDevice] = {}
        try:
            for device in self._devices():
                key = (device.bus, device.address, device.idVendor, device.idProduct)
                facts = self._known.get(key) or _facts(device)
                if facts:
                    known[key] = facts
            self._known = known
        except usb.core.USBError as error:
            log.warning("the USB devices cannot be listed: %s", error)
        return tuple(self._known.values())

    def open_still_image(self, device: UsbDevice) -> UsbLink:
        """Open and claim its still image interface, or Android's own one, by its name "MTP".

        Raises `RecorderBusy` where another program holds it or we may not yet open it,
        `RecorderRefused` where it has no such interface, `RecorderMisbehaved`, `RecorderGone`.
        """
        with _translated(device.port):
            found = [
                one
                for one in self._devices()
                if (one.bus, one.address) == (device.bus, device.address)
            ]
        if not found:
            raise RecorderGone(f"nothing is plugged into port {device.port} any more")
        try:
            return _opened(found[0], device)
        except LinkTrouble as error:
            raise RecorderMisbehaved(f"it cannot be opened: {error}") from error

    def _devices(self) -> Iterator[Any]:
        for device in self._backend.enumerate_devices():
            try:
                yield usb.core.Device(device, self._backend)
            except usb.core.USBError as error:  # it went while we looked
                log.debug("a USB device shows no descriptor: %s", error)


class UsbLink:
    """One claimed interface: bulk in and out, interrupt in, class requests. One thread only.

    Timeouts are in seconds. Every method raises `RecorderGone` once the device is unplugged, and
    `Stalled` or `TimedOut`.
    """

    def __init__(self, device: Any, interface: Interface, port: str) -> None:
        self._device = device
        self._interface = interface.number
        self._port = port
        ends = {(end.kind, end.address & IN): end for end in interface.endpoints}
        self._in, self._out = ends[BULK, IN], ends[BULK, 0]
        self._events = ends[INTERRUPT, IN]
        self.packet = self._in.packet
        """Bytes in the largest bulk packet: a transfer that ends with a smaller one has ended."""
        self._small = array("B", bytes(self.packet))
        self._large = array("B", bytes(LARGEST_READ + self.packet))

    def read(self, size: int, timeout: float) -> memoryview:
        """One bulk transfer of about `size` bytes; good until the next read.

        It may bring more than `size`, since a device may send on without a pause, and it brings
        less where the device ended its transfer or the time ran out. Empty: a zero-length packet.
        """
        buffer = self._small if size <= self.packet else self._large
        with _translated(self._port):
            count = self._device.read(self._in.address, buffer, _milliseconds(timeout))
        return memoryview(buffer)[:count]

    def write(self, data: bytes, timeout: float) -> None:
        """One bulk transfer, with a zero-length packet where its length would not end it."""
        with _translated(self._port):
            if self._device.write(self._out.address, data, _milliseconds(timeout)) != len(data):
                raise TimedOut(f"port {self._port}: only a part went out")
            if len(data) % self._out.packet == 0:
                self._device.write(self._out.address, b"", _milliseconds(timeout))

    def event(self, timeout: float) -> bytes:
        """One interrupt transfer."""
        with _translated(self._port):
            data = self._device.read(
                self._events.address, self._events.packet, _milliseconds(timeout)
            )
        return bytes(data)

    def clear_halts(self) -> None:
        """Let all endpoints start afresh."""
        for end in (self._in, self._out, self._events):
            with _translated(self._port):
                self._device.clear_halt(end.address)

    def send_request(self, request: int, data: bytes, timeout: float) -> None:
        """A class request to the interface."""
        with _translated(self._port):
            self._device.ctrl_transfer(
                _TO_INTERFACE, request, 0, self._interface, data, _milliseconds(timeout)
            )

    def ask_request(self, request: int, size: int, timeout: float) -> bytes:
        """A class request from the interface: what it answers, at most `size` bytes."""
        with _translated(self._port):
            data = self._device.ctrl_transfer(
                _FROM_INTERFACE, request, 0, self._interface, size, _milliseconds(timeout)
            )
        return bytes(data)

    def serial(self) -> str:
        """The device's USB serial number; empty where it has none."""
        return _text(self._device, self._device.iSerialNumber, self._port)

    def close(self) -> None:
        """Give the interface back; safe at any time, also when the device is gone."""
        try:
            usb.util.dispose_resources(self._device)
        except usb.core.USBError as error:
            log.debug("port %s: %s while closing", self._port, error)


def library() -> str:
    """Which libusb is in use, for `doctor`: where it comes from and its path."""
    return _libusb()[1]


def _libusb() -> tuple[Backend, str]:
    """PyUSB's backend and a description. Raises `RecorderRefused` where there is no libusb."""
    for origin, find in (("bundled", _bundled), ("system", find_library)):
        backend = usb.backend.libusb1.get_backend(find_library=find)
        if backend is not None:
            return backend, f"{origin} libusb, {backend.lib._name}"
    raise RecorderRefused("no libusb was found", do="install libusb-1.0")


def _bundled(name: str) -> str | None:
    """The libusb that came with the Python package, where there is a wheel for this machine."""
    try:
        import libusb_package
    except ImportError:
        return None
    path = libusb_package.get_library_path()
    return str(path) if path and path.name.startswith(f"lib{name}") else None


def _facts(device: Any) -> UsbDevice | None:
    """None for a hub, and for what went away while it was looked at."""
    if device.bDeviceClass == HUB or not device.port_numbers:
        return None
    try:
        return device_from(device)
    except (usb.core.USBError, IndexError) as error:
        log.debug("bus %d address %d shows no interfaces: %s", device.bus, device.address, error)
        return None


def _opened(device: Any, facts: UsbDevice) -> UsbLink:
    try:
        interface = _still_image(device, facts)
        with _translated(facts.port):
            _free_from_kernel(device, interface.number, facts.port)
            usb.util.claim_interface(device, interface.number)
    except (LinkTrouble, RecorderError):
        usb.util.dispose_resources(device)
        raise
    return UsbLink(device, interface, facts.port)


def _still_image(device: Any, facts: UsbDevice) -> Interface:
    fitting = [one for one in facts.interfaces if one.has_still_image_pipes]
    for interface in fitting:
        if interface.triple == STILL_IMAGE:
            return interface
    for interface in fitting:
        if interface.triple[0] == VENDOR_SPECIFIC and "MTP" in _text(
            device, interface.name, facts.port
        ):
            return interface
    raise RecorderRefused(f"port {facts.port}: no interface speaks PTP or MTP")


def _free_from_kernel(device: Any, interface: int, port: str) -> None:
    try:
        if device.is_kernel_driver_active(interface):
            device.detach_kernel_driver(interface)
    except NotImplementedError:  # not on this system: the claim that follows tells
        log.debug("port %s: this system detaches no kernel drivers", port)


def _text(device: Any, index: int, port: str) -> str:
    """A string descriptor in its first language; empty where the device has none or garbles it."""
    if not index:
        return ""
    try:
        with _translated(port):  # not PyUSB's own choice of language, which hides an unplug
            language = usb.util.get_langids(device)[0]
            return usb.util.get_string(device, index, language) or ""
    except (LinkTrouble, ValueError, IndexError) as error:
        log.debug("port %s: string descriptor %d: %r", port, index, error)
        return ""


def _milliseconds(seconds: float) -> int:
    """At least one: to libusb, zero is for ever."""
    return max(1, int(seconds * 1000))


@contextmanager
def _translated(port: str) -> Iterator[None]:
    try:
        yield
    except usb.core.USBTimeoutError as error:
        raise TimedOut(f"port {port}: {error}") from error
    except usb.core.USBError as error:
        _raise_for(error, port)


def _raise_for(error: usb.core.USBError, port: str) -> NoReturn:
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
