"""A recorder that leaves at any moment: one typed error, and the next recorder is not concerned."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.errors import RecorderGone
from agent.link.usb import UsbBus
from agent.recorder.control.dialect import answers
from hwsim.dialects import OVER_USB
from hwsim.faults import Faults, Unplug
from tests.dialects.families import PORT, TCP, USB, docked, whole_session


def transfers_of(family: str) -> int:
    with docked(family) as dock:
        whole_session(dock)
        return dock.faults.transfers


@pytest.mark.parametrize("family", USB)
def test_unplugged_at_every_transfer_of_a_whole_session(family: str) -> None:
    whole = transfers_of(family)
    ended = 0
    for at in range(whole):
        with docked(family, faults=Faults(Unplug(at=at))) as dock:
            told: list[int] = []
            dock.recorder.on_disk = lambda told=told: told.append(1)  # type: ignore[misc]
            try:
                whole_session(dock)
                ended += 1
                assert told, f"transfer {at}: it said nothing of its leaving"
            except RecorderGone:
                pass
            for session in dock.sessions:
                session.close()
            dock.unplug()
            dock.bus.plug(PORT, OVER_USB[family](dock.recorder, Faults()))
            (device,) = UsbBus(dock.bus).list_devices()
            site = replace(dock.site, attached=replace(dock.site.attached, usb=device))
            assert answers(site)
    assert 0 < ended <= 5
    """Only a departure after the last request was carried out counts as a yes."""


@pytest.mark.parametrize("family", [*TCP, "at-serial"])
def test_cut_off_after_every_byte_of_a_whole_session(family: str) -> None:
    cut = 0
    while True:
        with docked(family, cut=cut) as dock:
            try:
                whole_session(dock)
                break
            except RecorderGone:
                cut += 1 if cut < 30 else 11
    assert cut > 30


@pytest.mark.parametrize("family", USB)
def test_unplugged_while_it_is_probed(family: str) -> None:
    with docked(family) as dock:
        answers(dock.site)
        whole = dock.faults.transfers
    for at in range(whole):
        with docked(family, faults=Faults(Unplug(at=at))) as dock:
            try:
                answers(dock.site)
            except RecorderGone:
                continue
