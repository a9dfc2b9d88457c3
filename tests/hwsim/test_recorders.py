"""Every kind of simulated recorder by its name, and the ports that it shows itself in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
import usb.core

from hwsim.body import Body
from hwsim.faces.bulk_only import BulkOnlyFace
from hwsim.faults import Stall
from hwsim.recorders import KINDS, SERIAL, TCP, USB, Hardware, SimulatedRecorder, record
from hwsim.two_phase import image_of

PORT = "1-1.2"
DEADLINE = 10.0


def a_body() -> Body:
    body = Body(serial="REC0001")
    record(body, 2, 100_000, Random(1))
    return body


@pytest.fixture
def hardware(tmp_path: Path) -> Hardware:
    return Hardware(tmp_path)


@pytest.fixture(params=KINDS)
def recorder(request: pytest.FixtureRequest, hardware: Hardware) -> Iterator[SimulatedRecorder]:
    recorder = SimulatedRecorder(request.param, hardware, PORT, a_body())
    yield recorder
    recorder.close()


def until(holds: Callable[[], bool]) -> None:
    for _ in range(int(DEADLINE / 0.02)):
        if holds():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it never came")


def test_every_kind_comes_and_goes_and_comes_again(
    recorder: SimulatedRecorder, hardware: Hardware
) -> None:
    for _ in range(2):
        assert usb.core.find(backend=hardware.bus) is None
        assert recorder.usb_address is None
        recorder.plug()
        assert usb.core.find(backend=hardware.bus).port_numbers == (1, 2)
        assert (recorder.address is None) == (recorder.kind.way == USB)
        recorder.unplug()
        recorder.unplug()
        assert recorder.address is None or recorder.kind.way == TCP
        assert hardware.serial_node(PORT) is None


def test_a_kind_that_is_none_is_refused(hardware: Hardware) -> None:
    with pytest.raises(ValueError, match="ambarella-a"):
        SimulatedRecorder("betacam", hardware, PORT, Body())


def test_an_occupied_port_is_refused(hardware: Hardware) -> None:
    first, second = (SimulatedRecorder("mtp", hardware, PORT, Body()) for _ in range(2))
    first.plug()
    with pytest.raises(ValueError, match="occupied"):
        second.plug()


def test_a_serial_kind_shows_its_node(hardware: Hardware) -> None:
    recorder = SimulatedRecorder("smp", hardware, PORT, Body())
    recorder.plug()
    assert recorder.kind.way == SERIAL
    assert Path(str(recorder.address)).is_char_device()
    recorder.close()


def test_a_disk_holds_the_clips_and_its_node_is_the_image(hardware: Hardware) -> None:
    recorder = SimulatedRecorder("disk", hardware, PORT, a_body())
    recorder.plug()
    device = hardware.bus.at(PORT)
    assert device is not None
    assert isinstance(device.face, BulkOnlyFace)
    (node,) = hardware.machine.dev.glob("sd*")
    content = node.read_bytes()
    assert content[510:512] == b"\x55\xaa"
    assert device.face.disk.blocks * 512 == len(content)
    recorder.close()


def test_each_disk_has_a_volume_serial_of_its_own(hardware: Hardware, tmp_path: Path) -> None:
    """Else a dock takes the second recorder for the first one's shell."""
    images = [image_of(tmp_path / f"{n}.img", Body(serial=f"REC{n}")) for n in range(2)]
    numbers = {volume_at(image)[67:71] for image in images}
    assert len(numbers) == 2


def test_a_recorder_whose_label_is_its_serial_has_that_label(hardware: Hardware) -> None:
    recorder = SimulatedRecorder("ambarella-b", hardware, PORT, Body(serial="REC-0001-LONG"))
    recorder.plug()
    device = usb.core.find(backend=hardware.bus)
    for order in (b"@Ver;8;00000000;#", b"@ATH;8;12345678;#"):
        device.write(0x01, order)
        device.read(0x81, 64)
    until(lambda: bool(list(hardware.machine.dev.glob("sd*"))))
    (node,) = hardware.machine.dev.glob("sd*")
    assert volume_at(node)[71:82] == b"REC-0001-LO"
    recorder.close()


def volume_at(image: Path) -> bytes:
    """The boot sector of the first partition; Microsoft's FAT specification 1.03: BS_VolID lies
    at 67, BS_VolLab at 71."""
    content = image.read_bytes()
    start = int.from_bytes(content[454:458], "little") * 512
    return content[start : start + 512]


def test_a_fault_strikes_what_is_there_now(hardware: Hardware) -> None:
    """In control mode its dialect; as a disk the disk."""
    body = a_body()
    recorder = SimulatedRecorder("bc-plus", hardware, PORT, body)
    recorder.plug()
    control = recorder.faults
    recorder.faults.add(Stall(at=0))
    device = usb.core.find(backend=hardware.bus)
    with pytest.raises(usb.core.USBError):
        device.write(0x01, b"BC+LOGIN=admin:000000\r\n")
    device.clear_halt(0x01)
    for order in (b"BC+LOGIN=admin:000000\r\n", b"BC+UDISKEN=1\r\n"):
        device.write(0x01, order)
        device.read(0x81, 512)
    until(lambda: recorder.faults is not control)
    there = hardware.bus.at(PORT)
    assert there is not None
    assert recorder.faults is there.face.faults
    recorder.close()


def test_films_are_recorded_a_minute_apart_and_repeat_with_their_seed() -> None:
    first, second = a_body(), a_body()
    assert [clip.path for clip in first.clips] == [
        "DCIM/100MEDIA/DCAM_REC0001_000001_20260804_100000.mp4",
        "DCIM/100MEDIA/DCAM_REC0001_000001_20260804_100100.mp4",
    ]
    for one, other in zip(first.clips, second.clips, strict=True):
        assert one.content.read(0, one.size) == other.content.read(0, other.size)
    assert len({clip.content.read(0, clip.size) for clip in first.clips}) == 2
