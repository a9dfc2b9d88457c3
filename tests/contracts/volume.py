"""A card as an image, shown as a disk in a port, with the volume driver in front."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.clock import SystemClock
from agent.errors import RecorderGone
from agent.link.attached import Attached, Disk, Roots, SerialPort
from agent.link.machine import Machine
from agent.link.usb import UsbBus
from agent.recorder.plug import Site
from agent.recorder.profiles.model import Profile
from agent.recorder.profiles.secret import Secret
from agent.recorder.volume.recorder import VolumeRecorder, open_disk
from hwsim.body import Body
from hwsim.ports.machine import SimulatedMachine
from hwsim.ports.usb_memory import MemoryBus
from tests.contracts.recorder import Docked

PORT = "1-1.2"


class DiskPort:
    """A machine with one port, as `agent.recorder.plug.Plug` shows it to a driver."""

    port = PORT

    def __init__(self, folder: Path) -> None:
        self.simulated = SimulatedMachine(folder)
        self.memory = MemoryBus()
        self.bus = UsbBus(self.memory)
        self._machine = Machine(self.bus, Roots(self.simulated.sys, self.simulated.dev))

    def now(self) -> Attached:
        for attached in self._machine.attached():
            if attached.port == PORT:
                return attached
        raise RecorderGone(f"nothing is plugged into port {PORT} any more")

    def await_disk(self, seconds: float) -> Disk:
        return self.now().disks[0]

    def await_serial(self, seconds: float) -> SerialPort:
        raise NotImplementedError

    def change_to_disk(self, *unlocking: Any) -> Disk:
        raise NotImplementedError

    def plug(self, image: Path) -> None:
        self.simulated.attach_disk(PORT, image)

    def unplug(self) -> None:
        self.simulated.detach_disk(PORT)

    def site(self, **profile: Any) -> Site:
        return Site(self.bus, self, self.now(), disk_profile(**profile), SystemClock(), _secret)

    def open(self, **profile: Any) -> VolumeRecorder:
        """The driver on what is plugged in; `profile` is what its profile says otherwise."""
        return open_disk(self.site(**profile))


def _secret() -> Secret:
    raise AssertionError("a disk asks for no password")


def disk_profile(**said: Any) -> Profile:
    return Profile.model_validate(
        {
            "id": "test-disk",
            "name": "a disk",
            "driver": "volume",
            "source": {"facts": "this test", "certainty": "standard"},
            "match": [{"disk": True}],
            "identity": {"serial": ["volume-label"]},
        }
        | said
    )


def opened(folder: Path, image: Path, **profile: Any) -> VolumeRecorder:
    """The driver on an image in a machine of its own."""
    port = DiskPort(folder)
    port.plug(image)
    return port.open(**profile)


def dock_disk(folder: Path, image: Path, body: Body) -> Docked:
    """Plug in the image of a body's card, of which the label is the body's serial number."""
    port = DiskPort(folder)
    port.plug(image)
    said = {"serial": ["volume-label"], "maker": body.maker, "model": body.model}
    return Docked(port.open(identity=said), body, port.unplug)
