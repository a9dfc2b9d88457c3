"""The udev rules: committed as generated, and right about what is a recorder and what is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.recorder.profiles.load import load_profiles, shipped_folder
from agent.recorder.profiles.rules import RULES_FILE, udev_rules
from tests.house.tree import ROOT

from .texts import loaded, text
from .udev import Device, parse, run

SHIPPED = [one.profile for one in load_profiles(shipped_folder(), Path("/nowhere"))]
RULES = udev_rules(SHIPPED)

USB_2_HUB = Device("usb1", "usb", {"idVendor": "1d6b", "idProduct": "0002"})


def usb_device(ids: str, interfaces: str, name: str = "") -> Device:
    """`interfaces` as udev's usb_id writes them, `:060101:`; `name` is the first one's."""
    vendor, product = ids.split(":")
    attributes = {"idVendor": vendor, "idProduct": product, "1-2:1.0/interface": name}
    known = {"DEVTYPE": "usb_device", "ID_USB_INTERFACES": interfaces, "ID_GPHOTO2": "1"}
    return Device("1-2", "usb", attributes, known, USB_2_HUB)


def below(device: Device, kernel: str, subsystem: str, *, removable: str = "1") -> Device:
    """A node that hangs on the first interface of a USB device."""
    triple = device.properties["ID_USB_INTERFACES"].split(":")[1]
    names = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
    parts = dict(zip(names, (triple[:2], triple[2:4], triple[4:]), strict=True))
    interface = Device("1-2:1.0", "usb", parts, {"DEVTYPE": "usb_interface"}, device)
    known = {"DEVTYPE": "disk"} if subsystem == "block" else {}
    return Device(kernel, subsystem, {"removable": removable}, known, interface)


def judged(device: Device) -> Device:
    """After the rules, the parents' first."""
    rules = parse(RULES)
    for each in reversed(list(device.line())):
        run(rules, each)
    return device


def access(device: Device) -> tuple[str, str]:
    return device.group, device.mode


MINE, NOBODYS = ("bodydock", "0660"), ("root", "0600")


def test_the_committed_file_is_what_the_profiles_say() -> None:
    """Where it is not: `bodydock profile rules > systemd/70-bodydock-recorders.rules`."""
    assert (ROOT / "systemd" / RULES_FILE).read_text("utf-8") == RULES


def test_the_order_of_profiles_changes_nothing() -> None:
    assert udev_rules(reversed(SHIPPED)) == RULES


@pytest.mark.parametrize(
    "device",
    [
        usb_device("4255:0001", ":ff0000:"),
        usb_device("04a9:3110", ":060101:"),
        usb_device("18d1:4ee2", ":ffff00:ff4201:", "MTP"),
        usb_device("4c4a:4155", ":080650:"),
    ],
)
def test_a_recorder_is_the_docks_and_nobody_elses(device: Device) -> None:
    judged(device)
    assert access(device) == MINE
    assert device.properties["ID_MM_DEVICE_IGNORE"] == "1"
    assert device.properties["ID_GPHOTO2"] == ""


@pytest.mark.parametrize(
    "device",
    [
        usb_device("046d:c31c", ":030101:030000:"),
        usb_device("046d:c52b", ":030101:ffff00:", "Receiver"),
        usb_device("0403:6001", ":ffffff:", "FT232R USB UART"),
        usb_device("0bda:8153", ":ffff00:"),
        usb_device("0781:5567", ":080650:"),
        usb_device("03f0:1234", ":070102:"),
    ],
)
def test_what_is_no_recorder_stays_whose_it_was(device: Device) -> None:
    assert access(judged(device)) == NOBODYS
    assert "ID_MM_DEVICE_IGNORE" not in device.properties


@pytest.mark.parametrize("interfaces", [":080650:", ":080662:"])
def test_a_usb_disk_can_be_read_and_is_mounted_by_nobody(interfaces: str) -> None:
    disk = judged(below(usb_device("0781:5567", interfaces), "sda", "block"))
    part = Device("sda1", "block", {}, {"DEVTYPE": "partition"}, disk)
    run(parse(RULES), part)
    for each in (disk, part):
        assert access(each) == ("bodydock", "0640")
        assert each.properties["UDISKS_IGNORE"] == "1"


def test_a_fixed_usb_disk_is_opened_only_where_its_ids_are_known() -> None:
    own = judged(below(usb_device("152d:0578", ":080650:"), "sda", "block", removable="0"))
    assert access(own) == NOBODYS
    assert own.properties["UDISKS_IGNORE"] == "1"
    known = judged(below(usb_device("4255:0001", ":080650:"), "sda", "block", removable="0"))
    assert access(known) == ("bodydock", "0640")


def test_disks_that_are_not_on_usb_are_not_touched() -> None:
    pci = Device("0000:00:17.0", "pci")
    for kernel in ("sda", "mmcblk0", "nvme0n1"):
        disk = Device(kernel, "block", {"removable": "1"}, {"DEVTYPE": "disk"}, pci)
        assert access(judged(disk)) == NOBODYS
        assert "UDISKS_IGNORE" not in disk.properties


def test_serial_ports_behind_usb_can_be_opened_and_the_machines_own_stay() -> None:
    """The port by itself says nothing, and may be the modem that ModemManager dials by."""
    for kernel in ("ttyUSB0", "ttyACM0"):
        port = judged(below(usb_device("0403:6001", ":ffffff:"), kernel, "tty"))
        assert access(port) == MINE
        assert "ID_MM_PORT_IGNORE" not in port.properties
    for kernel in ("tty1", "ttyS0", "ttyAMA0"):
        assert access(judged(Device(kernel, "tty", parent=Device("serial", "platform")))) == NOBODYS


def test_a_serial_port_of_known_ids_is_the_docks_alone(tmp_path: Path) -> None:
    rules = parse(
        udev_rules(one.profile for one in loaded(tmp_path, text("a", 'adapter = "0403:6001"')))
    )
    port = run(rules, below(usb_device("0403:6001", ":ffffff:"), "ttyUSB0", "tty"))
    assert access(port) == MINE
    assert port.properties["ID_MM_PORT_IGNORE"] == "1"
    other = run(rules, below(usb_device("0403:6015", ":ffffff:"), "ttyUSB0", "tty"))
    assert access(other) == NOBODYS


def test_what_leaves_is_left_alone() -> None:
    gone = usb_device("4255:0001", ":ff0000:")
    assert access(run(parse(RULES), gone, action="remove")) == NOBODYS


def test_a_profile_cannot_write_a_rule_of_its_own(tmp_path: Path) -> None:
    hostile = text("a", 'usb = "1209:0001"').replace(
        'name = "a"', 'name = "a\\nSUBSYSTEM==\\"block\\", MODE=\\"0666\\""'
    )
    (one,) = loaded(tmp_path, hostile)
    assert [rule for rule in parse(udev_rules([one.profile])) if "0666" in str(rule)] == []


@pytest.mark.parametrize(
    ("match", "part"),
    [
        ('adapter = "1209:*"', 'SUBSYSTEM=="tty", SUBSYSTEMS=="usb", ATTRS{idVendor}=="1209", ENV'),
        (
            'usb = "1209:0001"\ndevice_class = "ef/*/01"',
            'ATTR{bDeviceClass}=="ef", ATTR{bDeviceProtocol}=="01", ENV',
        ),
        ('interface = "ff/42/*"\ninterface_name = "a.c"', "# A rule cannot say what"),
        ("tcp = true\nprobe = true", ""),
        ('serial_port = "ttyS*"\nprobe = true', ""),
    ],
)
def test_what_becomes_of_a_match(tmp_path: Path, match: str, part: str) -> None:
    (one,) = loaded(tmp_path, text("a", match))
    rules = udev_rules([one.profile])
    assert parse(rules)
    assert part in rules
    assert ("# a: a" in rules) is bool(part)


def test_the_judge_refuses_what_is_no_rule() -> None:
    for line in ('SUBSYSTEM="usb"', 'MODE=="0660"', 'GROUP=bodydock"', 'A=="b" C=="d"',
                 'GOTO="nowhere"', 'RUN+="/bin/sh"'):  # fmt: skip
        with pytest.raises(ValueError, match=r"line 1|no label"):
            parse(line + os.linesep)
