"""Every control dialect before its simulated recorder, docked through the real interpreter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from agent.clock import Clock, SystemClock
from agent.errors import RecorderError, RecorderGone
from agent.link.attached import Attached, Disk, SerialPort
from agent.link.usb import UsbBus
from agent.recorder.control.dialect import DialectSession, open_control
from agent.recorder.plug import Site
from agent.recorder.profiles.dialect import Control
from agent.recorder.profiles.load import load_profile, shipped_folder
from agent.recorder.profiles.model import Profile
from agent.recorder.profiles.secret import Secret
from hwsim.body import Body
from hwsim.dialects import DIALECTS, OVER_SERIAL, OVER_TCP, OVER_USB, Talker, password_of
from hwsim.faces.zfy import ZfyBody
from hwsim.faults import Faults
from hwsim.ports.pty_port import PtyPort
from hwsim.ports.tcp_port import TcpPort
from hwsim.ports.usb_memory import MemoryBus
from tests.contracts.recorder import TestClock

PORT = "1-1.2"
CHINA = timezone(timedelta(hours=8))
NOW = datetime(2026, 8, 4, 2, 0, tzinfo=UTC)

USB, TCP, ALL = tuple(OVER_USB), tuple(OVER_TCP), DIALECTS
PATIENCE = 2.0
"""Seconds of a function on lines on which time really passes."""
HURRY = 0.15
"""The same for tests in which it passes in vain."""


class NoPlug:
    """A port whose second enumeration is somebody else's test."""

    port = PORT

    def now(self) -> Attached:
        raise RecorderGone("not here")

    def await_disk(self, seconds: float) -> Disk:
        raise RecorderGone("not here")

    def await_serial(self, seconds: float) -> SerialPort:
        raise RecorderGone("not here")

    def change_to_disk(self, seconds: float, unlock: Callable[[], object]) -> Disk:
        raise RecorderGone("not here")


@dataclass
class Docked:
    """One recorder in its port, and what the dock knows of it."""

    site: Site
    recorder: ZfyBody
    face: Talker
    faults: Faults
    unplug: Callable[[], None]
    bus: MemoryBus
    sessions: list[DialectSession] = field(default_factory=list)

    def open(self) -> DialectSession:
        """A session, closed at the end if nobody did before."""
        self.sessions.append(open_control(self.site))
        return self.sessions[-1]


def whole_session(dock: Docked) -> None:
    """Everything that the dock ever does in control mode, in its order."""
    session = dock.open()
    session.identity()
    session.health()
    session.clock()
    session.set_clock(dock.site.clock.now())
    session.become_disk()
    session.close()


def survive(dock: Docked) -> RecorderError | None:
    """A whole session; the typed error in which it ended."""
    try:
        whole_session(dock)
    except RecorderError as error:
        return error
    finally:
        for session in dock.sessions:
            session.close()
    return None


def profile_of(family: str) -> Profile:
    return load_profile(shipped_folder() / f"{family}.toml")


def control_of(family: str) -> Control:
    control = profile_of(family).control
    assert control is not None
    return control


def hurried(profile: Profile, seconds: float) -> Profile:
    """The profile with little patience."""
    assert profile.control is not None
    quick = {"seconds": seconds, "busy_wait": 0.05}
    return profile.model_copy(update={"control": profile.control.model_copy(update=quick)})


@contextmanager
def docked(
    family: str,
    *,
    faults: Faults | None = None,
    password: str | None = None,
    recorder: ZfyBody | None = None,
    profile: Profile | None = None,
    clock_error: float = 0.0,
    cut: int | None = None,
    seconds: float = PATIENCE,
) -> Iterator[Docked]:
    """A recorder of `family` plugged in; gone at the end, a line also after `cut` bytes from it."""
    right = password_of(family)
    usb = family in USB
    clock: Clock = TestClock() if usb else SystemClock()
    body = Body(serial="SN-4217", clock=clock, clock_error=clock_error, battery=63, charging=False)
    recorder = recorder or ZfyBody(body=body, password=right)
    faults = faults or Faults()
    profile = profile or (profile_of(family) if usb else hurried(profile_of(family), seconds))
    secret = Secret(right if password is None else password)
    with _plugged(family, recorder, faults, clock, cut) as (bus, memory, attached, face, unplug):
        site = Site(
            bus=bus,
            plug=NoPlug(),
            attached=attached,
            profile=profile,
            clock=clock,
            password=lambda: secret,
            zone=CHINA,
            sleep=clock.advance if isinstance(clock, TestClock) else None,
        )
        dock = Docked(site, recorder, face, faults, unplug, memory)
        try:
            yield dock
        finally:
            for session in dock.sessions:
                session.close()


@contextmanager
def _plugged(
    family: str, recorder: ZfyBody, faults: Faults, clock: Clock, cut: int | None
) -> Iterator[tuple[UsbBus, MemoryBus, Attached, Talker, Callable[[], None]]]:
    memory = MemoryBus(waited=clock.advance if isinstance(clock, TestClock) else lambda _s: None)
    bus = UsbBus(memory)
    if family in OVER_USB:
        face = OVER_USB[family](recorder, faults)
        memory.plug(PORT, face, kernel_driver=family == "jieli")
        (device,) = bus.list_devices()
        yield bus, memory, Attached(PORT, usb=device), face, lambda: memory.unplug(PORT)
    elif family in OVER_TCP:
        talker = OVER_TCP[family](recorder, faults)
        port = TcpPort(talker, cut_after=cut)
        try:
            yield bus, memory, Attached(PORT, address=port.address), talker, port.unplug
        finally:
            port.unplug()
    else:
        talker = OVER_SERIAL[family](recorder, faults)
        line = PtyPort(talker, cut=cut)
        try:
            node = SerialPort(Path(line.node), PORT)
            yield bus, memory, Attached(PORT, serials=(node,)), talker, line.unplug
        finally:
            line.unplug()
