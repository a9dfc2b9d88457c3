"""What breaks at the device breaks through USB/IP as it does through PyUSB."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Protocol

import pytest
import usb.core

from hwsim.body import Body
from hwsim.card import InMemory
from hwsim.faces.bulk_only import BadBlocks, BulkOnlyFace, CheckCondition
from hwsim.faults import (
    BadData,
    BadResponse,
    Endless,
    Fault,
    Faults,
    FlipBit,
    NoAnswer,
    ShortRead,
    Silence,
    Stall,
    Unplug,
    ZeroLength,
)
from hwsim.media.grown import Noise
from hwsim.recorders import Hardware, SimulatedRecorder, record

from .disk_host import INQUIRY, REQUEST_SENSE, DiskHost, cbw, read10
from .usbip_client import Client, UsbipDevice, attached, says, served

IMAGE = Noise(512 * 64, 5).read(0, 512 * 64)
TIMEOUT = 100

FAULTS: list[Fault] = [
    *(Stall(at=at) for at in range(6)),
    *(Unplug(at=at) for at in range(6)),
    Silence(at=1),
    Silence(at=2),
    ShortRead(at=4, keep=512),
    ShortRead(at=4, keep=512, lost=True),
    FlipBit(at=4, byte=100, bit=3),
    FlipBit(at=3, byte=0, bit=0),
    ZeroLength(at=4),
    Endless(at=5),
    BadResponse(transaction=1),
    BadResponse(deliver=-1),
    BadData(cut=30, operation=0x28),
    BadData(deliver=30),
    NoAnswer(operation=0x28),
    CheckCondition(operation=0x28),
    BadBlocks(first=3, count=1),
]


class Device(Protocol):
    """What a host needs of a device, PyUSB's or that of a USB/IP client."""

    def write(self, endpoint: int, data: bytes, timeout: int) -> int: ...

    def read(self, endpoint: int, size: int, timeout: int) -> Sequence[int]: ...

    def ctrl_transfer(
        self, kind: int, request: int, value: int, index: int, size: int, timeout: int, /
    ) -> Sequence[int]: ...

    def clear_halt(self, endpoint: int) -> None: ...


def seen(device: Device) -> list[object]:
    """What a simple-minded host sees, transfer by transfer."""
    steps: list[Callable[[], object]] = [
        lambda: bytes(device.ctrl_transfer(0xA1, 0xFE, 0, 0, 1, TIMEOUT))
    ]
    for tag, (cdb, size) in enumerate(((INQUIRY, 36), (read10(2, 2), 1024), (REQUEST_SENSE, 18))):
        steps += [
            partial(device.write, 0x01, cbw(cdb, size, reads=True, tag=tag), TIMEOUT),
            partial(device.read, 0x81, size, TIMEOUT),
            partial(device.read, 0x81, 13, TIMEOUT),
        ]
    told: list[object] = []
    for step in steps:
        try:
            came = step()
            told.append(came if isinstance(came, int) else bytes(came))  # type: ignore[call-overload]
        except usb.core.USBError as error:
            told.append(error.errno)
            if error.errno == errno.EPIPE:
                device.clear_halt(0x81)
    return told


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_a_fault_means_the_same_over_usbip(fault: Fault) -> None:
    near = BulkOnlyFace(InMemory(IMAGE), Faults(fault))
    host = DiskHost(near)
    through_pyusb = seen(host.device)
    host.close()
    far = BulkOnlyFace(InMemory(IMAGE), Faults(fault))
    with attached(far) as (_, client):
        through_usbip = seen(UsbipDevice(client))
    assert through_usbip == through_pyusb
    assert far.faults.fired == near.faults.fired
    assert far.faults.fired[fault] >= 1


def test_unplugging_cuts_the_connection_and_nobody_elses() -> None:
    with served(*(BulkOnlyFace(InMemory(IMAGE)) for _ in range(2))) as (bus, server, told):
        with Client(server.port) as client, Client(server.port) as other:
            assert client.attach("1-1.2") == other.attach("1-1.3") == 0
            client.submit(0x81, 512)  # it waits
            threading.Timer(0.05, lambda: bus.unplug("1-1.2")).start()
            assert client.ended()
            other.submit(0x01, 31, cbw(INQUIRY, 36, reads=True))
            assert other.reply().status == 0
        assert says(told, "1-1.2 was unplugged")
        bus.plug("1-1.2", BulkOnlyFace(InMemory(IMAGE)))
        with Client(server.port) as client:
            assert client.attach("1-1.2") == 0


def test_unplugging_what_is_idle_cuts_too() -> None:
    with attached(BulkOnlyFace(None)) as (bus, client):
        bus.unplug("1-1.2")
        assert client.ended()


def read_three_times(device: UsbipDevice) -> None:
    for number in range(3):
        device.write(0x01, cbw(read10(number, 2), 1024, reads=True), 1000)
        assert device.read(0x81, 1024) == IMAGE[512 * number : 512 * number + 1024]
        device.read(0x81, 13)


@pytest.mark.parametrize("at", range(8))
def test_the_cable_is_pulled_at_every_transfer(at: int) -> None:
    face = BulkOnlyFace(InMemory(IMAGE), Faults(Unplug(at=at)))
    with attached(face) as (bus, client):
        with pytest.raises(usb.core.USBError) as caught:
            read_three_times(UsbipDevice(client))
        assert caught.value.errno == errno.ENODEV
        assert bus.at("1-1.2") is None


def test_a_recorder_that_becomes_a_disk_leaves_its_client_and_comes_back(tmp_path: Path) -> None:
    """Ambarella A: log in, disk mode, gone, and the same port shows a disk."""
    hardware = Hardware(tmp_path)
    body = Body(serial="AMBA1")
    record(body, 1, 100_000, Random(6))
    recorder = SimulatedRecorder("ambarella-a", hardware, "1-1.2", body)
    recorder.plug()
    with served(bus=hardware.bus) as (_, server, _):
        with Client(server.port) as client:
            assert client.attach() == 0
            device = UsbipDevice(client)
            for message in ("a1b2c3d400e1001000303030303030", "a1b2c3d400e1005100"):
                device.ctrl_transfer(0x40, 85, 0x00AA, 0, bytes.fromhex(message))
                assert device.ctrl_transfer(0xC0, 85, 0, 0, 64)[6] == 0x80
            assert client.ended()
        with Client(server.port) as client:
            while client.attach() != 0:
                client.socket.close()
                threading.Event().wait(0.05)
                client.socket = Client(server.port).socket
            device = UsbipDevice(client)
            device.write(0x01, cbw(read10(0, 1), 512, reads=True), 1000)
            assert device.read(0x81, 512)[510:] == b"\x55\xaa"
    recorder.close()
