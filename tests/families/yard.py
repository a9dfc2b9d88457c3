"""A whole dock's bays, and recorders of every family to plug into them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random

from agent.bay.bays import Bays
from agent.bay.contact import Contact
from agent.bay.meeting import Guide
from agent.bay.port import Port
from agent.bay.practice import Practice
from agent.bay.status import BayStatus, Doing, Shown
from agent.bay.turns import Turns
from agent.clock import SystemClock
from agent.config import Bay
from agent.link.attached import Roots
from agent.link.machine import Machine
from agent.link.usb import UsbBus
from agent.offload.pull import Offload
from agent.recorder.profiles.load import Profiles, load_profiles, shipped_folder
from agent.spool.files import Spool
from agent.spool.ledger import Ledger
from hwsim.body import Body, Card, HeldClip
from hwsim.control_mode import ControlMode, SerialControl, TcpControl
from hwsim.dialects import DIALECTS, Talker, control_mode, password_of
from hwsim.faces.ptp import PtpFace, Quirks
from hwsim.faces.smp import SmpFace
from hwsim.faces.zfy import ZfyBody
from hwsim.faults import Faults
from hwsim.images import make_image
from hwsim.media.grown import Noise
from hwsim.ports.machine import SimulatedMachine
from hwsim.ports.usb_memory import MemoryBus
from hwsim.two_phase import Script, Show, TwoPhaseRecorder

MIB = 2**20
CHINA = timezone(timedelta(hours=8))
QUICK: Script = ((0.02, Show.NOTHING), (0.08, Show.DISK))

ONE_PHASE = ("mass-storage", "generic-mtp", "generic-ptp", "generic-smp")
FAMILIES = (*DIALECTS, *ONE_PHASE)
SMP_FACTS = """
[serial]
baud = 921600
[smp]
serial_info = "n"
battery_group = "battery"
battery_field = "percent"
storage_group = "card"
storage_total_field = "total"
storage_free_field = "free"
storage_unit = 1
"""
"""What an office adds to the generic profile for its own SMP recorders."""


def recorder(serial: str, *sizes: int) -> Body:
    """A body with clips of these sizes, named as the field names them; its clock is 7 s ahead."""
    body = Body(serial=serial, clock=SystemClock(), clock_error=7.0, cards=[Card("CARD")])
    for number, size in enumerate(sizes):
        when = datetime(2026, 8, 4, 10, number)  # noqa: DTZ001 - a recorder's clock has no zone
        name = f"DCAM_{serial}_000001_{when:%Y%m%d_%H%M%S}{'_IMP' if number == 1 else ''}.mp4"
        content = Noise(size, sum(serial.encode()) * 100 + number)
        body.add(HeldClip(f"DCIM/100MEDIA/{name}", recorded=when, content=content))
    return body


@dataclass
class Plugged:
    """One recorder in one port, and a hand on its plug."""

    family: str
    port: str
    body: Body
    unplug: Callable[[], None]
    plug: Callable[[], None]
    dialect: Talker | None = None
    disk: TwoPhaseRecorder | None = None


@dataclass
class Yard:
    """Bays with everything beneath them real but the recorders. `close` ends it."""

    folder: Path
    parallel: int = 4
    bays_named: list[Bay] = field(default_factory=list)
    addresses: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bus = MemoryBus(live=True)
        self.machine = SimulatedMachine(self.folder / "machine")
        self.ledger = Ledger(self.folder / "ledger.db", SystemClock())
        self.spool = Spool(
            self.folder,
            self.ledger,
            quota=2**32,
            floor=MIB,
            digests=frozenset(),
            hold_seconds=0,
            random=Random(1),
        )
        self._end = ExitStack()
        passwords = self.folder / "passwords"
        passwords.mkdir()
        own = self.folder / "profiles"
        own.mkdir(exist_ok=True)
        generic = (shipped_folder() / "generic-smp.toml").read_text("utf-8")
        (own / "generic-smp.toml").write_text(generic + SMP_FACTS, "utf-8")
        usb = UsbBus(self.bus)
        self.profiles: Profiles = load_profiles(shipped_folder(), own)
        guide = Guide(usb, self.profiles, passwords, SystemClock(), CHINA)
        self.practice = Practice(
            ledger=self.ledger,
            offload=Offload(self.spool, self.ledger),
            clock=SystemClock(),
            random=Random(2),
            set_clock=True,
            guide=guide,
            turns=Turns(self.parallel),
            spooled=lambda: None,
        )
        roots = Roots(self.machine.sys, self.machine.dev)
        looks = Machine(usb, roots, [bay.port for bay in self.bays_named], self.addresses)
        self.bays = Bays(looks, self._begin, guide.knows, self.bays_named, SystemClock())

    def _begin(self, port: Port, shown: Shown) -> Callable[[], None]:
        return Contact(self.practice, shown, port).run

    def make(
        self,
        family: str,
        port: str,
        body: Body,
        *,
        script: Script = QUICK,
        faults: Faults | None = None,
    ) -> Plugged:
        """A recorder of a family for a port; not yet plugged in."""
        faults = faults or Faults()
        if family in ("generic-mtp", "generic-ptp"):
            face = PtpFace(body, faults, Quirks(android=family == "generic-mtp"))
            return Plugged(
                family,
                port,
                body,
                lambda: self.bus.unplug(port),
                lambda: self.bus.plug(port, face),
            )
        if family == "generic-smp":
            line = SerialControl(SmpFace(body, None, faults))
            return Plugged(
                family,
                port,
                body,
                lambda: line.go(self.bus, self.machine, port),
                lambda: line.come(self.bus, self.machine, port),
            )
        return self._two_phase(family, port, body, script, faults)

    def _two_phase(
        self, family: str, port: str, body: Body, script: Script, faults: Faults
    ) -> Plugged:
        held = ZfyBody(body=body, password=password_of(family))
        dialect: Talker | None = None
        control: ControlMode | None = None
        if family in DIALECTS:
            control, dialect = control_mode(family, held, faults)
        if isinstance(control, TcpControl):
            self._end.callback(control.close)
            self.addresses[port] = control.tcp.address
        images = self.folder / "images"
        images.mkdir(exist_ok=True)
        two = TwoPhaseRecorder(
            self.bus,
            self.machine,
            port,
            held,
            control,
            images,
            script=script,
            live=True,
            make=lambda path, made: make_image(path, made.cards, label=made.serial[:11]),
        )
        return Plugged(family, port, body, two.unplug, two.plug, dialect, two)

    def status(self, bay: str) -> BayStatus | None:
        return next((one for one in self.bays.statuses() if one.bay == bay), None)

    def until(self, true: Callable[[], object], seconds: float = 30.0) -> None:
        """Poll until it is true. Real threads are at work, so this waits for them."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"not in time: {self.bays.statuses()}"
            self.bays.poll()
            threading.Event().wait(0.01)

    def until_doing(self, bay: str, doing: Doing, seconds: float = 30.0) -> BayStatus:
        def so() -> bool:
            now = self.status(bay)
            return now is not None and now.doing is doing

        self.until(so, seconds)
        status = self.status(bay)
        assert status is not None
        return status

    def spooled(self) -> dict[tuple[str, str], bytes]:
        """Every spooled clip's bytes by serial and file name."""
        found = {}
        for entry in self.ledger.entries():
            chunks = range(-(-entry.sighting.size // (256 * 1024)))
            name = entry.sighting.path.rpartition("/")[2]
            data = b"".join(self.spool.read_chunk(entry.clip, index) for index in chunks)
            found[entry.sighting.identity.serial, name] = data
        return found

    def close(self) -> None:
        self.bays.close()
        self._end.close()
        self.spool.close()
        self.ledger.close()


def held(body: Body, serial: str = "") -> dict[tuple[str, str], bytes]:
    """What a recorder holds, as `Yard.spooled` tells it; `serial` where it goes by another."""
    return {
        (serial or body.serial, clip.path.rpartition("/")[2]): clip.content.read(0, clip.size)
        for clip in body.clips
    }


@contextmanager
def hurried(folder: Path, family: str) -> Iterator[Yard]:
    """A dock whose own profile of this family allows a second enumeration two seconds."""
    own = folder / "profiles"
    own.mkdir()
    text = (shipped_folder() / f"{family}.toml").read_text("utf-8")
    (own / f"{family}.toml").write_text(f"{text}\n[quirks]\ndisk_seconds = 2\n", "utf-8")
    yard = Yard(folder)
    try:
        yield yard
    finally:
        yard.close()
