"""What is asked of a device itself before its profile is known."""

from __future__ import annotations

from pathlib import Path

import pytest
from blake3 import blake3

from agent.errors import RecorderGone
from agent.link.attached import Attached, Disk
from agent.link.usb import UsbBus
from agent.recorder.profiles.asking import asked_interface_name, asked_volume_labels
from agent.recorder.profiles.match import candidates
from hwsim.body import Body
from hwsim.card import Card
from hwsim.faces.ptp import PtpFace, Quirks
from hwsim.images import make_image
from hwsim.ports.usb_memory import MemoryBus

from .texts import loaded, text, written


def disk(image: Path) -> Disk:
    return Disk(image, "1-1.2", image.stat().st_size, 1)


def test_an_interface_is_asked_for_its_name_and_nothing_is_claimed() -> None:
    memory = MemoryBus()
    memory.plug("1-1.2", PtpFace(Body(serial="S1"), quirks=Quirks(android=True)))
    memory.plug("1-1.3", PtpFace(Body(serial="S2")))
    bus = UsbBus(memory)
    ask = asked_interface_name(bus)
    phone, camera = sorted(bus.list_devices(), key=lambda each: each.port)
    assert ask(phone, phone.interfaces[0]) == "MTP"
    assert ask(camera, camera.interfaces[0]) == ""
    link = bus.open_still_image(phone)
    assert ask(phone, phone.interfaces[0]) == "MTP"
    link.close()
    memory.unplug("1-1.2")
    with pytest.raises(RecorderGone):
        ask(phone, phone.interfaces[0])


def test_a_disk_is_known_by_its_label_and_stays_as_it_is(tmp_path: Path) -> None:
    image = tmp_path / "card.img"
    make_image(image, Card(label="CAM007"), kind="fat16")
    before = blake3(image.read_bytes()).digest()
    assert asked_volume_labels(disk(image), "utf-8") == ("CAM007",)
    profiles = loaded(
        tmp_path,
        text("cam", 'disk = true\nvolume_label = "^CAM[0-9]+$"'),
        text("any", "disk = true"),
    )
    attached = Attached("1-1.2", disks=(disk(image),))
    found = candidates(attached, profiles, volume_labels=asked_volume_labels)
    assert [one.profile.id for one in found] == ["cam", "any"]
    assert found[0].why == ("a disk", 'volume label "CAM007"')
    assert blake3(image.read_bytes()).digest() == before


def test_noise_has_no_label_and_what_is_gone_is_gone(tmp_path: Path) -> None:
    image = written(tmp_path, b"\x55\xaa" * 600_000, "noise.img")
    assert asked_volume_labels(disk(image), "utf-8") == ()
    lost = disk(image)
    image.unlink()
    with pytest.raises(RecorderGone):
        asked_volume_labels(lost, "utf-8")
