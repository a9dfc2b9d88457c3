"""Every kind of simulated recorder, by name, and how one is put into a port.

    hardware = Hardware(folder)
    recorder = SimulatedRecorder("ambarella-a", hardware, "1-1.2", body)
    recorder.plug()
    ...                       # hardware.bus beneath pyusb or USB/IP, hardware.machine as sysfs
    hardware.close()

The command `hwsim` and its scenarios take their recorders from here, and so do tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

from hwsim.body import Body, HeldClip
from hwsim.control_mode import ControlMode, SerialControl, TcpControl, UsbControl
from hwsim.dialects import control_mode, password_of
from hwsim.faces.bulk_only import DiskIdentity
from hwsim.faces.ptp import PLAIN_PTP, PtpFace, Quirks
from hwsim.faces.smp import SmpFace
from hwsim.faces.zfy import ZfyBody
from hwsim.faults import Faults
from hwsim.media.grown import GrownMp4
from hwsim.ports.machine import SimulatedMachine
from hwsim.ports.usb_memory import MemoryBus
from hwsim.two_phase import Show, TwoPhaseRecorder, image_of

USB, SERIAL, TCP = "USB", "serial line", "TCP"
STILL_CAMERA = Quirks(operations=PLAIN_PTP, product_id=0x0004)

LABEL = 11
"""Characters of the longest label that FAT has."""
SMALLEST = 64 * 1024
"""Bytes in the smallest film."""

Talks = Callable[[ZfyBody, Faults], ControlMode]


def _talks(family: str) -> Talks:
    return lambda who, faults: control_mode(family, who, faults)[0]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of recorder: what speaks first, if anything, and whether a disk comes then."""

    name: str
    says: str
    way: str
    talks: Talks | None
    disk: bool
    password: str = "000000"  # noqa: S105 - printed in every manual
    serial_is_label: bool = False
    """Its disk's volume label is its serial number."""


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "mtp", "MTP, one phase", USB, lambda who, faults: UsbControl(PtpFace(who.body, faults)),
            disk=False,
        ),
        Kind(
            "ptp", "PTP still camera", USB,
            lambda who, faults: UsbControl(PtpFace(who.body, faults, STILL_CAMERA)), disk=False,
        ),
        Kind("disk", "USB disk from the start", USB, None, disk=True),
        Kind(
            "ambarella-a", "vendor control transfers, then a disk", USB,
            _talks("ambarella-a"), disk=True,
        ),
        Kind(
            "ambarella-b", "text on bulk endpoints, then a disk", USB,
            _talks("ambarella-b"), disk=True,
            password=password_of("ambarella-b"), serial_is_label=True,
        ),
        Kind(
            "bc-plus", "BC+ text, then a disk", USB,
            _talks("bc-plus"), disk=True,
        ),
        Kind(
            "jieli", "vendor SCSI commands, then a disk", USB,
            _talks("jieli"), disk=True,
        ),
        Kind(
            "at-serial", "AT commands, then a disk", SERIAL,
            _talks("at-serial"), disk=True,
        ),
        Kind(
            "smp", "SMP (MCUmgr), one phase", SERIAL,
            lambda who, faults: SerialControl(SmpFace(who.body, faults=faults)), disk=False,
        ),
        Kind(
            "e12", "Android E12, then a disk", TCP,
            _talks("android-e12"), disk=True,
        ),
        Kind(
            "zzx", "Android JSON lines, then a disk", TCP,
            _talks("android-zzx"), disk=True,
        ),
    )
}  # fmt: skip


class Hardware:
    """The machine around the ports: its USB bus, and its block nodes and serial ports below
    `folder`. Images of disks lie there too.
    """

    def __init__(self, folder: Path, bus: MemoryBus | None = None) -> None:
        self.folder = folder
        self.bus = bus if bus is not None else MemoryBus(live=True)
        self.machine = SimulatedMachine(folder)

    def serial_node(self, port: str) -> str | None:
        """The pseudo-terminal behind the serial port that hangs there, if one does."""
        for link in sorted((self.machine.sys / "class" / "tty").iterdir()):
            if f"/{port}:" in str(link.readlink()):
                return str((self.machine.dev / link.name).readlink())
        return None


class SimulatedRecorder:
    """One recorder and the port that it is used with. Any thread may plug and unplug it.

    Raises ValueError for a kind that is none.
    """

    def __init__(self, kind: str, hardware: Hardware, port: str, body: Body) -> None:
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")
        self.kind = KINDS[kind]
        self.port = port
        self.body = body
        self._hardware = hardware
        self._faults = Faults()
        who = ZfyBody(body=body, password=self.kind.password)
        self._control = self.kind.talks(who, self._faults) if self.kind.talks else None
        self._phases = self._two_phases(who) if self.kind.disk else None

    def _two_phases(self, who: ZfyBody) -> TwoPhaseRecorder:
        hardware = self._hardware
        identity = DiskIdentity(maker=who.body.maker, serial=who.body.serial)
        return TwoPhaseRecorder(
            hardware.bus, hardware.machine, self.port, who, self._control, hardware.folder,
            disk=identity, live=True, make=self._image,
        )  # fmt: skip

    def _image(self, path: Path, body: Body) -> Path:
        return image_of(path, body, body.serial[:LABEL] if self.kind.serial_is_label else None)

    @property
    def faults(self) -> Faults:
        """Of what it shows at this moment: a disk's are other ones than those of control mode."""
        there = self._hardware.bus.at(self.port)
        is_disk = self._phases is not None and self._phases.shows is Show.DISK
        return there.face.faults if there is not None and is_disk else self._faults

    @property
    def usb_address(self) -> int | None:
        """The device address of this contact on the bus; None while nothing is there."""
        there = self._hardware.bus.at(self.port)
        return None if there is None else there.where.address

    @property
    def address(self) -> str | None:
        """Where it is reached beside USB: a serial port's node or a TCP address; None: nowhere."""
        if isinstance(self._control, TcpControl):
            return self._control.tcp.address if self._control.tcp.answers else None
        return self._hardware.serial_node(self.port)

    def plug(self) -> None:
        """Raises ValueError where the port is occupied."""
        if self._phases is not None:
            self._phases.plug()
        elif self._control is not None:
            self._control.come(self._hardware.bus, self._hardware.machine, self.port)

    def unplug(self) -> None:
        """Safe to call again."""
        if self._phases is not None:
            self._phases.unplug()
        elif self._control is not None:
            self._control.go(self._hardware.bus, self._hardware.machine, self.port)

    def close(self) -> None:
        """Unplug it and end its threads."""
        self.unplug()
        if isinstance(self._control, TcpControl):
            self._control.close()


def record(body: Body, count: int, size: int, random: Random) -> None:
    """Let it record `count` films of `size` bytes, at what its clock shows, a minute apart."""
    for place in range(count):
        at = body.now().replace(microsecond=0) + timedelta(minutes=place)
        name = f"DCIM/100MEDIA/DCAM_{body.serial}_000001_{at:%Y%m%d_%H%M%S}.mp4"
        content = GrownMp4(size, random.getrandbits(63))
        body.add(HeldClip(name, recorded=at, content=content))
