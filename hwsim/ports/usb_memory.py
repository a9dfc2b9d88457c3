"""A USB bus in memory: simulated recorders beneath the real PyUSB.

    bus = MemoryBus()
    bus.plug("1-1.2", PtpFace(body))
    device = usb.core.find(backend=bus)

Everything above `usb.backend.IBackend` is then the code that talks to real recorders. Errors are
those of PyUSB's libusb 1.0 backend: `USBError` with errno 19 (gone), 32 (stalled), 16 (claimed by
another), 75 (overflow), 2 (no such thing), and `USBTimeoutError` with errno 110.
"""

from __future__ import annotations

import errno
import re
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from threading import Lock
from types import SimpleNamespace

import usb.backend
from usb.core import USBError, USBTimeoutError

from hwsim.ports import usb_descriptors
from hwsim.ports.usb_descriptors import CONFIGURATION, Place
from hwsim.ports.usb_device import UsbDevice, Waiting
from hwsim.usb import Overflowed, Setup, Silent, Stalled, Unplugged, UsbFace

FIRST_ADDRESS = 2
"""The root hub has address 1."""

LAST_ADDRESS = 127
KERNEL = object()
"""The owner of an interface that the kernel's driver holds."""

_PORT_PATH = re.compile(r"(\d+)-(\d+(?:\.\d+){0,6})\Z")


class _Handle:
    """One opening of one device."""

    def __init__(self, device: UsbDevice) -> None:
        self.device = device


class MemoryBus(usb.backend.IBackend):  # type: ignore[misc]
    """A PyUSB backend whose devices are faces plugged into port paths such as "1-1.2".

    Any thread may plug and unplug at any time. With `live`, a transfer for which nothing comes
    waits as long as the host allows; else it gives up at once and `waited` is told the seconds.
    """

    def __init__(self, *, live: bool = False, waited: Waiting = lambda _seconds: None) -> None:
        super().__init__()
        self.live = live
        self._waited = waited
        self._lock = Lock()
        self._devices: dict[str, UsbDevice] = {}
        self._addresses = count()

    # For whoever moves the recorders, and for other ports over the same bus.

    def plug(self, port_path: str, face: UsbFace, *, kernel_driver: bool = False) -> None:
        """Plug a recorder in; a new contact with a new address begins.

        `kernel_driver`: the system's own driver holds the interface until it is detached.
        Raises ValueError for a port path that is none or is occupied.
        """
        bus, ports = _parse(port_path)
        with self._lock:
            if port_path in self._devices and not self._devices[port_path].gone:
                raise ValueError(f"port {port_path} is occupied")
            where = Place(bus, ports, self._free_address())
            device = UsbDevice(face, where, live=self.live, waited=self._waited)
            device.owner = KERNEL if kernel_driver else None
            self._devices[port_path] = device

    def unplug(self, port_path: str) -> None:
        """Take it out: transfers that wait, and all later ones, fail with errno 19."""
        with self._lock:
            device = self._devices.pop(port_path, None)
        if device is not None:
            device.unplug()

    def occupied(self) -> list[str]:
        """The port paths in which something is plugged."""
        with self._lock:
            return [path for path, device in self._devices.items() if not device.gone]

    def at(self, port_path: str) -> UsbDevice | None:
        """What is plugged there, if anything."""
        with self._lock:
            device = self._devices.get(port_path)
        return None if device is None or device.gone else device

    def hold(self, device: UsbDevice, owner: object) -> bool:
        """Claim a device for `owner`; False where another has it."""
        with self._lock:
            if device.owner not in (None, owner):
                return False
            device.owner = owner
            return True

    def _free_address(self) -> int:
        taken = {device.where.address for device in self._devices.values()}
        span = LAST_ADDRESS - FIRST_ADDRESS + 1
        addresses = (FIRST_ADDRESS + next(self._addresses) % span for _ in range(span))
        return next(address for address in addresses if address not in taken)

    # Descriptors, as PyUSB asks for them.

    def enumerate_devices(self) -> list[UsbDevice]:
        with self._lock:
            return [device for device in self._devices.values() if not device.gone]

    def get_parent(self, dev: UsbDevice) -> None:
        """Hubs are not shown."""

    def get_device_descriptor(self, dev: UsbDevice) -> SimpleNamespace:
        return usb_descriptors.device(dev.facts, dev.where)

    def get_configuration_descriptor(self, dev: UsbDevice, config: int) -> SimpleNamespace:
        return usb_descriptors.configuration(dev.facts, config)

    def get_interface_descriptor(
        self, dev: UsbDevice, intf: int, alt: int, config: int
    ) -> SimpleNamespace:
        return usb_descriptors.interface(dev.facts, intf, alt, config)

    def get_endpoint_descriptor(
        self, dev: UsbDevice, ep: int, intf: int, alt: int, config: int
    ) -> SimpleNamespace:
        return usb_descriptors.endpoint(dev.facts, ep, intf, alt, config)

    # Handles, configurations, interfaces.

    def open_device(self, dev: UsbDevice) -> _Handle:
        with _as_usb_errors():
            dev.check()
        return _Handle(dev)

    def close_device(self, dev_handle: _Handle) -> None:
        if dev_handle.device.owner is dev_handle:
            dev_handle.device.owner = None

    def set_configuration(self, dev_handle: _Handle, config_value: int) -> None:
        with _as_usb_errors():
            dev_handle.device.check()
        if config_value not in (0, CONFIGURATION):
            raise _error(errno.ENOENT)

    def get_configuration(self, dev_handle: _Handle) -> int:
        with _as_usb_errors():
            dev_handle.device.check()
        return CONFIGURATION

    def set_interface_altsetting(self, dev_handle: _Handle, intf: int, altsetting: int) -> None:
        with _as_usb_errors():
            dev_handle.device.check()
        if intf or altsetting:
            raise _error(errno.ENOENT)

    def claim_interface(self, dev_handle: _Handle, intf: int) -> None:
        device = dev_handle.device
        with _as_usb_errors():
            device.check()
        if intf:
            raise _error(errno.ENOENT)
        if not self.hold(device, dev_handle):
            raise _error(errno.EBUSY)

    def release_interface(self, dev_handle: _Handle, intf: int) -> None:
        with _as_usb_errors():
            dev_handle.device.check()
        if intf or dev_handle.device.owner is not dev_handle:
            raise _error(errno.ENOENT)
        dev_handle.device.owner = None

    def is_kernel_driver_active(self, dev_handle: _Handle, intf: int) -> bool:  # noqa: ARG002
        with _as_usb_errors():
            dev_handle.device.check()
        return dev_handle.device.owner is KERNEL

    def detach_kernel_driver(self, dev_handle: _Handle, intf: int) -> None:
        if not self.is_kernel_driver_active(dev_handle, intf):
            raise _error(errno.ENOENT)
        dev_handle.device.owner = None

    def attach_kernel_driver(self, dev_handle: _Handle, intf: int) -> None:
        if self.is_kernel_driver_active(dev_handle, intf) or dev_handle.device.owner:
            raise _error(errno.EBUSY)
        dev_handle.device.owner = KERNEL

    # Transfers; time-outs come in milliseconds, 0 means for ever.

    def bulk_read(
        self, dev_handle: _Handle, ep: int, intf: int, buff: array[int], timeout: int
    ) -> int:
        device = self._owned(dev_handle, intf)
        with _as_usb_errors():
            return device.read(ep, memoryview(buff), timeout / 1000)

    def bulk_write(
        self, dev_handle: _Handle, ep: int, intf: int, data: array[int], timeout: int
    ) -> int:
        device = self._owned(dev_handle, intf)
        with _as_usb_errors():
            return device.write(ep, data.tobytes(), timeout / 1000)

    intr_read = bulk_read
    intr_write = bulk_write

    def ctrl_transfer(
        self,
        dev_handle: _Handle,
        bmRequestType: int,  # noqa: N803
        bRequest: int,  # noqa: N803
        wValue: int,  # noqa: N803
        wIndex: int,  # noqa: N803
        data: array[int],
        timeout: int,
    ) -> int:
        setup = Setup(bmRequestType, bRequest, wValue, wIndex, len(data))
        reads = bool(bmRequestType & 0x80)
        with _as_usb_errors():
            reply = dev_handle.device.control(
                setup, b"" if reads else data.tobytes(), timeout / 1000
            )
        if not reads:
            return len(data)
        data[: len(reply)] = array("B", reply)
        return len(reply)

    def clear_halt(self, dev_handle: _Handle, ep: int) -> None:
        with _as_usb_errors():
            dev_handle.device.clear_halt(ep)

    def reset_device(self, dev_handle: _Handle) -> None:
        with _as_usb_errors():
            dev_handle.device.reset()

    def _owned(self, dev_handle: _Handle, intf: int) -> UsbDevice:
        if intf or dev_handle.device.owner is not dev_handle:
            with _as_usb_errors():
                dev_handle.device.check()
            raise _error(errno.ENOENT)
        return dev_handle.device


def _parse(port_path: str) -> tuple[int, tuple[int, ...]]:
    match = _PORT_PATH.match(port_path)
    if match is None:
        raise ValueError(f"{port_path!r} is no port path such as 1-1.2")
    return int(match[1]), tuple(int(port) for port in match[2].split("."))


def _error(number: int) -> USBError:
    return USBError(errno.errorcode[number], errno=number)


@contextmanager
def _as_usb_errors() -> Iterator[None]:
    """What a port signals, as PyUSB's own errors."""
    try:
        yield
    except Unplugged:
        raise _error(errno.ENODEV) from None
    except Stalled:
        raise _error(errno.EPIPE) from None
    except Overflowed:
        raise _error(errno.EOVERFLOW) from None
    except Silent:
        raise USBTimeoutError("Operation timed out", errno=errno.ETIMEDOUT) from None
