"""Bays over a simulated machine: who gets a contact, who is left alone, and when it is over.

The contacts are the test's own; everything beneath the bays is real down to sysfs and PyUSB.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.bay.bays import Bays
from agent.bay.port import Port
from agent.bay.status import Doing, Shown
from agent.bay.strangers import SETTLE_SECONDS
from agent.clock import SystemClock
from agent.config import Bay
from agent.errors import LedgerBroken, RecorderGone
from agent.link.attached import Attached, Disk, Roots
from agent.link.machine import Machine
from agent.link.usb import UsbBus
from hwsim.body import Body
from hwsim.faces.ptp import PtpFace
from hwsim.ports.machine import SimulatedMachine
from hwsim.ports.usb_memory import MemoryBus

from .looks import HandClock


@dataclass
class Told:
    """A contact that does what the test tells it to."""

    port: Port
    shown: Shown
    work: Callable[[Port], object]
    began: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        self.began.set()
        try:
            self.work(self.port)
        except RecorderGone:
            pass
        finally:
            self.ended.set()


def until_over(port: Port) -> None:
    assert port.over.wait(10)


class Yard:
    """A machine of simulated parts with bays over it."""

    def __init__(self, folder: Path, bays: list[Bay]) -> None:
        self.bus = MemoryBus()
        self.nodes = SimulatedMachine(folder)
        self.clock = HandClock()
        self.contacts: list[Told] = []
        self.work: Callable[[Port], object] = until_over
        self.known: Callable[[Attached], bool] = lambda _: True
        self.image = folder / "card.img"
        self.image.write_bytes(bytes(2**20))
        machine = Machine(
            UsbBus(self.bus),
            Roots(self.nodes.sys, self.nodes.dev),
            [bay.port for bay in bays if bay.port.startswith("serial:")],
        )
        self.bays = Bays(machine, self.begin, lambda shows: self.known(shows), bays, self.clock)

    def begin(self, port: Port, shown: Shown) -> Callable[[], None]:
        self.contacts.append(Told(port, shown, self.work))
        return self.contacts[-1].run

    def plug(self, *ports: str) -> None:
        for port in ports:
            self.bus.plug(port, PtpFace(Body(serial=port, clock=SystemClock())))

    def until(self, true: Callable[[], bool]) -> None:
        """Poll until it is true; contacts run in threads of their own."""
        end = time.monotonic() + 10
        while not true():
            assert time.monotonic() < end, f"not in time: {self.bays.statuses()}"
            self.bays.poll()

    def close(self) -> None:
        self.bays.close()

    def doings(self) -> dict[str, Doing]:
        return {status.bay: status.doing for status in self.bays.statuses()}


@pytest.fixture
def bays() -> list[Bay]:
    return []


@pytest.fixture
def yard(tmp_path: Path, bays: list[Bay]) -> Iterator[Yard]:
    yard = Yard(tmp_path, bays)
    yield yard
    yard.close()


def test_a_plug_begins_a_contact_and_an_unplug_ends_it(yard: Yard) -> None:
    yard.plug("1-1")
    yard.bays.poll()
    yard.bays.poll()
    (contact,) = yard.contacts
    assert yard.doings() == {"1-1": Doing.OPENING}
    yard.bus.unplug("1-1")
    yard.bays.poll()
    assert contact.ended.wait(10)
    assert yard.doings() == {}


def test_a_quick_replug_is_another_contact_which_waits_for_the_one_before(yard: Yard) -> None:
    closing = threading.Event()
    yard.work = lambda _: closing.wait(10)
    yard.plug("1-1")
    yard.bays.poll()
    yard.bus.unplug("1-1")
    yard.plug("1-1")
    yard.bays.poll()
    before, after = yard.contacts
    assert before.began.wait(10)
    assert before.port.over.is_set()
    assert not after.began.is_set()
    closing.set()
    assert after.began.wait(10)


def test_the_next_bay_is_not_concerned(yard: Yard) -> None:
    yard.plug("1-1", "1-2")
    yard.bays.poll()
    yard.bus.unplug("1-1")
    yard.bays.poll()
    over = {contact.port.port: contact.port.over.is_set() for contact in yard.contacts}
    assert over == {"1-1": True, "1-2": False}


def test_a_status_says_since_when_and_what(yard: Yard) -> None:
    yard.plug("1-1")
    yard.clock.seconds = 61
    yard.bays.poll()
    (status,) = yard.bays.statuses()
    assert (status.since, status.what) == ("2026-08-04T02:01:01.000Z", "1209:0001 (still image)")


def test_bay_2_stands_before_bay_10(yard: Yard) -> None:
    yard.plug("1-10", "1-2", "1-1.3")
    yard.bays.poll()
    assert list(yard.doings()) == ["1-1.3", "1-2", "1-10"]


class TestStrangers:
    def test_a_device_that_no_profile_knows_is_shown_and_never_touched(self, yard: Yard) -> None:
        yard.known = lambda _: False
        yard.plug("1-1.4")
        yard.bays.poll()
        (status,) = yard.bays.statuses()
        assert (status.port, status.doing) == ("1-1.4", Doing.REFUSED)
        assert (status.what, status.trouble) == ("1209:0001 (still image)", "no profile matches it")
        assert yard.contacts == []

    @pytest.mark.parametrize("bays", [[Bay(name="front", port="1-1")]])
    def test_a_port_that_is_no_bay(self, yard: Yard) -> None:
        yard.plug("1-1", "1-2")
        yard.bays.poll()
        assert yard.doings() == {"1-2": Doing.REFUSED, "front": Doing.OPENING}
        assert [contact.port.port for contact in yard.contacts] == ["1-1"]

    def test_the_log_hears_of_each_once(self, yard: Yard, caplog: pytest.LogCaptureFixture) -> None:
        yard.known = lambda _: False
        yard.plug("1-1", "1-2")
        for _ in range(5):
            yard.bays.poll()
            yard.clock.seconds += SETTLE_SECONDS
        warnings = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
        assert sorted(warnings) == [
            f"port {port}: 1209:0001 (still image) is left alone: no profile matches it"
            for port in ("1-1", "1-2")
        ]
        yard.bus.unplug("1-1")
        yard.bays.poll()
        assert yard.doings() == {"1-2": Doing.REFUSED}

    def test_one_that_its_node_makes_known_is_docked(
        self, yard: Yard, caplog: pytest.LogCaptureFixture
    ) -> None:
        yard.known = lambda shows: bool(shows.serials)
        yard.plug("1-1")
        yard.bays.poll()
        assert yard.doings() == {"1-1": Doing.REFUSED}
        yard.nodes.attach_serial("1-1", yard.image, vendor=0x0403, product=0x6001)
        yard.bays.poll()
        assert yard.doings() == {"1-1": Doing.OPENING}
        assert caplog.records == []


class TestTwoPhases:
    """Two recorders with the same ids, in bays side by side, that both become disks."""

    def test_each_contact_gets_the_disk_of_its_own_port(self, yard: Yard) -> None:
        disks: dict[str, Disk] = {}
        both = threading.Barrier(3)

        def unlock(port: Port) -> None:
            yard.bus.unplug(port.port)
            both.wait(10)

        def work(port: Port) -> None:
            disks[port.port] = port.change_to_disk(30, lambda: unlock(port))
            until_over(port)

        yard.work = work
        yard.plug("1-1.1", "1-1.2")
        yard.bays.poll()
        both.wait(10)
        yard.bays.poll()
        for port in ("1-1.2", "1-1.1"):
            yard.plug(port)
            yard.nodes.attach_disk(port, yard.image)
        yard.until(lambda: len(disks) == 2)
        assert {port: one.port for port, one in disks.items()} == {
            "1-1.1": "1-1.1",
            "1-1.2": "1-1.2",
        }
        assert disks["1-1.2"].sequence < disks["1-1.1"].sequence
        assert len(yard.contacts) == 2
        yard.nodes.detach_disk("1-1.1")
        yard.bus.unplug("1-1.1")
        yard.bays.poll()
        over = {contact.port.port: contact.port.over.is_set() for contact in yard.contacts}
        assert over == {"1-1.1": True, "1-1.2": False}

    def test_the_dock_may_stop_meanwhile(self, yard: Yard) -> None:
        told = threading.Event()

        def unlock(port: Port) -> None:
            port.change_to_disk(600, leave)

        def leave() -> None:
            yard.bus.unplug("1-1")
            told.set()

        yard.work = unlock
        yard.plug("1-1")
        yard.bays.poll()
        assert told.wait(10)
        yard.bays.poll()
        assert not yard.contacts[0].port.over.is_set()
        yard.bays.close()
        assert yard.contacts[0].ended.is_set()


def test_another_card_in_the_same_reader_is_another_contact(yard: Yard) -> None:
    yard.plug("1-1")
    yard.nodes.attach_disk("1-1", yard.image)
    yard.bays.poll()
    yard.nodes.detach_disk("1-1")
    yard.nodes.attach_disk("1-1", yard.image)
    yard.bays.poll()
    assert [contact.port.over.is_set() for contact in yard.contacts] == [True, False]


@pytest.mark.parametrize(
    "bays", [[Bay(name="desk", port="serial:ttyAMA0"), Bay(name="1", port="1-1", priority=True)]]
)
def test_a_serial_port_of_the_machines_own_is_a_bay(yard: Yard) -> None:
    (yard.nodes.sys / "class" / "tty" / "ttyAMA0").mkdir()
    yard.plug("1-1")
    yard.bays.poll()
    statuses = {one.bay: (one.port, one.what, one.priority) for one in yard.bays.statuses()}
    assert statuses == {
        "desk": ("serial:ttyAMA0", "ttyAMA0", False),
        "1": ("1-1", "1209:0001 (still image)", True),
    }


def test_a_fault_of_the_dock_itself_is_raised(yard: Yard) -> None:
    def broken(_port: Port) -> None:
        raise LedgerBroken("no ledger")

    yard.work = broken
    yard.plug("1-1")
    with pytest.raises(LedgerBroken):
        yard.until(lambda: False)


def test_a_fault_of_this_program_stays_in_its_bay(
    yard: Yard, caplog: pytest.LogCaptureFixture
) -> None:
    def faulty(_port: Port) -> None:
        raise ZeroDivisionError

    yard.work = faulty
    yard.plug("1-1")
    yard.until(lambda: yard.doings() == {"1-1": Doing.TROUBLE})
    for _ in range(3):
        yard.bays.poll()
    assert len([one for one in caplog.records if "left alone until replugged" in one.message]) == 1


PORTS = ("1-1", "1-2.1", "1-2.2")
steps = st.lists(
    st.tuples(st.sampled_from(["device", "disk", "serial"]), st.sampled_from(PORTS)), max_size=20
)


def toggle(yard: Yard, what: str, port: str, there: set[tuple[str, str]]) -> None:
    """Plug it in where it is not, take it out where it is."""
    gone = (what, port) in there
    there ^= {(what, port)}
    match what:
        case "device":
            yard.bus.unplug(port) if gone else yard.plug(port)
        case "disk":
            yard.nodes.detach_disk(port) if gone else yard.nodes.attach_disk(port, yard.image)
        case "serial" if gone:
            yard.nodes.detach_serial(port)
        case "serial":
            yard.nodes.attach_serial(port, yard.image, vendor=0x0403, product=0x6001)


@settings(max_examples=40, deadline=None)
@given(steps)
def test_every_occupied_port_has_one_contact_which_sees_that_port_only(
    sequence: list[tuple[str, str]],
) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(Yard(Path(folder), [])) as yard:
        there: set[tuple[str, str]] = set()
        for what, port in sequence:
            toggle(yard, what, port, there)
            yard.bays.poll()
            alive = [one.port for one in yard.contacts if not one.port.over.is_set()]
            assert sorted(one.port for one in alive) == sorted({port for _, port in there})
            for one in alive:
                shows = one.now()
                assert {disk.port for disk in shows.disks} <= {one.port}
                assert {serial.port for serial in shows.serials} <= {one.port}
                assert bool(shows.disks) == (("disk", one.port) in there)
                assert bool(shows.serials) == (("serial", one.port) in there)
                assert bool(shows.usb) == (("device", one.port) in there)
