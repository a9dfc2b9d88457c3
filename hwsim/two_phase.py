"""A recorder that is met twice: in control mode, then on the same port as a USB disk.

    recorder = ZfyBody(body=body)
    control = UsbControl(AmbarellaA(recorder))
    met = TwoPhaseRecorder(bus, machine, "1-1.2", recorder, control, folder)
    met.plug()
    ...                     # the host sends the unlock
    met.settle()            # or, with `live`, a thread does that in real time

What it shows after the unlock is a script, so that everything a recorder may do wrong then is a
row of data.
"""

from __future__ import annotations

import threading
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum, auto
from pathlib import Path

from hwsim.body import Body
from hwsim.card import OnDisk
from hwsim.control_mode import ControlMode
from hwsim.faces.bulk_only import BulkOnlyFace, DiskIdentity
from hwsim.faces.inert import KEYBOARD, InertFace
from hwsim.faces.zfy import ZfyBody
from hwsim.images import make_image
from hwsim.ports.machine import SimulatedMachine
from hwsim.ports.usb_memory import MemoryBus
from hwsim.usb import UsbFace


class Show(Enum):
    """What a port shows of the recorder."""

    NOTHING = auto()
    CONTROL = auto()
    DISK = auto()
    EMPTY_DISK = auto()
    """A USB disk without a medium: its node has size 0."""
    OTHER = auto()
    """Some other USB device."""


Script = Sequence[tuple[float, Show]]
"""Steps: so many seconds after the one before (the first: after the unlock), show this."""

NORMAL: Script = ((0.2, Show.NOTHING), (1.0, Show.DISK))
SLOW: Script = ((2.0, Show.NOTHING), (25.0, Show.DISK))
NEVER_LEAVES: Script = ()
NEVER_RETURNS: Script = ((0.2, Show.NOTHING),)
BACK_IN_CONTROL: Script = ((0.2, Show.NOTHING), (1.0, Show.CONTROL))
TWICE_A_DISK: Script = (*NORMAL, (0.5, Show.NOTHING), (1.0, Show.DISK))
DISK_THEN_CONTROL: Script = (*NORMAL, (0.5, Show.NOTHING), (1.0, Show.CONTROL))
SOMETHING_ELSE: Script = ((0.2, Show.NOTHING), (1.0, Show.OTHER))
WITHOUT_MEDIUM: Script = ((0.2, Show.NOTHING), (1.0, Show.EMPTY_DISK))


class TwoPhaseRecorder:
    """One recorder and one port. Any thread may plug, unplug and step.

    `control` None: it is a disk from the start. The disk's image is made anew in `folder` whenever
    the body's clips have changed, by `make`. With `live` a thread follows the script in real time,
    else `step`, `advance` or `settle` do.
    """

    def __init__(
        self,
        bus: MemoryBus,
        machine: SimulatedMachine,
        port: str,
        recorder: ZfyBody,
        control: ControlMode | None,
        folder: Path,
        *,
        script: Script = NORMAL,
        disk: DiskIdentity | None = None,
        other: UsbFace | None = None,
        make: Callable[[Path, Body], Path] | None = None,
        live: bool = False,
    ) -> None:
        self.port = port
        self.script = script
        self.shows = Show.NOTHING
        self.image: Path | None = None
        """The image that it shows, or showed last, as a disk."""

        self.unlocks = 0
        """How often it was told to become a disk, and agreed."""

        self._bus, self._machine, self._folder = bus, machine, folder
        self._recorder, self._control = recorder, control
        self._disk = disk if disk is not None else DiskIdentity()
        self._other = other if other is not None else InertFace(KEYBOARD)
        self._make = make if make is not None else image_of
        self._live = live
        self._edition = -1
        self._left: deque[tuple[float, Show]] = deque()
        self._passed = 0.0
        self._showing = threading.RLock()
        # Held while the bus changes, which may have to wait for a transfer to end; so a transfer
        # never waits for it: `_told` takes `_planning` alone.
        self._planning = threading.Lock()
        self._out = threading.Event()
        recorder.on_disk = self._told

    def plug(self) -> None:
        """A new contact begins, in control mode where it has one."""
        self._out = threading.Event()
        self._plan(())
        self._show(Show.DISK if self._control is None else Show.CONTROL)

    def unplug(self) -> None:
        """It goes, whatever it shows, and its script ends; safe to call again."""
        with self._showing:
            self._out.set()
            self._plan(())
            self._show(Show.NOTHING)

    # After the unlock.

    @property
    def pending(self) -> float | None:
        """Seconds from one step to the next; None where nothing more will change."""
        with self._planning:
            return self._left[0][0] if self._left else None

    def step(self) -> bool:
        """What the script has next, at once; False where it is at its end."""
        with self._showing:
            with self._planning:
                if not self._left:
                    return False
                _, show = self._left.popleft()
            self._show(show)
            return True

    def settle(self) -> None:
        """The script to its end, at once."""
        while self.step():
            pass

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass for the script."""
        with self._showing:
            self._passed += seconds
            while (after := self.pending) is not None and after <= self._passed:
                self._passed -= after
                self.step()

    def _told(self) -> None:
        """Called in the middle of a transfer: nothing may change on the bus yet."""
        self.unlocks += 1
        self._plan(self.script)
        if self._live:
            threading.Thread(target=self._follow, args=(self._out,), daemon=True).start()

    def _plan(self, script: Script) -> None:
        with self._planning:
            self._left = deque(script)
            self._passed = 0.0

    def _follow(self, out: threading.Event) -> None:
        while (seconds := self.pending) is not None and not out.wait(seconds):
            self.step()

    # What the port shows.

    def _show(self, show: Show) -> None:
        with self._showing:
            if self.shows in (Show.DISK, Show.EMPTY_DISK):
                self._machine.detach_disk(self.port)
            if self.shows is Show.CONTROL and self._control is not None:
                self._control.go(self._bus, self._machine, self.port)
            else:
                self._bus.unplug(self.port)
            self.shows = show
            if show is Show.CONTROL and self._control is not None:
                self._control.come(self._bus, self._machine, self.port)
            elif show in (Show.DISK, Show.EMPTY_DISK):
                self._show_disk(empty=show is Show.EMPTY_DISK)
            elif show is Show.OTHER:
                self._bus.plug(self.port, self._other)

    def _show_disk(self, *, empty: bool) -> None:
        """The USB device first, its node a moment later, as the kernel does it."""
        image = self._no_medium() if empty else self._image()
        self._bus.plug(self.port, BulkOnlyFace(None if empty else OnDisk(image), None, self._disk))
        self._machine.attach_disk(self.port, image)

    def _no_medium(self) -> Path:
        nothing = self._folder / f"{self.port}-nothing.img"
        nothing.touch()
        return nothing

    def _image(self) -> Path:
        body = self._recorder.body
        if self.image is None or body.edition != self._edition:
            self._edition = body.edition
            self.image = self._make(self._folder / f"{self.port}-{body.edition}.img", body)
        return self.image


def image_of(path: Path, body: Body, label: str | None = None) -> Path:
    """The body's cards as a disk; each recorder's volume has a serial number of its own."""
    number = zlib.crc32(body.serial.encode())
    return make_image(path, body.cards, zone=body.zone, volume_id=number, label=label)
