"""A USB device that shows its descriptors and answers nothing: a keyboard, a serial adapter."""

from __future__ import annotations

from hwsim.faults import Faults
from hwsim.usb import Endpoint, Setup, Stalled, UsbFacts

KEYBOARD = UsbFacts(
    vendor_id=0x1209,
    product_id=0x0003,
    maker="Anybody",
    product="Keyboard",
    serial="",
    interface_class=(0x03, 0x01, 0x01),
    endpoints=(Endpoint(0x81, 3, 8),),
)
ANDROID = UsbFacts(
    vendor_id=0x18D1,
    product_id=0x4EE7,
    maker="Anybody",
    product="Android",
    serial="",
    interface_class=(0xFF, 0x42, 0x01),
    endpoints=(Endpoint(0x81, 2, 512), Endpoint(0x01, 2, 512)),
)
"""A recorder with its debug bridge on, through which its TCP port is reached."""

SERIAL_ADAPTER = UsbFacts(
    vendor_id=0x1A86,
    product_id=0x7523,
    maker="QinHeng",
    product="USB Serial",
    serial="",
    interface_class=(0xFF, 0x01, 0x02),
    endpoints=(Endpoint(0x81, 2, 32), Endpoint(0x01, 2, 32)),
)


class InertFace:
    """Every transfer stalls."""

    def __init__(self, facts: UsbFacts = KEYBOARD) -> None:
        self.facts = facts
        self.faults = Faults()

    def attach(self) -> None:
        """There is nothing to forget."""

    def reset(self) -> None:
        """There is nothing to forget."""

    def write(self, endpoint: int, data: bytes) -> None:  # noqa: ARG002
        raise Stalled

    def read(self, endpoint: int, into: memoryview) -> tuple[int, bool]:  # noqa: ARG002
        raise Stalled

    def control(self, setup: Setup, data: bytes) -> bytes:  # noqa: ARG002
        raise Stalled
