"""What is attached where, read from sysfs as Linux lays it out and from a bus in memory."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.link.attached import Attached, Roots
from agent.link.machine import Machine, usb_port
from agent.link.usb import UsbBus
from hwsim.body import Body
from hwsim.faces.ptp import PtpFace
from hwsim.ports.machine import SimulatedMachine
from hwsim.ports.usb_memory import MemoryBus

MIB = 2**20


class World:
    def __init__(self, folder: Path) -> None:
        self.nodes = SimulatedMachine(folder)
        self.bus = MemoryBus()
        self.roots = Roots(self.nodes.sys, self.nodes.dev)
        self.machine = Machine(UsbBus(self.bus), self.roots)
        self.image = folder / "card.img"
        self.image.write_bytes(bytes(MIB))

    def plug(self, port: str) -> None:
        self.bus.plug(port, PtpFace(Body(serial=port, clock=SystemClock())))

    def link(self, part: str, way: str, **facts: str) -> Path:
        """An entry of a class, as a link to where the device lies; its folder."""
        device = self.nodes.sys / "devices" / way
        device.mkdir(parents=True)
        for fact, value in facts.items():
            (device / fact).write_text(f"{value}\n")
        link = self.nodes.sys / part / device.name
        link.symlink_to(os.path.relpath(device, link.parent))
        return device

    def at(self, port: str) -> Attached:
        return next(one for one in self.machine.attached() if one.port == port)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_usb_device_disk_and_serial_port_are_joined_by_port(world: World) -> None:
    for port in ("1-1.2", "1-1.3", "2-4"):
        world.plug(port)
    node = world.nodes.attach_disk("1-1.2", world.image)
    tty = world.nodes.attach_serial(
        "1-1.3", world.image, vendor=0x0403, product=0x6001, serial="FT1"
    )
    first, second, third = world.machine.attached()
    assert [one.port for one in (first, second, third)] == ["1-1.2", "1-1.3", "2-4"]
    (disk,) = first.disks
    assert (disk.node, disk.port, disk.size) == (node, "1-1.2", MIB)
    assert disk.node.read_bytes() == bytes(MIB)
    (serial,) = second.serials
    assert (serial.node, serial.vendor, serial.product, serial.serial) == (
        tty,
        0x0403,
        0x6001,
        "FT1",
    )
    assert third.usb is not None
    assert (first.serials, second.disks, third.disks) == ((), (), ())


@pytest.mark.parametrize(
    ("way", "port"),
    [
        (
            "../devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.2/1-1.2:1.0/host3/target3:0:0/"
            "3:0:0:0/block/sdb",
            "1-1.2",
        ),
        (
            "../devices/platform/scb/fd500000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0/usb2/2-1/"
            "2-1.4/2-1.4.3/2-1.4.3:1.1/ttyUSB0/tty/ttyUSB0",
            "2-1.4.3",
        ),
        ("../devices/pci0000:00/0000:00:14.0/usb3/3-2/3-2:1.0/tty/ttyACM0", "3-2"),
        ("../devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda", None),
        ("../devices/platform/soc/fe201000.serial/fe201000.serial:0/tty/ttyAMA0", None),
        ("../devices/virtual/block/loop0", None),
        ("", None),
    ],
)
def test_a_way_names_its_port(way: str, port: str | None) -> None:
    """Ways as Linux shows them on a PC and on a Raspberry Pi 4."""
    assert usb_port(way) == port


def test_what_is_no_usb_disk_is_none(world: World) -> None:
    usb = "pci0000:00/usb1/1-1/1-1:1.0/host1/target1:0:0/1:0:0:0/block"
    world.link("block", "virtual/block/loop0", size="100")
    world.link("block", "pci0000:00/ata1/host0/block/sda", size="100", diskseq="1")
    world.link("block", "pci0000:00/nvme/nvme0/nvme0n1", size="100", diskseq="2")
    world.link("block", "platform/mmc0:0001/block/mmcblk0", size="100", diskseq="3")
    world.link("block", f"{usb}/sr0", size="100", diskseq="4")
    world.link("class/tty", "virtual/tty/tty1")
    world.link("class/tty", "platform/serial8250/tty/ttyS0")
    assert world.machine.attached() == ()


def test_a_reader_without_a_card_shows_no_disk_until_one_is_in(world: World) -> None:
    world.plug("1-1")
    folder = world.link("block", "usb1/1-1/1-1:1.0/host1/block/sdc", size="0", diskseq="7", ro="0")
    assert world.at("1-1").disks == ()
    (folder / "size").write_text("8\n")
    (folder / "diskseq").write_text("8\n")
    (disk,) = world.at("1-1").disks
    assert (disk.size, disk.sequence) == (4096, 8)


def test_a_kernel_that_counts_no_disks(world: World) -> None:
    """Before Linux 5.15: a new disk of the same name in the same port still differs."""
    first = world.link("block", "usb1/1-1/1-1:1.0/host1/block/sdc", size="8")
    before = world.at("1-1").disks[0].sequence
    assert world.at("1-1").disks[0].sequence == before
    first.rename(first.with_name("gone"))
    (world.nodes.sys / "block" / "sdc").unlink()
    world.link("block", "usb1/1-1/1-1:1.0/host1/block/sdc", size="8")
    assert world.at("1-1").disks[0].sequence != before


def test_a_new_disk_in_the_same_port_has_another_sequence(world: World) -> None:
    world.nodes.attach_disk("1-1", world.image)
    before = world.at("1-1").disks[0]
    world.nodes.detach_disk("1-1")
    assert world.machine.attached() == ()
    world.nodes.attach_disk("1-1", world.image)
    after = world.at("1-1").disks[0]
    assert after.node == before.node
    assert after.sequence != before.sequence


def test_the_machines_own_serial_port_is_one_where_a_bay_names_it(world: World) -> None:
    for name in ("ttyAMA0", "ttyS0"):
        world.link("class/tty", f"platform/soc/{name}")
    machine = Machine(UsbBus(world.bus), world.roots, ["serial:ttyAMA0", "serial:ttyS7"])
    (only,) = machine.attached()
    assert (only.port, only.usb, only.enumeration) == ("serial:ttyAMA0", None, None)
    (serial,) = only.serials
    assert (serial.node, serial.vendor) == (world.nodes.dev / "ttyAMA0", None)


def test_an_address_is_that_of_its_port(world: World) -> None:
    world.plug("1-1")
    world.plug("1-2")
    machine = Machine(UsbBus(world.bus), world.roots, addresses={"1-1": "192.168.42.129:5000"})
    assert [one.address for one in machine.attached()] == ["192.168.42.129:5000", ""]


@pytest.mark.parametrize("text", ["", "many", "-1", "\x00"])
def test_facts_that_are_no_numbers(world: World, text: str) -> None:
    world.link("block", "usb1/1-1/1-1:1.0/host1/block/sdc", size=text, diskseq="1")
    world.link("class/tty", "usb1/1-2/1-2:1.0/ttyUSB0/tty/ttyUSB0")
    device = world.nodes.sys / "devices/usb1/1-2"
    for fact in ("idVendor", "idProduct", "serial"):
        (device / fact).write_text("none")
    (only,) = world.machine.attached()
    assert (only.port, only.serials[0].vendor) == ("1-2", None)


def test_a_machine_without_sysfs_still_has_its_usb(world: World, tmp_path: Path) -> None:
    world.plug("1-1")
    machine = Machine(UsbBus(world.bus), Roots(tmp_path / "none", tmp_path / "none"))
    assert [one.port for one in machine.attached()] == ["1-1"]


def test_what_comes_and_goes_while_it_is_looked_at_is_no_error(world: World) -> None:
    stop = threading.Event()

    def shake() -> None:
        while not stop.is_set():
            world.nodes.attach_disk("1-1", world.image)
            world.nodes.attach_serial("1-2", world.image, vendor=1, product=2)
            world.nodes.detach_disk("1-1")
            world.nodes.detach_serial("1-2")

    thread = threading.Thread(target=shake)
    thread.start()
    seen = 0
    try:
        for _ in range(500):
            for one in world.machine.attached():
                seen += 1
                assert one.port in {"1-1", "1-2"}
                assert all(disk.size == MIB for disk in one.disks)
    finally:
        stop.set()
        thread.join()
    assert seen


def test_a_folder_that_went_is_no_disk(world: World) -> None:
    device = world.link("block", "usb1/1-1/1-1:1.0/host1/block/sdc", size="8", diskseq="1")
    shutil.rmtree(device)
    assert world.machine.attached() == ()


def test_looking_at_sixteen_ports_costs_about_a_millisecond(world: World) -> None:
    for number in range(1, 17):
        port = f"1-{number}.1.2"
        world.plug(port)
        if number % 2:
            world.nodes.attach_disk(port, world.image)
        else:
            world.nodes.attach_serial(port, world.image, vendor=0x0403, product=0x6001)
    for number in range(64):
        world.link("class/tty", f"virtual/tty/tty{number}")
    assert len(world.machine.attached()) == 16
    began = time.process_time()
    for _ in range(50):
        world.machine.attached()
    spent = (time.process_time() - began) / 50
    print(f"16 ports: {spent * 1000:.2f} ms CPU a look")
    assert spent < 0.02  # it is about 1 ms; the rest is for a slow machine
