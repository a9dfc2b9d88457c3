"""Opened as the dock opens it: by a site, on a node that a machine shows; probed before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.errors import ConfigError, RecorderBusy, RecorderGone
from agent.link.attached import Attached, Disk, SerialPort
from agent.link.serial_port import SerialLine
from agent.link.usb import UsbBus
from agent.recorder.plug import Site
from agent.recorder.profiles.model import Profile
from agent.recorder.profiles.secret import Secret
from agent.recorder.smp.recorder import answers, open_smp
from hwsim.faces.smp import SmpFace
from hwsim.faces.smp_faults import NoSmpAnswer
from hwsim.faces.smp_make import SmpMake
from hwsim.faults import Faults
from hwsim.ports.machine import SimulatedMachine
from hwsim.ports.pty_port import PtyPort, SerialFace
from hwsim.ports.usb_memory import MemoryBus
from tests.contracts.recorder import FOOTAGE, small_body
from tests.contracts.smp import BAUD, smp_profile


class Silent:
    """Somebody who listens and says nothing."""

    def attach(self, send: Callable[[bytes], None]) -> None:
        self.send = send

    def receive(self, data: bytes) -> None:
        """Nothing."""


class Echo(Silent):
    """A console that echoes what is typed."""

    def receive(self, data: bytes) -> None:
        self.send(data)


class Modem(Silent):
    def receive(self, data: bytes) -> None:
        self.send(b"\r\nERROR\r\n" * data.count(b"\n"))


class Plug:
    """A port that shows what it is told."""

    port = "1-1.3"

    def __init__(self, serial: SerialPort) -> None:
        self._serial = serial

    def now(self) -> Attached:
        return Attached(self.port, serials=(self._serial,))

    def await_disk(self, seconds: float) -> Disk:
        raise RecorderGone("no disk here")

    def await_serial(self, seconds: float) -> SerialPort:
        return self._serial

    def change_to_disk(self, seconds: float, unlock: Callable[[], object]) -> Disk:
        raise RecorderGone("no disk here")


def no_password() -> Secret:
    raise ConfigError("none")


class FastClock(SystemClock):
    """On which patience is over soon."""

    def monotonic(self) -> float:
        return super().monotonic() * 20


class Bay:
    """One serial recorder in a machine; `shown` False: its node comes later."""

    def __init__(self, folder: Path) -> None:
        self._machine = SimulatedMachine(folder)
        self._ports: list[PtyPort] = []

    def site(self, face: SerialFace, profile: Profile | None = None, *, shown: bool = True) -> Site:
        port = PtyPort(face)
        self._ports.append(port)
        node = self._machine.attach_serial(
            Plug.port, port.node, vendor=0x2FE3, product=0x0100, serial="USB-7"
        )
        serial = SerialPort(node, Plug.port, 0x2FE3, 0x0100, "USB-7")
        attached = Attached(Plug.port, serials=(serial,) if shown else ())
        return Site(
            UsbBus(MemoryBus()),
            Plug(serial),
            attached,
            profile or smp_profile(),
            SystemClock(),
            no_password,
        )

    def unplug(self) -> None:
        while self._ports:
            self._ports.pop().unplug()


@pytest.fixture
def bay(tmp_path: Path) -> Iterator[Bay]:
    found = Bay(tmp_path)
    yield found
    found.unplug()


@pytest.mark.parametrize("shown", [True, False])
def test_it_is_opened_on_the_node_that_its_port_shows(bay: Bay, shown: bool) -> None:
    site = bay.site(SmpFace(small_body(), SmpMake(buffer=1024)), shown=shown)
    assert answers(site)
    recorder = open_smp(site)
    assert recorder.identify().serial == "SN-42"
    assert {clip.path for clip in recorder.clips()} == FOOTAGE.keys()
    recorder.close()
    assert answers(site)


def test_the_serial_number_of_its_usb_is_told(bay: Bay) -> None:
    document = smp_profile(serial_info="").model_dump(exclude_unset=True)
    profile = Profile.model_validate(document | {"identity": {"serial": ["usb-serial"]}})
    recorder = open_smp(bay.site(SmpFace(small_body()), profile))
    assert recorder.identify().serial == "USB-7"
    recorder.close()


@pytest.mark.parametrize("face", [Silent, Echo, Modem])
def test_what_speaks_no_smp_does_not_answer_and_soon(bay: Bay, face: type[Silent]) -> None:
    site = bay.site(face())
    began = time.monotonic()
    assert not answers(site)
    assert time.monotonic() - began < 10


def test_one_lost_answer_is_no_refusal(bay: Bay) -> None:
    assert answers(bay.site(SmpFace(small_body(), None, Faults(NoSmpAnswer()))))


def test_an_old_server_answers_too(bay: Bay) -> None:
    site = bay.site(SmpFace(small_body(), SmpMake(versions=1)))
    assert answers(site)
    recorder = open_smp(site)
    assert recorder.identify().serial == "SN-42"
    recorder.close()


def test_a_port_that_another_holds_is_busy_for_the_probe_too(bay: Bay) -> None:
    site = bay.site(SmpFace(small_body()))
    other = SerialLine(site.attached.serials[0].node, BAUD)
    for act in (answers, open_smp):
        with pytest.raises(RecorderBusy):
            act(site)
    other.close()
    assert answers(site)


def test_an_unplugged_port_is_gone(bay: Bay) -> None:
    site = bay.site(SmpFace(small_body()))
    bay.unplug()
    for act in (answers, open_smp):
        with pytest.raises(RecorderGone):
            act(site)


def test_a_failed_greeting_leaves_the_port_free(bay: Bay) -> None:
    site = bay.site(SmpFace(small_body(), None, Faults(NoSmpAnswer(times=None))))
    with pytest.raises(RecorderGone, match="does not answer"):
        open_smp(replace(site, clock=FastClock()))
    SerialLine(site.attached.serials[0].node, BAUD).close()
