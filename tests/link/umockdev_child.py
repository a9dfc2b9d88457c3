"""Run under `umockdev-wrapper`: udev events on a test bed of its own, heard through the doorbell.

Prints a JSON line of what each wait gave. The test bed is libumockdev's (C API, `umockdev.h`).
"""

from __future__ import annotations

import ctypes
import json
import time

from agent.link.udev import udev_doorbell

LONG = 20.0
"""Seconds within which an event is heard, or something is broken."""
STORMS = 5

_lib = ctypes.CDLL("libumockdev.so.0")
_lib.umockdev_testbed_new.restype = ctypes.c_void_p
_lib.umockdev_testbed_add_from_string.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_lib.umockdev_testbed_uevent.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
_gobject = ctypes.CDLL("libgobject-2.0.so.0")
_gobject.g_object_unref.argtypes = [ctypes.c_void_p]


class TestBed:
    def __init__(self) -> None:
        self._bed = _lib.umockdev_testbed_new()

    def add(self, subsystem: str, name: str) -> str:
        """A device that was not there before: udev tells of it. Its path in sysfs."""
        path = f"/devices/pci0000:00/usb1/{name}"
        record = f"P: {path}\nE: SUBSYSTEM={subsystem}\n"
        if not _lib.umockdev_testbed_add_from_string(self._bed, record.encode(), None):
            raise ValueError(record)
        return f"/sys{path}"

    def close(self) -> None:
        """Its folder goes with its last reference."""
        _gobject.g_object_unref(self._bed)

    def tell(self, path: str, action: str) -> None:
        _lib.umockdev_testbed_uevent(self._bed, path.encode(), action.encode())


def main() -> None:
    bed = TestBed()
    bell = udev_doorbell()
    told: dict[str, object] = {"nothing": bell.wait(0.0)}
    for subsystem in ("usb", "block", "tty"):
        path = bed.add(subsystem, subsystem)
        told[f"{subsystem} add"] = bell.wait(LONG)
        bed.tell(path, "remove")
        told[f"{subsystem} remove"] = bell.wait(LONG)
    sound = bed.add("sound", "card0")
    told["sound"] = bell.wait(0.0)
    bed.tell(sound, "remove")

    path = bed.add("usb", "storm")
    began = time.monotonic()
    for _ in range(STORMS):  # there is always an event more when it waits again
        bed.tell(path, "change")
        bed.tell(path, "change")
        told["storm"] = bell.wait(LONG)
    told["storms"] = STORMS
    told["storm took"] = time.monotonic() - began
    told["after it"] = bell.wait(0.0)
    bell.close()
    bed.close()
    print(json.dumps(told))


if __name__ == "__main__":
    main()
