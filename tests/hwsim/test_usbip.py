"""The USB/IP server, seen by independent clients: Debian's `usbip` and PyPI's `usbip`."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
from pathlib import Path

import pytest
import usb.core
import usbip.host
from usbip.classes.host.extras.blockdev import BlockDevice
from usbip.classes.host.extras.fatfs import FatFs
from usbip.classes.host.msc import MSCDriver
from usbip.classes.host.mtp import MtpHost
from usbip.transport import USBIP

from hwsim.body import Body, Card, HeldClip
from hwsim.card import InMemory, OnDisk
from hwsim.faces.bulk_only import BulkOnlyFace
from hwsim.faces.ptp import Event, PtpFace
from hwsim.images import make_image
from hwsim.media.grown import Noise
from hwsim.ports.usb_memory import MemoryBus
from hwsim.ports.usbip_server import UsbipServer

from .disk_host import INQUIRY, cbw, read10
from .usbip_client import Client, attached, says, served

IMAGE = Noise(512 * 1000, 3).read(0, 512 * 1000)
CLIP = Noise(300_000, 4).read(0, 300_000)


def camera() -> PtpFace:
    body = Body(serial="CAM1")
    body.add(HeldClip("DCIM/100MEDIA/1.MP4", content=CLIP))
    return PtpFace(body)


def transport(server: UsbipServer) -> USBIP:
    return USBIP(server.host, server.port)


def said_by_usbip(server: UsbipServer) -> str:
    """What Debian's `usbip list` says."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    command = ["usbip", "--tcp-port", str(server.port), "list", "--remote", server.host]
    done = subprocess.run(
        command, env={"PATH": path}, capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout


def test_debians_client_reads_the_list() -> None:
    with served(BulkOnlyFace(InMemory(IMAGE)), camera()) as (_, server, _):
        said = said_by_usbip(server)
        assert "1-1.2: " in said
        assert "(1209:0002)" in said
        assert "(08/06/50)" in said
        assert "1-1.3: " in said
        assert "(06/01/01)" in said


def test_what_somebody_has_is_on_nobodys_list() -> None:
    with served(BulkOnlyFace(None), camera()) as (bus, server, told):
        client = Client(server.port)
        assert client.attach("1-1.2") == 0
        assert [each["busid"] for each in usbip.host.list_devices(transport(server))] == ["1-1.3"]
        bus.unplug("1-1.3")
        assert usbip.host.list_devices(transport(server)) == []
        client.close()
    assert says(told, "has 1-1.2")


def test_an_independent_driver_reads_the_disk() -> None:
    face = BulkOnlyFace(InMemory(IMAGE))
    with (
        served(face) as (_, server, _),
        MSCDriver.open(busid="1-1.2", transport=transport(server)) as disk,
    ):
        assert disk.max_lun() == 0
        assert disk.inquiry()[8:16] == b"Bodydock"
        assert disk.read_capacity() == (1000, 512)
        assert b"".join(disk.read_blocks(at, 250, 512) for at in range(0, 1000, 250)) == IMAGE
        with pytest.raises(OSError, match="READ"):
            disk.read_blocks(999, 2, 512)
        with pytest.raises(OSError, match="WRITE"):
            disk.write_blocks(5, bytes(512), 512)
        assert disk.read_blocks(5, 1, 512) == IMAGE[2560:3072]
    assert face.writes == 1


def test_an_independent_file_system_reads_the_clips(tmp_path: Path) -> None:
    card = Card(clips=[HeldClip("DCIM/100MEDIA/A LONG NAME.MP4", content=CLIP)])
    image = make_image(tmp_path / "card.img", card, kind="fat32")
    before = image.read_bytes()
    with (
        served(BulkOnlyFace(OnDisk(image))) as (_, server, _),
        MSCDriver.open(busid="1-1.2", transport=transport(server)) as disk,
    ):
        files = FatFs(BlockDevice.from_msc(disk))
        assert files.read_file("/DCIM/100MEDIA/A LONG NAME.MP4") == CLIP
    assert image.read_bytes() == before


def test_an_independent_driver_reads_a_camera() -> None:
    with (
        served(camera()) as (_, server, _),
        MtpHost.open(busid="1-1.2", transport=transport(server)) as host,
    ):
        host._txid = -1  # OpenSession carries 0 (PIMA 15740 §9.3.1); this driver begins with 1
        host.open_session()
        assert host.device_info()["serial"] == "CAM1"
        handle = host.object_handles(parent=0)[-1]
        assert host.get_object(handle) == CLIP
        assert host.get_partial_object_64(handle, 1000, 5000) == CLIP[1000:6000]
        host.close_session()


# Several at once.


def test_one_device_has_one_client() -> None:
    with served(BulkOnlyFace(None)) as (bus, server, _):
        with Client(server.port) as first, Client(server.port) as second:
            assert first.attach() == 0
            assert second.attach() == 2
        await_free(bus)
        with Client(server.port) as third:
            assert third.attach() == 0


def await_free(bus: MemoryBus) -> None:
    """Until the server has noticed that the last client left."""
    for _ in range(2000):
        if (device := bus.at("1-1.2")) is not None and device.owner is None:
            return
        threading.Event().wait(0.005)
    raise AssertionError("the device is still held")


def test_pyusb_and_a_client_exclude_each_other() -> None:
    with served(BulkOnlyFace(None)) as (bus, server, _):
        device = usb.core.find(backend=bus)
        usb.util.claim_interface(device, 0)
        with Client(server.port) as client:
            assert client.attach() == 2
        usb.util.dispose_resources(device)
        with Client(server.port) as client:
            assert client.attach() == 0
            with pytest.raises(usb.core.USBError) as caught:
                usb.util.claim_interface(device, 0)
        assert caught.value.errno == errno.EBUSY
        usb.util.dispose_resources(device)


def test_many_clients_read_many_disks_at_once() -> None:
    wrong: list[str] = []

    def read(port: str, server: UsbipServer) -> None:
        nonlocal wrong
        with MSCDriver.open(busid=port, transport=transport(server)) as disk:
            for at in range(0, 1000, 100):
                same = disk.read_blocks(at, 100, 512) == IMAGE[512 * at : 512 * (at + 100)]
                wrong += [] if same else [port]

    with served(*(BulkOnlyFace(InMemory(IMAGE)) for _ in range(8))) as (bus, server, _):
        threads = [threading.Thread(target=read, args=(port, server)) for port in bus.occupied()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (len(threads), wrong) == (8, [])


def test_the_next_client_finds_nothing_of_the_last_one() -> None:
    face = BulkOnlyFace(InMemory(IMAGE))
    with served(face) as (bus, server, _):
        with Client(server.port) as client:
            assert client.attach() == 0
            client.submit(0x01, 31, cbw(read10(0, 8), 4096, reads=True))
            assert client.reply().status == 0
        await_free(bus)
        with MSCDriver.open(busid="1-1.2", transport=transport(server)) as disk:
            assert disk.read_capacity() == (1000, 512)


# Transfers that wait.


def test_an_endpoint_that_is_silent_holds_up_no_other() -> None:
    face = camera()
    with served(face) as (_, server, _):
        client = Client(server.port)
        assert client.attach() == 0
        waiting = client.submit(0x82, 28)
        client.submit(0x01, 16, bytes.fromhex("10000000010002100000000001000000"))
        assert client.reply().status == 0
        client.submit(0x81, 512)
        assert client.reply().data == bytes.fromhex("0c0000000300012000000000")
        face.tell(Event.OBJECT_ADDED, 7)
        event = client.reply()
        assert (event.number, event.status) == (waiting, 0)
        assert event.data[4:8] == bytes.fromhex("04000240")
        client.close()


def test_a_transfer_that_waits_can_be_taken_back() -> None:
    with attached(BulkOnlyFace(InMemory(IMAGE))) as (_, client):
        waiting = client.submit(0x81, 512)
        unlinking = client.unlink(waiting)
        assert client.reply()[:3] == (4, unlinking, -errno.ECONNRESET)
        done = client.submit(0x01, 31, cbw(INQUIRY, 36, reads=True))
        assert client.reply()[:3] == (3, done, 0)
        assert client.reply_to(client.unlink(done)).status == 0
        client.submit(0x81, 36)
        assert client.reply().data[8:16] == b"Bodydock"


def test_what_waits_behind_a_transfer_can_be_taken_back_too() -> None:
    with attached(BulkOnlyFace(InMemory(IMAGE))) as (_, client):
        first, second = client.submit(0x81, 36), client.submit(0x81, 13)
        assert client.reply_to(client.unlink(second)).status == -errno.ECONNRESET
        client.submit(0x01, 31, cbw(INQUIRY, 36, reads=True))
        numbers = {client.reply().number, client.reply().number}
        assert numbers == {first, client.number}


def test_less_than_demanded_is_an_error_where_the_client_says_so() -> None:
    with attached(BulkOnlyFace(InMemory(IMAGE))) as (_, client):
        client.submit(0x01, 31, cbw(INQUIRY, 512, reads=True))
        client.reply()
        client.submit(0x81, 512, flags=1)
        short = client.reply()
        assert (short.status, short.length, len(short.data)) == (-errno.EREMOTEIO, 36, 36)


def test_standard_requests_are_answered() -> None:
    face = BulkOnlyFace(InMemory(IMAGE))
    with attached(face) as (_, client):

        def ask(setup: str, size: int = 0) -> tuple[int, bytes]:
            reply = client.control(bytes.fromhex(setup), size)
            return reply.status, reply.data

        assert ask("8006000100001200", 18)[1][8:12] == bytes.fromhex("09120200")
        assert ask("8006000200000900", 9)[1] == bytes.fromhex("09022000010100807d")[:8] + b"\xfa"
        assert ask("8006000300000400", 4) == (0, bytes.fromhex("04030904"))
        assert ask("8006000600000a00", 10) == (-errno.EPIPE, b"")
        assert ask("8008000000000100", 1) == (0, b"\1")
        assert ask("0009010000000000") == (0, b"")
        assert ask("0009020000000000") == (-errno.EPIPE, b"")
        assert ask("010b000000000000") == (0, b"")
        assert ask("8000000000000200", 2) == (0, b"\0\0")
        assert face.faults.transfers == 1  # the text; all else is housekeeping


def test_a_halt_lasts_until_it_is_cleared() -> None:
    with attached(BulkOnlyFace(InMemory(IMAGE))) as (_, client):
        client.submit(0x01, 31, b"x" * 31)
        assert client.reply().status == -errno.EPIPE
        assert client.control(bytes.fromhex("8200000001000200")[:8], 2).data == b"\1\0"
        client.control(bytes.fromhex("21ff000000000000"))
        client.control(bytes.fromhex("0201000001000000"))
        client.submit(0x01, 31, cbw(INQUIRY, 36, reads=True))
        assert client.reply().status == 0


def test_only_a_live_bus_is_served() -> None:
    with pytest.raises(ValueError, match="live"):
        UsbipServer(MemoryBus())
