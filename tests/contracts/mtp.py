"""A simulated PTP or MTP recorder in a port of a USB bus in memory, with the driver in front."""

from __future__ import annotations

from agent.link.usb import UsbBus
from agent.recorder.mtp.recorder import open_mtp
from hwsim.body import Body
from hwsim.faces.ptp import PtpFace, Quirks
from hwsim.faults import Faults
from hwsim.ports.usb_memory import MemoryBus
from tests.contracts.recorder import Docked, TestClock

PORT = "1-1.2"


def clock_of(body: Body) -> TestClock:
    assert isinstance(body.clock, TestClock)
    return body.clock


def dock_mtp(body: Body, quirks: Quirks | None = None, faults: Faults | None = None) -> Docked:
    """Plug `body` in and open it. A transfer that waits in vain moves the body's clock instead.

    Raises what opening raises.
    """
    clock = clock_of(body)
    bus = MemoryBus(waited=clock.advance)
    bus.plug(PORT, PtpFace(body, faults, quirks))
    usb = UsbBus(bus)
    (device,) = usb.list_devices()
    recorder = open_mtp(usb, device, clock)
    return Docked(recorder, body, lambda: bus.unplug(PORT))
