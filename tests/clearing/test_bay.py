"""A real bay and a simulated MTP recorder: pulled, proved while it waits, met again, cleared."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random

import pytest

from agent.bay import contact
from agent.bay.bays import Bays
from agent.bay.contact import Contact
from agent.bay.meeting import Guide
from agent.bay.practice import Practice
from agent.bay.turns import Turns
from agent.clock import SystemClock
from agent.link.attached import Roots
from agent.link.machine import Machine
from agent.link.usb import UsbBus
from agent.offload.clearing.clear import Office
from agent.offload.clearing.rule import Limits
from agent.offload.pull import Offload
from agent.recorder.profiles.load import load_profiles, shipped_folder
from agent.spool.clearance import Clearance
from agent.spool.files import Spool
from agent.spool.ledger import Ledger
from hwsim.body import Body, HeldClip
from hwsim.faces.ptp import PtpFace
from hwsim.faults import FalseDelete, Fault, Faults, Unplug
from hwsim.media.grown import Noise
from hwsim.ports.usb_memory import MemoryBus
from tests.spool.places import RECEIPT

AT_ONCE = Limits(clearing=True, grace=0.0)


@dataclass
class Dock:
    """One bay with everything beneath it real but the recorder and the archive."""

    bus: MemoryBus
    ledger: Ledger
    bays: Bays
    proves: bool = True

    def until(self, true: Callable[[], object], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"not in time: {self.bays.statuses()}"
            self.bays.poll()
            self.answer()
            threading.Event().wait(0.01)

    def answer(self) -> None:
        """The archive takes and proves whatever is here."""
        for entry in self.ledger.to_send(SystemClock().now(), 9):
            self.ledger.receipted(entry.clip, RECEIPT)
        for entry in self.ledger.proof_wanted(9) if self.proves else ():
            self.ledger.proved(entry.clip, RECEIPT.archive, RECEIPT.epoch, "00" * 32, "{}")

    def has_receipts(self) -> bool:
        """A session asks for proofs of what had its receipt before."""
        return [bool(each.receipt) for each in self.ledger.entries()] == [True] * 3

    def steps(self) -> list[Clearance | None]:
        found = [self.ledger.clearing_of(each.clip) for each in self.ledger.entries()]
        return [each.state if each else None for each in found]


@pytest.fixture
def dock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dock]:
    monkeypatch.setattr(contact, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(contact, "FIRST_WAIT", 0.05)
    ledger = Ledger(tmp_path / "ledger.db", SystemClock(), lambda: "synchronised")
    spool = Spool(
        tmp_path,
        ledger,
        quota=2**30,
        floor=2**20,
        digests=frozenset(),
        hold_seconds=0,
        random=Random(1),
    )
    bus = MemoryBus()
    usb = UsbBus(bus)
    practice = Practice(
        ledger=ledger,
        offload=Offload(spool, ledger),
        clock=SystemClock(),
        random=Random(2),
        set_clock=False,
        guide=Guide(usb, load_profiles(shipped_folder(), tmp_path), tmp_path, SystemClock(), None),
        turns=Turns(4),
        spooled=lambda: None,
        clearing=Office(ledger, spool, lambda: AT_ONCE, lambda: ""),
    )
    machine = Machine(usb, Roots(tmp_path / "sys", tmp_path / "dev"))
    bays = Bays(
        machine,
        lambda port, shown: Contact(practice, shown, port).run,
        practice.guide.knows,
        [],
        SystemClock(),
    )
    yield Dock(bus, ledger, bays)
    bays.close()
    ledger.close()


def recorder() -> Body:
    body = Body(serial="S0001", clock=SystemClock())
    for number in range(3):
        when = datetime(2026, 8, 4, 10, number)  # noqa: DTZ001 - a recorder's clock has no zone
        body.add(HeldClip(f"DCIM/{number}.mp4", recorded=when, content=Noise(70_000, number)))
    return body


def test_a_recorder_that_waits_in_its_bay_is_cleared_when_it_is_proved(dock: Dock) -> None:
    body = recorder()
    dock.bus.plug("1-1", PtpFace(body))
    dock.until(lambda: dock.steps() == [Clearance.CLEARED] * 3)
    assert body.clips == []


def test_without_a_proof_nothing_goes(dock: Dock) -> None:
    body, dock.proves = recorder(), False
    dock.bus.plug("1-1", PtpFace(body))
    dock.until(dock.has_receipts)
    dock.bus.unplug("1-1")
    dock.until(lambda: not dock.bays.statuses())
    dock.bus.plug("1-1", PtpFace(body))
    dock.until(lambda: dock.steps() == [Clearance.WANTED] * 3)
    assert len(body.clips) == 3


@pytest.mark.parametrize("fault", [FalseDelete(times=None), FalseDelete(another=True)])
def test_recorders_that_lie(dock: Dock, fault: Fault) -> None:
    body = recorder()
    dock.bus.plug("1-1", PtpFace(body, Faults(fault)))
    wanted = "cleared-other" if getattr(fault, "another", False) else ""
    if wanted:
        dock.until(lambda: any(each.change.kind == wanted for each in dock.ledger.findings()))
        assert len(body.clips) == 2
    else:
        dock.until(lambda: any('"kept"' in line for line in dock.ledger.journal.lines()))
        assert len(body.clips) == 3
    assert Clearance.CLEARED not in dock.steps()


@pytest.mark.parametrize("after", range(0, 200, 25))
def test_an_unplug_on_the_way_costs_nothing(dock: Dock, after: int) -> None:
    """At a transfer of the session that clears; then docked anew, and everything is cleared."""
    body = recorder()
    dock.proves = False
    dock.bus.plug("1-1", PtpFace(body))
    dock.until(dock.has_receipts)
    dock.bus.unplug("1-1")
    dock.until(lambda: not dock.bays.statuses())
    dock.bus.plug("1-1", PtpFace(body))
    dock.until(lambda: dock.steps() == [Clearance.WANTED] * 3)
    dock.bus.unplug("1-1")
    dock.until(lambda: not dock.bays.statuses())
    dock.proves = True
    dock.answer()
    faults = Faults(Unplug(at=60 + after))
    dock.bus.plug("1-1", PtpFace(body, faults))
    dock.until(lambda: faults.fired or dock.steps() == [Clearance.CLEARED] * 3)
    if faults.fired:
        dock.until(lambda: not dock.bays.statuses())
        known_gone = dock.steps().count(Clearance.CLEARED)
        assert len(body.clips) + known_gone <= 3, "called cleared and still there"
        dock.bus.plug("1-1", PtpFace(body))
    dock.until(lambda: not body.clips and dock.steps() == [Clearance.CLEARED] * 3)
