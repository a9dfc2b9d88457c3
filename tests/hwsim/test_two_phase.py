"""A recorder that changes from control mode to a disk on one port, and all that can go wrong."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import usb.core

from hwsim.body import Body
from hwsim.card import Card, HeldClip
from hwsim.control_mode import SerialControl, TcpControl, UsbControl
from hwsim.faces.ambarella_a import AmbarellaA
from hwsim.faces.ambarella_b import AmbarellaB
from hwsim.faces.at_serial import AtSerial
from hwsim.faces.bulk_only import DiskIdentity
from hwsim.faces.e12 import E12
from hwsim.faces.inert import KEYBOARD
from hwsim.faces.jieli import JieLi
from hwsim.faces.zfy import ZfyBody
from hwsim.images import make_image
from hwsim.ports.machine import SimulatedMachine
from hwsim.ports.usb_memory import MemoryBus
from hwsim.two_phase import (
    BACK_IN_CONTROL,
    DISK_THEN_CONTROL,
    NEVER_LEAVES,
    NEVER_RETURNS,
    NORMAL,
    SLOW,
    SOMETHING_ELSE,
    TWICE_A_DISK,
    WITHOUT_MEDIUM,
    Script,
    Show,
    TwoPhaseRecorder,
)

from .dialect_hosts import PORT, TcpHost, TtyHost
from .test_images import listing

CLIP = b"footage" * 1000
SECONDS = 10.0
LOGIN = bytes.fromhex("a1b2c3d400e1001000303030303030")
BECOME_DISK = bytes.fromhex("a1b2c3d400e1005100")


class Dock:
    """A bus and a machine, and what their one port shows."""

    def __init__(self, folder: Path, *, live: bool = False) -> None:
        self.folder = folder
        self.bus = MemoryBus(live=live)
        self.machine = SimulatedMachine(folder)

    def device(self) -> Any:
        return usb.core.find(backend=self.bus)

    def usb(self) -> tuple[int, int, int] | None:
        """Vendor, product and interface class of what is plugged in."""
        device = self.device()
        if device is None:
            return None
        return (device.idVendor, device.idProduct, device[0][(0, 0)].bInterfaceClass)

    def disk(self) -> Path | None:
        """The one disk's node."""
        nodes = [self.machine.dev / link.name for link in (self.machine.sys / "block").iterdir()]
        assert len(nodes) <= 1
        return nodes[0] if nodes else None

    def size(self) -> int:
        """Of the one disk, in sectors, as the kernel tells it."""
        (link,) = (self.machine.sys / "block").iterdir()
        return int((link / "size").read_text())

    def unlock(self) -> None:
        """As Ambarella A's script does it."""
        device = self.device()
        for message in (LOGIN, BECOME_DISK):
            device.ctrl_transfer(0x40, 85, 0xAA, 0, message)
            assert device.ctrl_transfer(0xC0, 85, 0, 0, len(message))[6] == 0x80


@pytest.fixture
def dock(tmp_path: Path) -> Dock:
    return Dock(tmp_path)


@pytest.fixture
def recorder() -> ZfyBody:
    when = datetime(2026, 8, 4, 10, 0)  # noqa: DTZ001
    clip = HeldClip("DCIM/100MEDIA/A.MP4", recorded=when, content=CLIP)
    return ZfyBody(body=Body(cards=[Card(clips=[clip])]))


CONTROL_A = (0x4255, 0x0001, 0xFF)
DISK = (DiskIdentity().vendor_id, DiskIdentity().product_id, 0x08)


def two_phase(dock: Dock, recorder: ZfyBody, script: Script = NORMAL) -> TwoPhaseRecorder:
    control = UsbControl(AmbarellaA(recorder))
    met = TwoPhaseRecorder(
        dock.bus, dock.machine, PORT, recorder, control, dock.folder, script=script
    )
    met.plug()
    return met


def test_it_leaves_control_mode_and_comes_back_as_a_disk_with_its_clips(
    dock: Dock, recorder: ZfyBody
) -> None:
    met = two_phase(dock, recorder)
    assert (dock.usb(), dock.disk()) == (CONTROL_A, None)
    address = dock.device().address
    dock.unlock()
    assert dock.usb() == CONTROL_A  # it says yes first and leaves later
    met.advance(0.2)
    assert (dock.usb(), dock.disk()) == (None, None)
    met.advance(0.9)
    assert dock.usb() is None
    met.advance(0.1)
    assert dock.usb() == DISK
    assert dock.device().address != address
    assert (dock.device().bus, *dock.device().port_numbers) == (1, 1, 2)
    node = dock.disk()
    assert node is not None
    assert dock.size() * 512 == node.stat().st_size
    assert "DCIM/100MEDIA/A.MP4" in listing(node, 2048)
    assert met.unlocks == 1
    met.unplug()
    assert (dock.usb(), dock.disk(), met.shows) == (None, None, Show.NOTHING)


ENDS: list[tuple[Script, tuple[int, int, int] | None, bool]] = [
    (SLOW, DISK, True),
    (NEVER_LEAVES, CONTROL_A, False),
    (NEVER_RETURNS, None, False),
    (BACK_IN_CONTROL, CONTROL_A, False),
    (TWICE_A_DISK, DISK, True),
    (DISK_THEN_CONTROL, CONTROL_A, False),
    (SOMETHING_ELSE, (KEYBOARD.vendor_id, KEYBOARD.product_id, 0x03), False),
    (WITHOUT_MEDIUM, DISK, True),
]


@pytest.mark.parametrize(("script", "usb", "disk"), ENDS)
def test_what_a_misbehaving_one_shows_in_the_end(
    dock: Dock,
    recorder: ZfyBody,
    script: Script,
    usb: tuple[int, int, int] | None,
    disk: bool,
) -> None:
    met = two_phase(dock, recorder, script)
    dock.unlock()
    met.settle()
    assert (dock.usb(), dock.disk() is not None) == (usb, disk)
    assert met.pending is None
    met.unplug()
    assert (dock.usb(), dock.disk()) == (None, None)


def test_a_slow_one_takes_its_time(dock: Dock, recorder: ZfyBody) -> None:
    met = two_phase(dock, recorder, SLOW)
    dock.unlock()
    met.advance(26.9)
    assert dock.disk() is None
    met.advance(0.2)
    assert dock.disk() is not None
    met.unplug()


def test_one_that_comes_twice_is_another_disk_each_time(dock: Dock, recorder: ZfyBody) -> None:
    met = two_phase(dock, recorder, TWICE_A_DISK)
    dock.unlock()
    seen = []
    while met.step():
        links = [*(dock.machine.sys / "block").iterdir()]
        seen.append([(link / "diskseq").read_text() for link in links])
    assert [len(links) for links in seen] == [0, 1, 0, 1]
    assert seen[1] != seen[3]
    met.unplug()


def test_a_disk_without_a_medium_has_no_size(dock: Dock, recorder: ZfyBody) -> None:
    met = two_phase(dock, recorder, WITHOUT_MEDIUM)
    dock.unlock()
    met.settle()
    assert dock.size() == 0
    met.unplug()


def test_unplugged_between_its_phases_it_does_not_come_back(dock: Dock, recorder: ZfyBody) -> None:
    met = two_phase(dock, recorder)
    dock.unlock()
    met.advance(0.2)
    met.unplug()
    assert not met.step()
    assert dock.usb() is None
    met.plug()
    assert dock.usb() == CONTROL_A
    met.unplug()


def test_it_may_come_back_with_the_same_ids(dock: Dock, recorder: ZfyBody) -> None:
    """Ambarella B: same VID:PID, told apart by the class, and its label is its id."""
    recorder.password = "12345678"
    control = UsbControl(AmbarellaB(recorder))
    met = TwoPhaseRecorder(
        dock.bus,
        dock.machine,
        PORT,
        recorder,
        control,
        dock.folder,
        disk=DiskIdentity(vendor_id=0x4255, product_id=0x0001),
        make=lambda path, body: make_image(path, body.cards, label=body.serial),
    )
    met.plug()
    device = dock.device()
    for message in ("@Ver;8;00000000;#", "@ATH;8;12345678;#"):
        device.write(0x01, message.encode())
        assert b"OK" in bytes(device.read(0x81, 64))
    met.settle()
    assert dock.usb() == (0x4255, 0x0001, 0x08)
    node = dock.disk()
    assert node is not None
    assert node.read_bytes()[1 << 20 :][71:82] == b"SIM0001    "  # BS_VolLab
    met.unplug()


def test_a_plain_disk_has_one_phase_and_keeps_its_image_until_its_clips_change(
    dock: Dock, recorder: ZfyBody
) -> None:
    met = TwoPhaseRecorder(dock.bus, dock.machine, PORT, recorder, None, dock.folder)
    met.plug()
    assert dock.usb() == DISK
    first = met.image
    met.unplug()
    met.plug()
    assert met.image == first
    met.unplug()
    recorder.body.add(HeldClip("DCIM/B.MP4", content=b"new"))
    met.plug()
    node = dock.disk()
    assert node is not None
    assert "DCIM/B.MP4" in listing(node, 2048)
    met.unplug()


def test_jieli_is_a_disk_without_a_card_before(dock: Dock, recorder: ZfyBody) -> None:
    control = UsbControl(JieLi(recorder))
    met = TwoPhaseRecorder(dock.bus, dock.machine, PORT, recorder, control, dock.folder)
    met.plug()
    assert dock.usb() == (0x1224, 0x2725, 0x08)
    recorder.on_disk()
    met.settle()
    assert dock.usb() == DISK
    met.unplug()


# In real time.


def eventually(dock: Dock) -> Path:
    end = time.monotonic() + SECONDS
    while (node := dock.disk()) is None:
        assert time.monotonic() < end
        time.sleep(0.01)
    return node


FAST: Script = ((0.05, Show.NOTHING), (0.05, Show.DISK))


@pytest.fixture
def live(tmp_path: Path) -> Dock:
    return Dock(tmp_path, live=True)


def test_live_it_changes_by_itself(live: Dock, recorder: ZfyBody) -> None:
    control = UsbControl(AmbarellaA(recorder))
    met = TwoPhaseRecorder(
        live.bus, live.machine, PORT, recorder, control, live.folder, script=FAST, live=True
    )
    met.plug()
    live.unlock()
    assert "DCIM/100MEDIA/A.MP4" in listing(eventually(live), 2048)
    met.unplug()


def test_live_on_a_serial_line(live: Dock, recorder: ZfyBody) -> None:
    control = SerialControl(AtSerial(recorder))
    met = TwoPhaseRecorder(
        live.bus, live.machine, PORT, recorder, control, live.folder, script=FAST, live=True
    )
    met.plug()
    (name,) = [path.name for path in live.machine.dev.iterdir()]
    host = TtyHost(live.machine.dev / name)
    for line in ("ATE0\r", 'AT+CPIN="000000"\r', "AT+UDISKEN=1\r"):
        assert host.ask(line).endswith(b"OK\r\n")
    eventually(live)
    assert not list((live.machine.sys / "class" / "tty").iterdir())
    host.close()
    met.unplug()


def test_live_over_tcp(live: Dock, recorder: ZfyBody) -> None:
    control = TcpControl(E12(recorder))
    met = TwoPhaseRecorder(
        live.bus, live.machine, PORT, recorder, control, live.folder, script=FAST, live=True
    )
    met.plug()
    host = TcpHost(control.tcp)
    host.send(b"\x0a\0\0\0E12CMDS008")
    assert [host.message(), host.message()] == [b"E12DATR880", b"E12DATR011"]
    eventually(live)
    assert host.exactly(1) == b""
    host.close()
    met.unplug()
    control.close()


def test_live_the_change_and_the_hosts_transfers_never_wait_for_each_other(
    live: Dock, recorder: ZfyBody
) -> None:
    control = UsbControl(AmbarellaA(recorder))
    script: Script = ((0.0, Show.NOTHING), (0.0, Show.CONTROL))
    met = TwoPhaseRecorder(
        live.bus, live.machine, PORT, recorder, control, live.folder, script=script, live=True
    )
    met.plug()
    end = time.monotonic() + SECONDS
    while met.unlocks < 50:
        assert time.monotonic() < end
        with suppress(usb.core.USBError, AttributeError):  # it left in the middle of this
            live.unlock()
    met.unplug()
    assert live.usb() is None
