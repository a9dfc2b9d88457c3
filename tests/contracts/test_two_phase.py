"""The contract over recorders of two phases: control mode first, then the disk on the same port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta, timezone
from itertools import count
from pathlib import Path

import pytest

from agent.errors import RecorderGone, RecorderRefused
from agent.link.attached import Attached, Disk, Roots, SerialPort
from agent.link.machine import Machine
from agent.link.usb import UsbBus
from agent.recorder.plug import Site
from agent.recorder.profiles.load import load_profile, shipped_folder
from agent.recorder.profiles.secret import Secret
from agent.recorder.registry import open_recorder
from agent.recorder.two_phase import Introduced, TwoPhase
from hwsim.body import Body
from hwsim.control_mode import TcpControl
from hwsim.dialects import control_mode, password_of
from hwsim.faces.zfy import ZfyBody
from hwsim.faults import Faults
from hwsim.images import make_image
from hwsim.ports.machine import SimulatedMachine
from hwsim.ports.usb_memory import MemoryBus
from hwsim.two_phase import TwoPhaseRecorder
from tests.contracts.mtp import clock_of
from tests.contracts.recorder import Docked, RecorderContract, local, small_body

PORT = "1-1.2"
CHINA = timezone(timedelta(hours=8))


class StepPlug:
    """`agent.recorder.plug.Plug` over a machine in which nothing moves by itself."""

    port = PORT

    def __init__(self, machine: Machine, settle: Callable[[], None]) -> None:
        self._machine = machine
        self._settle = settle

    def now(self) -> Attached:
        for attached in self._machine.attached():
            if attached.port == PORT:
                return attached
        raise RecorderGone(f"nothing is plugged into port {PORT} any more")

    def await_disk(self, seconds: float) -> Disk:
        return self.now().disks[0]

    def await_serial(self, seconds: float) -> SerialPort:
        return self.now().serials[0]

    def change_to_disk(self, seconds: float, unlock: Callable[[], object]) -> Disk:
        unlock()
        self._settle()
        return self.now().disks[0]


class TwoPhaseContract(RecorderContract):
    """What control mode alone tells, and what only the disk tells, is one recorder."""

    family: str
    battery: int | None = 37
    """Of a body that has 37 percent, as far as the dialect tells it."""
    deletes = False

    @pytest.fixture(autouse=True)
    def _places(self, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        self._folder, self._numbers = tmp_path, count(1)
        self._shelf = tmp_path_factory.getbasetemp()
        self._end = ExitStack()
        yield
        self._end.close()

    def dock(self, body: Body) -> Docked:
        return self.docked(body)[0]

    def docked(
        self, body: Body, introduced: Introduced | None = None
    ) -> tuple[Docked, TwoPhaseRecorder]:
        clock = clock_of(body)
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        simulated, memory = SimulatedMachine(folder), MemoryBus(waited=clock.advance)
        password = password_of(self.family)
        held = ZfyBody(body=body, password=password)
        control, _ = control_mode(self.family, held, Faults())
        two = TwoPhaseRecorder(
            memory,
            simulated,
            PORT,
            held,
            control,
            folder,
            make=lambda _path, made: self.image(made),
        )
        two.plug()
        bus = UsbBus(memory)
        addresses = {PORT: control.tcp.address} if isinstance(control, TcpControl) else {}
        machine = Machine(bus, Roots(simulated.sys, simulated.dev), addresses=addresses)
        plug = StepPlug(machine, two.settle)
        site = Site(
            bus=bus,
            plug=plug,
            attached=plug.now(),
            profile=load_profile(shipped_folder() / f"{self.family}.toml"),
            clock=clock,
            password=lambda: Secret(password),
            zone=CHINA,
            sleep=clock.advance,
        )
        recorder = open_recorder(site, introduced)
        self._end.callback(recorder.close)
        if isinstance(control, TcpControl):
            self._end.callback(control.close)
        else:
            self._end.callback(two.unplug)
        return Docked(recorder, body, two.unplug), two

    def image(self, body: Body) -> Path:
        path = self._shelf / f"two-phase-{len(body.clips)}.img"
        if not path.exists():
            make_image(path, body.cards, label="SN-42")
        return path

    def room(self, docked: Docked) -> tuple[int, int]:
        """Before the unlock: as far as control mode tells of its storage."""
        (storage,) = docked.recorder.health().storages
        return storage.total, storage.free

    def test_it_tells_its_battery_and_its_storages(self) -> None:
        docked = self.dock(small_body(battery=37.0, charging=False))
        assert docked.recorder.health().battery_percent == self.battery
        assert list(docked.recorder.clips())
        health = docked.recorder.health()
        assert health.battery_percent == self.battery, "as control mode told it"
        (storage,) = health.storages
        assert storage.label == "SN-42"
        assert 0 < storage.free < storage.total

    def test_its_clock_is_set_or_it_says_no(self) -> None:
        docked = self.dock(small_body(clock_error=3600.0))
        now = local(10, 0).replace(tzinfo=CHINA)
        clock_of(docked.body).passed = 30.0
        docked.recorder.set_clock(now)
        assert abs((docked.body.now() - now.replace(tzinfo=None)).total_seconds()) <= 1

    def test_it_is_unlocked_once_however_often_it_is_listed(self) -> None:
        docked, two = self.docked(small_body())
        first = list(docked.recorder.clips())
        assert list(docked.recorder.clips()) == first
        assert two.unlocks == 1

    def test_nothing_but_a_listing_unlocks_it(self) -> None:
        docked, two = self.docked(small_body())
        docked.recorder.identify()
        docked.recorder.health()
        docked.recorder.clock()
        docked.recorder.close()
        assert two.unlocks == 0

    def test_its_clock_is_beyond_reach_once_it_is_a_disk(self) -> None:
        docked = self.dock(small_body())
        before = docked.recorder.clock()
        assert list(docked.recorder.clips())
        with pytest.raises(RecorderRefused, match="as a disk"):
            docked.recorder.set_clock(local(10, 0).replace(tzinfo=CHINA))
        assert docked.recorder.clock() == before

    def test_it_is_the_same_recorder_when_it_is_met_again_as_a_disk(self) -> None:
        docked, _ = self.docked(small_body())
        first = set(docked.recorder.clips())
        assert isinstance(docked.recorder, TwoPhase)
        identity, introduced = docked.recorder.identify(), docked.recorder.introduced
        docked.recorder.close()
        site = docked.recorder._site
        again = open_recorder(site, introduced)
        self._end.callback(again.close)
        assert again.identify() == identity
        assert set(again.clips()) == first


class TestAmbarellaA(TwoPhaseContract):
    family = "ambarella-a"
    described = ("", "", "")


class TestAmbarellaB(TwoPhaseContract):
    family = "ambarella-b"
    battery = None
    described = ("", "", "")


class TestBcPlus(TwoPhaseContract):
    family = "bc-plus"
    described = ("", "", "")


class TestJieLi(TwoPhaseContract):
    family = "jieli"
    described = ("", "", "")


class TestAtSerial(TwoPhaseContract):
    family = "at-serial"


class TestE12(TwoPhaseContract):
    family = "android-e12"
    described = ("", "", "")
