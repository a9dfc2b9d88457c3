"""Whole contacts in bays of simulated recorders: docking, unplugging, recorders that misbehave."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from random import Random

import pytest

from agent.bay import contact
from agent.bay.bays import Bays
from agent.bay.contact import Contact
from agent.bay.meeting import Guide
from agent.bay.practice import Practice
from agent.bay.status import BayStatus, Doing
from agent.bay.turns import Turns
from agent.clock import SystemClock
from agent.config import Bay
from agent.errors import SpoolFull
from agent.link.attached import Roots
from agent.link.machine import Machine
from agent.link.usb import UsbBus
from agent.model import ClockReading
from agent.offload.pull import Offload
from agent.recorder.profiles.load import load_profiles, shipped_folder
from agent.recorder.telling import clock_error
from agent.spool.files import Spool
from agent.spool.ledger import Ledger
from agent.spool.states import State
from hwsim.body import Body, HeldClip
from hwsim.faces.ptp import PtpFace
from hwsim.faults import Faults, NoAnswer
from hwsim.media.grown import Noise
from hwsim.ports.usb_memory import MemoryBus

MIB = 2**20
CHINA = timezone(timedelta(hours=8))


@dataclass
class Dock:
    """Bays with everything beneath them real but the recorders."""

    bus: MemoryBus
    ledger: Ledger
    spool: Spool
    bays: Bays

    def status(self, bay: str) -> BayStatus | None:
        return next((one for one in self.bays.statuses() if one.bay == bay), None)

    def until(self, true: Callable[[], object], seconds: float = 15.0) -> None:
        """Poll until it is true. Real threads are at work, so this waits for them."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"not in time: {self.bays.statuses()}"
            self.bays.poll()
            threading.Event().wait(0.01)

    def until_doing(self, bay: str, doing: Doing) -> BayStatus:
        self.until(lambda: (now := self.status(bay)) and now.doing is doing)
        status = self.status(bay)
        assert status is not None
        return status


@pytest.fixture
def configured() -> list[Bay]:
    return []


@pytest.fixture
def dock(tmp_path: Path, configured: list[Bay]) -> Iterator[Dock]:
    ledger = Ledger(tmp_path / "ledger.db", SystemClock())
    spool = Spool(
        tmp_path,
        ledger,
        quota=2**30,
        floor=MIB,
        digests=frozenset(),
        hold_seconds=0,
        random=Random(1),
    )
    bus = MemoryBus()
    usb = UsbBus(bus)
    guide = Guide(usb, load_profiles(shipped_folder(), tmp_path), tmp_path, SystemClock(), CHINA)
    practice = Practice(
        ledger=ledger,
        offload=Offload(spool, ledger),
        clock=SystemClock(),
        random=Random(2),
        set_clock=False,
        guide=guide,
        turns=Turns(4),
        spooled=lambda: None,
    )
    machine = Machine(usb, Roots(tmp_path / "sys", tmp_path / "dev"))
    bays = Bays(
        machine,
        lambda port, shown: Contact(practice, shown, port).run,
        guide.knows,
        configured,
        SystemClock(),
    )
    yield Dock(bus, ledger, spool, bays)
    bays.close()
    ledger.close()


def recorder(serial: str, *sizes: int) -> Body:
    body = Body(serial=serial, clock=SystemClock(), clock_error=7.0)
    for number, size in enumerate(sizes):
        when = datetime(2026, 8, 4, 10, number)  # noqa: DTZ001 - a recorder's clock has no zone
        content = Noise(size, hash(serial) % 1000 + number)
        body.add(HeldClip(f"DCIM/{number}.mp4", recorded=when, content=content))
    return body


def test_docking_pulls_everything_and_says_who_it_is(dock: Dock) -> None:
    dock.bus.plug("1-1", PtpFace(recorder("A1", MIB, 2 * MIB, 0)))
    status = dock.until_doing("1-1", Doing.READY)
    assert (status.recorder, status.pulled, status.battery_percent) == ("A1", 3, 80)
    assert status.clock_error == pytest.approx(7.0, abs=2.0)
    assert dock.ledger.counts()[State.SPOOLED] == (3, 3 * MIB)


def test_an_unplugged_bay_is_empty_and_its_contact_is_closed(dock: Dock) -> None:
    dock.bus.plug("1-1", PtpFace(recorder("A1", MIB)))
    dock.until_doing("1-1", Doing.READY)
    dock.bus.unplug("1-1")
    dock.until(lambda: dock.status("1-1") is None and not dock.ledger.open_contacts())


def test_the_same_recorder_is_known_in_another_bay(dock: Dock) -> None:
    body = recorder("A1", MIB, MIB)
    dock.bus.plug("1-1", PtpFace(body))
    dock.until_doing("1-1", Doing.READY)
    dock.bus.unplug("1-1")
    dock.bus.plug("1-2", PtpFace(body))
    status = dock.until_doing("1-2", Doing.READY)
    assert (status.pulled, status.known) == (0, 2)


def test_a_silent_recorder_does_not_hold_up_the_next_bay(dock: Dock) -> None:
    dock.bus.plug("1-1", PtpFace(recorder("BAD", MIB), Faults(NoAnswer(times=None))))
    dock.bus.plug("1-2", PtpFace(recorder("GOOD", MIB)))
    assert dock.until_doing("1-2", Doing.READY).pulled == 1
    assert dock.until_doing("1-1", Doing.TROUBLE).trouble


def test_a_copy_found_damaged_is_pulled_again_from_the_docked_recorder(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact, "LOOK_SECONDS", 0.05)
    dock.bus.plug("1-1", PtpFace(recorder("A1", MIB, MIB)))
    dock.until_doing("1-1", Doing.READY)
    clip = dock.ledger.entries()[0].clip
    dock.spool.quarantine(clip, "a bit fell over")
    assert dock.ledger.counts()[State.DAMAGED][0] == 1
    dock.until(lambda: dock.ledger.counts()[State.SPOOLED][0] == 2)
    dock.spool.verify(clip)


def test_a_ledger_without_room_pauses_the_bay_and_no_more(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact, "FIRST_WAIT", 0.2)
    room = dock.ledger.begin_contact

    def full(*args: object, **facts: object) -> int:
        raise SpoolFull("the ledger's disk is full")

    monkeypatch.setattr(dock.ledger, "begin_contact", full)
    dock.bus.plug("1-1", PtpFace(recorder("A1", MIB)))
    assert "disk is full" in dock.until_doing("1-1", Doing.PAUSED).trouble
    monkeypatch.setattr(dock.ledger, "begin_contact", room)
    assert dock.until_doing("1-1", Doing.READY).pulled == 1


@pytest.mark.parametrize("configured", [[Bay(name="front", port="1-1")]])
def test_a_port_that_is_no_bay_is_left_alone(dock: Dock) -> None:
    dock.bus.plug("1-1", PtpFace(recorder("A1", MIB)))
    dock.bus.plug("1-2", PtpFace(recorder("B2", MIB)))
    assert dock.until_doing("front", Doing.READY).recorder == "A1"
    assert dock.until_doing("1-2", Doing.REFUSED).recorder == ""
    assert [known.latest.identity.serial for known in dock.ledger.recorders()] == ["A1"]


@pytest.mark.parametrize(
    ("shown", "zone", "error"),
    [
        (datetime(2026, 8, 4, 10, 0, 5), CHINA, 5.0),  # noqa: DTZ001
        (datetime(2026, 8, 4, 1, 59, 0, tzinfo=UTC), CHINA, -60.0),
    ],
)
def test_a_clocks_error(shown: datetime, zone: timezone, error: float) -> None:
    reading = ClockReading(shown, datetime(2026, 8, 4, 2, 0, tzinfo=UTC), 0.01)
    assert clock_error(reading, zone) == error


def test_no_clock_no_error() -> None:
    assert clock_error(None, CHINA) is None
