"""What a driver gets to open the recorder in one port."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Protocol

from agent.clock import Clock
from agent.link.attached import Attached, Disk, SerialPort
from agent.link.usb import UsbBus
from agent.recorder.profiles.model import Profile
from agent.recorder.profiles.secret import Secret


class Plug(Protocol):
    """One physical port over one contact, which may span several enumerations."""

    @property
    def port(self) -> str: ...

    def now(self) -> Attached:
        """What the port shows now. Raises `RecorderGone` where that is nothing."""
        ...

    def await_disk(self, seconds: float) -> Disk:
        """Wait until the port shows a disk that can be read.

        Raises `RecorderGone` when the recorder is unplugged meanwhile, `RecorderMisbehaved` when
        none comes in time, in words for the team lead.
        """
        ...

    def await_serial(self, seconds: float) -> SerialPort:
        """The same for a serial port's node."""
        ...

    def change_to_disk(self, seconds: float, unlock: Callable[[], object]) -> Disk:
        """Call `unlock`, which tells the recorder to become a disk; wait till it enumerates again.

        From the call to its end a departure is no unplugging: a recorder may leave before it has
        answered. Raises what `unlock` raises, `RecorderGone` where nothing comes back,
        `RecorderMisbehaved` for one that never leaves control mode, comes back as something else,
        or leaves and comes once more; each in words for the team lead.
        """
        ...


@dataclass(frozen=True, slots=True)
class Site:
    """One port, the profile that matched, and what a driver may use. `zone` is the zone that the
    recorder shows: the profile's, else the dock's configuration, else None (this machine's).
    """

    bus: UsbBus
    plug: Plug
    attached: Attached
    profile: Profile
    clock: Clock
    password: Callable[[], Secret]
    """The recorder's password from where profile and operator say. Raises `ConfigError`."""
    zone: tzinfo | None = None
    sleep: Callable[[float], None] | None = None
    """Waits out a recorder's patience; None: `time.sleep`. Tests move their clock instead."""
