"""USB: what is plugged in, and bytes to and from one interface. The only importer of PyUSB.

Two tiers of trouble leave this module. What ends or delays a contact is a `RecorderError`. What
a protocol can mend is a `LinkTrouble` (`Stalled`, `TimedOut`) and is settled by the driver above.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar

import usb.backend.libusb1
import usb.core
import usb.util

from agent.errors import (
    RecorderError,
    RecorderGone,
    RecorderMisbehaved,
    RecorderRefused,
)
from agent.link.usb_bulk import MASS_STORAGE, BulkPair, find_pair
from agent.link.usb_errors import raise_for
from agent.link.usb_facts import LinkTrouble, TimedOut, UsbDevice, device_from
from agent.link.usb_handle import Handle, Request
from agent.link.usb_still import STILL_IMAGE, VENDOR_SPECIFIC, UsbLink, still_interface

__all__ = [
    "STILL_IMAGE",
    "VENDOR_SPECIFIC",
    "Backend",
    "BulkPair",
    "Handle",
    "UsbBus",
    "UsbLink",
    "library",
]

log = logging.getLogger(__name__)

Backend: TypeAlias = Any
"""A PyUSB backend (`usb.backend.IBackend`); PyUSB has no types."""

HUB = 0x09
T = TypeVar("T")


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

        def claimed(handle: UsbHandle) -> UsbLink:
            interface = still_interface(handle, device)
            handle.claim(interface.number)
            return UsbLink(handle, interface)

        return self._opened(device, claimed)

    def open_bulk(
        self, device: UsbDevice, to_host: int | None = None, from_host: int | None = None
    ) -> BulkPair:
        """Open a pair of bulk endpoints, by their addresses or the first there is; claim their
        interface. Raises as `open_still_image` does.
        """
        return self._opened(device, lambda handle: self._pair(handle, device, to_host, from_host))

    def open_mass_storage(self, device: UsbDevice) -> BulkPair:
        """Open and claim its bulk-only mass storage interface, which the kernel gets back at the
        end. Raises as `open_still_image` does.
        """
        disks = tuple(one for one in device.interfaces if one.triple == MASS_STORAGE)
        narrowed = replace(device, interfaces=disks)
        return self._opened(device, lambda handle: self._pair(handle, narrowed, None, None))

    def open_control(self, device: UsbDevice) -> Handle:
        """Open a device for control requests to itself: no interface is claimed. Raises as
        `open_still_image` does.
        """
        return self._opened(device, lambda handle: handle)

    @staticmethod
    def _pair(
        handle: UsbHandle, device: UsbDevice, to_host: int | None, from_host: int | None
    ) -> BulkPair:
        interface, ins, outs = find_pair(device, to_host, from_host)
        handle.claim(interface.number)
        return BulkPair(handle, interface.number, ins, outs)

    def _opened(self, device: UsbDevice, claim: Callable[[UsbHandle], T]) -> T:
        with _translated(device.port):
            found = [
                one
                for one in self._devices()
                if (one.bus, one.address) == (device.bus, device.address)
            ]
        if not found:
            raise RecorderGone(f"nothing is plugged into port {device.port} any more")
        handle = UsbHandle(found[0], device)
        try:
            return claim(handle)
        except LinkTrouble as error:
            handle.close()
            raise RecorderMisbehaved(f"it cannot be opened: {error}") from error
        except RecorderError:
            handle.close()
            raise

    def _devices(self) -> Iterator[Any]:
        for device in self._backend.enumerate_devices():
            try:
                yield usb.core.Device(device, self._backend)
            except usb.core.USBError as error:  # it went while we looked
                log.debug("a USB device shows no descriptor: %s", error)


class UsbHandle:
    """`agent.link.usb_handle.Handle` over PyUSB: one device, and the interface claimed of it."""

    def __init__(self, device: Any, facts: UsbDevice) -> None:
        self._device = device
        self._port = facts.port
        self._claimed: int | None = None
        self._detached = False

    @property
    def port(self) -> str:
        return self._port

    def claim(self, interface: int) -> None:
        """Take an interface, from the kernel's driver too; `close` gives it back."""
        with _translated(self._port):
            self._detached = _free_from_kernel(self._device, interface, self._port)
            self._claimed = interface
            usb.util.claim_interface(self._device, interface)

    def read(self, endpoint: int, into: array[int], timeout: float) -> int:
        with _translated(self._port):
            return int(self._device.read(endpoint, into, _milliseconds(timeout)))

    def write(self, endpoint: int, data: bytes, timeout: float) -> int:
        with _translated(self._port):
            return int(self._device.write(endpoint, data, _milliseconds(timeout)))

    def tell(self, request: Request, data: bytes, timeout: float) -> None:
        with _translated(self._port):
            sent = self._device.ctrl_transfer(
                request.kind, request.request, request.value, request.index, data,
                _milliseconds(timeout),
            )  # fmt: skip
            if sent != len(data):
                raise TimedOut(f"port {self._port}: only a part went out")

    def ask(self, request: Request, size: int, timeout: float) -> bytes:
        with _translated(self._port):
            data = self._device.ctrl_transfer(
                request.kind, request.request, request.value, request.index, size,
                _milliseconds(timeout),
            )  # fmt: skip
        return bytes(data)

    def clear_halt(self, endpoint: int) -> None:
        with _translated(self._port):
            self._device.clear_halt(endpoint)

    def text(self, index: int) -> str:
        """In its first language; empty where the device has none or garbles it."""
        if not index:
            return ""
        try:
            with _translated(self._port):  # not PyUSB's own choice of language, it hides an unplug
                language = usb.util.get_langids(self._device)[0]
                return usb.util.get_string(self._device, index, language) or ""
        except (LinkTrouble, ValueError, IndexError) as error:
            log.debug("port %s: string descriptor %d: %r", self._port, index, error)
            return ""

    def serial(self) -> str:
        return self.text(self._device.iSerialNumber)

    def close(self) -> None:
        """A disk that was the kernel's is the kernel's again, so that its node comes back."""
        try:
            if self._detached:
                self._detached = False
                usb.util.release_interface(self._device, self._claimed)
                self._device.attach_kernel_driver(self._claimed)
        except usb.core.USBError as error:
            log.debug("port %s: not given back to the kernel: %s", self._port, error)
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


def _free_from_kernel(device: Any, interface: int, port: str) -> bool:
    """Whether the kernel's driver had it and was sent away."""
    try:
        if device.is_kernel_driver_active(interface):
            device.detach_kernel_driver(interface)
            return True
    except NotImplementedError:  # not on this system: the claim that follows tells
        log.debug("port %s: this system detaches no kernel drivers", port)
    return False


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
        raise_for(error, port)
