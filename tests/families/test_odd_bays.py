"""What a bay meets that is neither a plug nor an unplug, and must not be missed."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from usb.core import USBError

from agent.bay import contact
from agent.bay.status import Doing
from agent.config import Bay
from agent.errors import RecorderMisbehaved
from agent.recorder.two_phase import TwoPhase
from hwsim.faces.smp import SmpFace
from hwsim.faults import Faults
from hwsim.images import make_image
from hwsim.ports.pty_port import PtyPort

from .yard import Yard, held, recorder

PORT = "1-1.2"


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    made = Yard(tmp_path)
    yield made
    made.close()


def test_a_disk_that_comes_when_the_first_was_read_is_read_too(yard: Yard) -> None:
    """A card in a reader's second slot, or one that is slow to answer."""
    first, second = recorder("BC00001", 70_001), recorder("BC00002", 60_002)
    yard.make("mass-storage", PORT, first).plug()
    yard.until_doing(PORT, Doing.READY)
    image = make_image(yard.folder / "second.img", second.cards, volume_id=0x12345678)
    slots = yard.machine._disks
    slots[f"{PORT} slot 1"] = slots.pop(PORT)  # the simulator knows one disk by its port
    yard.machine.attach_disk(PORT, image)
    yard.until(lambda: (now := yard.status(PORT)) and now.known == 1 and now.doing is Doing.READY)
    names = {name for body in (first, second) for _, name in held(body)}
    assert {name for _, name in yard.spooled()} == names


def test_a_clip_that_is_wanted_in_vain_unlocks_nobody_again_and_again(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This family shows the same face in both modes, so each look unlocks it anew."""
    monkeypatch.setattr(contact, "LOOK_SECONDS", 0.02)
    yard.make("jieli", PORT, recorder("BC00042", 70_001)).plug()
    yard.until_doing(PORT, Doing.READY)
    monkeypatch.setattr(yard.ledger, "wanting", lambda _serial: 1)
    before = len(yard.ledger.contacts("BC00042"))
    yard.until(lambda: len(yard.ledger.contacts("BC00042")) > before)
    yard.until_doing(PORT, Doing.READY)
    for _ in range(50):
        yard.bays.poll()
        threading.Event().wait(0.02)
    assert len(yard.ledger.contacts("BC00042")) == before + 1


def test_a_password_that_cannot_be_used_is_said_and_looked_for_again(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact, "FIRST_WAIT", 0.1)
    password = yard.folder / "passwords" / "ambarella-a"
    password.write_text("000000", "utf-8")
    password.chmod(0o644)
    yard.make("ambarella-a", PORT, recorder("BC00042", 70_001)).plug()
    status = yard.until_doing(PORT, Doing.TROUBLE)
    assert "everybody on this machine may read" in status.trouble
    assert "fault in this program" not in status.trouble
    password.chmod(0o600)
    assert yard.until_doing(PORT, Doing.READY).pulled == 1


def test_footage_does_not_wait_for_a_clock_that_answers_nonsense(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nonsense(*_: object) -> None:
        raise RecorderMisbehaved("its answer is none that the dialect knows")

    monkeypatch.setattr(TwoPhase, "set_clock", nonsense)
    yard.make("ambarella-a", PORT, recorder("BC00042", 70_001)).plug()
    assert yard.until_doing(PORT, Doing.READY).pulled == 1


def test_a_serial_port_that_shows_no_plugging_is_asked_who_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact, "ASK_SECONDS", 0.05)
    yard = Yard(tmp_path, bays_named=[Bay(name="desk", port="serial:ttyAMA0")])
    bodies = [recorder("BC00001", 5_001), recorder("BC00002", 6_002)]
    lines = [PtyPort(SmpFace(body, None, Faults())) for body in bodies]
    (yard.machine.sys / "class" / "tty" / "ttyAMA0").mkdir(parents=True)
    node = yard.machine.dev / "ttyAMA0"
    node.parent.mkdir(exist_ok=True)
    try:
        node.symlink_to(lines[0].node)
        assert yard.until_doing("desk", Doing.READY).recorder == "BC00001"
        node.unlink()
        lines[0].unplug()
        yard.until_doing("desk", Doing.EMPTY)
        node.symlink_to(lines[1].node)
        assert yard.until_doing("desk", Doing.READY).recorder == "BC00002"
        assert yard.spooled() == held(bodies[0]) | held(bodies[1])
    finally:
        yard.close()
        for line in lines:
            line.unplug()


def test_a_device_that_may_not_be_opened_yet_is_met_a_little_later(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """udev grants permission a moment after the device shows; an Android recorder is asked for its
    interface's name before anything else."""
    monkeypatch.setattr(contact, "FIRST_WAIT", 0.1)
    really, refusals = yard.bus.open_device, iter((True, True))

    def not_yet(device: Any) -> object:
        if next(refusals, False):
            raise USBError("EACCES", errno=errno.EACCES)
        return really(device)

    monkeypatch.setattr(yard.bus, "open_device", not_yet)
    body = recorder("BC00042", 10_000)
    yard.make("generic-mtp", PORT, body).plug()
    assert yard.until_doing(PORT, Doing.READY).pulled == 1
    assert next(refusals, None) is None, "it was refused"
