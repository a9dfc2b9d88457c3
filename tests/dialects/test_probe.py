"""Two recorders with the same USB ids are told apart; what does not answer is left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.errors import RecorderBusy, RecorderGone, RecorderRefused
from agent.link.attached import Attached
from agent.link.usb import UsbBus
from agent.recorder.control.dialect import answers
from hwsim.faces.ptp import PtpFace
from hwsim.faces.zfy import Function
from hwsim.faults import Faults, Silence
from hwsim.ports.usb_memory import KERNEL, MemoryBus
from tests.contracts.recorder import TestClock
from tests.dialects.families import ALL, PORT, USB, Docked, docked, profile_of

AMBARELLAS = ("ambarella-a", "ambarella-b")


@pytest.mark.parametrize("family", AMBARELLAS)
def test_the_same_ids_are_told_apart(family: str) -> None:
    (other,) = set(AMBARELLAS) - {family}
    with docked(family) as dock:
        assert answers(dock.site)
        assert not answers(replace(dock.site, profile=profile_of(other)))
        assert answers(dock.site)
        assert dock.face.dangers == []
        assert set(dock.face.asked) <= {Function.CONNECT}


def test_in_either_order_in_two_bays() -> None:
    with docked("ambarella-b") as b, docked("ambarella-a") as a:
        for dock in (a, b):
            told = [
                family
                for family in AMBARELLAS
                if answers(replace(dock.site, profile=profile_of(family)))
            ]
            assert told == [dock.site.profile.id]


@pytest.mark.parametrize("family", USB)
def test_a_camera_answers_to_no_dialect(family: str) -> None:
    with docked("ambarella-a") as dock:
        clock = dock.site.clock
        assert isinstance(clock, TestClock)
        memory = MemoryBus(waited=clock.advance)
        memory.plug(PORT, PtpFace(dock.recorder.body))
        bus = UsbBus(memory)
        (device,) = bus.list_devices()
        site = replace(
            dock.site, bus=bus, attached=Attached(PORT, usb=device), profile=profile_of(family)
        )
        assert not answers(site)


@pytest.mark.parametrize("family", USB)
def test_a_probe_that_nobody_answers_takes_seconds_not_minutes(family: str) -> None:
    with docked(family, faults=Faults(Silence(times=None))) as dock:
        assert not answers(dock.site)
        clock = dock.site.clock
        assert isinstance(clock, TestClock)
        assert clock.passed < 12


def test_one_that_another_program_holds_is_busy() -> None:
    with docked("ambarella-b") as dock:
        device = dock.bus.at(PORT)
        assert device is not None
        device.owner = object()
        with pytest.raises(RecorderBusy):
            answers(dock.site)


@pytest.mark.parametrize("family", ALL)
def test_a_port_that_shows_nothing_any_more_is_gone(family: str) -> None:
    with docked(family) as dock, pytest.raises(RecorderGone):
        answers(replace(dock.site, attached=Attached(PORT)))


def shown(dock: Docked) -> bool:
    """Whether the kernel's own driver has the disk."""
    device = dock.bus.at(PORT)
    assert device is not None
    return device.owner is KERNEL


def test_the_kernel_gets_its_disk_back() -> None:
    with docked("jieli") as dock:
        assert shown(dock)
        assert answers(dock.site)
        assert shown(dock)
        session = dock.open()
        assert not shown(dock)
        session.become_disk()
        session.close()
        assert shown(dock)


def test_the_kernel_gets_its_disk_back_after_a_refusal() -> None:
    with docked("jieli", password="wrong") as dock:
        with pytest.raises(RecorderRefused, match="password"):
            dock.open()
        assert shown(dock)
