"""Profiles as texts, and ports as the kernel shows them."""

from __future__ import annotations

from pathlib import Path

from agent.link.attached import Attached, Disk, SerialPort
from agent.link.usb_facts import BULK, IN, INTERRUPT, Endpoint, Interface, UsbDevice
from agent.recorder.profiles.load import Loaded, Profiles, load_profile

SOURCE = '[source]\nfacts = "a test"\ncertainty = "inferred"\n'
STILL_PIPES = (Endpoint(0x81, BULK, 512), Endpoint(0x02, BULK, 512), Endpoint(0x83, INTERRUPT, 28))
BULK_PIPES = STILL_PIPES[:2]


def text(profile_id: str, match: str, *, driver: str = "volume", more: str = "") -> str:
    """A profile; `match` holds the lines below `[[match]]`."""
    head = f'id = "{profile_id}"\nname = "{profile_id}"\ndriver = "{driver}"\n'
    return f"{head}{SOURCE}[[match]]\n{match}\n{more}"


def written(folder: Path, content: str | bytes, name: str = "one.toml") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def loaded(folder: Path, *texts: str, local: bool = False) -> Profiles:
    """Profiles from texts, in that order."""
    paths = [written(folder, each, f"{n}.toml") for n, each in enumerate(texts)]
    return Profiles(tuple(Loaded(load_profile(path), path, local) for path in paths))


def interface(
    shown: tuple[int, int, int],
    endpoints: tuple[Endpoint, ...] = STILL_PIPES,
    *,
    number: int = 0,
    name: int = 4,
) -> Interface:
    return Interface(number, shown, name, endpoints)


def usb(
    vendor: int, product: int, *interfaces: Interface, triple: tuple[int, int, int] = (0, 0, 0)
) -> UsbDevice:
    return UsbDevice("1-1.2", 5, 1, vendor, product, triple, interfaces)


def on_usb(vendor: int, product: int, *interfaces: Interface) -> Attached:
    return Attached("1-1.2", usb(vendor, product, *interfaces))


def on_line(
    name: str, vendor: int | None = None, product: int | None = None, port: str = "1-1.2"
) -> Attached:
    return Attached(port, serials=(SerialPort(Path("/dev") / name, port, vendor, product),))


DISK = Disk(Path("/dev/sda"), "1-1.2", 1 << 30, 7)
CAMERA = on_usb(0x04A9, 0x3110, interface((6, 1, 1)))
PHONE = on_usb(0x18D1, 0x4EE2, interface((0xFF, 0xFF, 0)), interface((0xFF, 0x42, 1), BULK_PIPES))
AMBARELLA = on_usb(0x4255, 0x0001, interface((0xFF, 0, 0), BULK_PIPES))
STICK = on_usb(0x0781, 0x5567, interface((8, 6, 0x50), BULK_PIPES))
KEYBOARD = on_usb(0x046D, 0xC31C, interface((3, 1, 1), (Endpoint(IN | 1, INTERRUPT, 8),)))
PRINTER = on_usb(0x03F0, 0x1234, interface((7, 1, 2), BULK_PIPES))
FTDI = on_usb(0x0403, 0x6001, interface((0xFF, 0xFF, 0xFF), BULK_PIPES))
