"""What an open USB device lets the rest of `agent.link` do; `agent.link.usb` carries it out."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """A control request without its data (USB 2.0 table 9-2)."""

    kind: int
    """bmRequestType."""
    request: int
    value: int = 0
    index: int = 0


class Handle(Protocol):
    """One open device. One thread only; timeouts are in seconds.

    Every method raises `RecorderGone` once the device is unplugged, and `Stalled` or `TimedOut`.
    """

    @property
    def port(self) -> str: ...

    def read(self, endpoint: int, into: array[int], timeout: float) -> int:
        """One transfer from an endpoint: how many bytes."""
        ...

    def write(self, endpoint: int, data: bytes, timeout: float) -> int:
        """One transfer to an endpoint: how many bytes."""
        ...

    def tell(self, request: Request, data: bytes, timeout: float) -> None:
        """A control transfer to the device."""
        ...

    def ask(self, request: Request, size: int, timeout: float) -> bytes:
        """A control transfer from the device: what it gives, at most `size` bytes."""
        ...

    def clear_halt(self, endpoint: int) -> None: ...

    def text(self, index: int) -> str:
        """A string descriptor; empty where there is none or it is garbled."""
        ...

    def serial(self) -> str:
        """The device's USB serial number; empty where it has none."""
        ...

    def close(self) -> None:
        """Give it back, and to the kernel what was the kernel's; safe at any time."""
        ...
