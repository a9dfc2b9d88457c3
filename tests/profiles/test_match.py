"""Which profiles fit what is plugged in: in a known order, with reasons, and never by accident."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import RecorderBusy
from agent.link.attached import Attached, Disk, SerialPort
from agent.link.usb_facts import Interface, UsbDevice
from agent.recorder.profiles.load import Profiles, load_profiles, shipped_folder
from agent.recorder.profiles.match import Asks, candidates, possible, verdicts
from tests.profiles import texts
from tests.profiles.texts import (
    AMBARELLA,
    CAMERA,
    DISK,
    FTDI,
    KEYBOARD,
    PHONE,
    PRINTER,
    STICK,
    interface,
    loaded,
    on_line,
    on_usb,
    text,
)

SHIPPED = load_profiles(shipped_folder(), Path("/nowhere"))
GENERIC = [one for one in SHIPPED if one.profile.control is None]


def named(name: str) -> Asks:
    return Asks(interface_name=lambda _device, _interface: name)


def ids(attached: Attached, profiles: Profiles, asks: Asks | None = None) -> list[str]:
    asks = asks or Asks()
    found = candidates(
        attached,
        profiles,
        interface_name=asks.interface_name,
        volume_labels=asks.volume_labels,
    )
    return [one.profile.id for one in found]


def fits(folder: Path, match: str, attached: Attached, asks: Asks | None = None) -> bool:
    return ids(attached, loaded(folder, text("p", match)), asks) == ["p"]


# Each fact by itself.


@pytest.mark.parametrize(
    ("match", "attached", "holds"),
    [
        ('usb = "04a9:3110"', CAMERA, True),
        ('usb = "04a9:*"', CAMERA, True),
        ('usb = "04a9:3111"', CAMERA, False),
        ('usb = "04a9:3110"', Attached("1-1"), False),
        ('usb = "04a9:3110"\ndevice_class = "00/00/00"', CAMERA, True),
        ('usb = "04a9:3110"\ndevice_class = "ef/02/01"', CAMERA, False),
        ('interface = "06/01/01"', CAMERA, True),
        ('interface = "06/*/*"', CAMERA, True),
        ('interface = "06/01/01"\npipes = "still-image"', CAMERA, True),
        (
            'interface = "06/01/01"\npipes = "still-image"',
            on_usb(1, 2, interface((6, 1, 1), texts.BULK_PIPES)),
            False,
        ),
        ('interface = "08/06/50"', CAMERA, False),
        ('interface = "08/06/50"', STICK, True),
        ("disk = true", Attached("1-1.2", disks=(DISK,)), True),
        ("disk = true", STICK, False),
        ('serial_port = "ttyACM*"\nprobe = true', on_line("ttyACM3"), True),
        ('serial_port = "ttyacm*"\nprobe = true', on_line("ttyACM3"), True),
        ('serial_port = "ttyACM*"\nprobe = true', on_line("ttyUSB3"), False),
        ('serial_port = "ttyAMA*"\nprobe = true', on_line("ttyAMA0", port="serial:ttyAMA0"), True),
        ('adapter = "0403:6001"', on_line("ttyUSB0", 0x0403, 0x6001), True),
        ('adapter = "0403:*"', on_line("ttyUSB0", 0x0403, 0x6001), True),
        ('adapter = "0403:6001"', on_line("ttyUSB0", 0x0403, 0x6015), False),
        ('adapter = "0403:6001"', on_line("ttyAMA0", port="serial:ttyAMA0"), False),
        (
            'adapter = "0403:6001"\nserial_port = "ttyACM*"',
            on_line("ttyUSB0", 0x0403, 0x6001),
            False,
        ),
        ("tcp = true\nprobe = true", Attached("1-1", address="10.0.0.7:8000"), True),
        ("tcp = true\nprobe = true", Attached("1-1"), False),
        ('disk = true\nusb = "0781:5567"', STICK, False),
        ('disk = true\nusb = "0781:5567"', replace(STICK, disks=(DISK,)), True),
    ],
)
def test_a_fact_holds_or_not(tmp_path: Path, match: str, attached: Attached, holds: bool) -> None:
    assert fits(tmp_path, match, attached) is holds


def test_adapter_and_port_are_those_of_one_port(tmp_path: Path) -> None:
    two = Attached(
        "1-1.2",
        serials=(
            SerialPort(Path("/dev/ttyUSB0"), "1-1.2", 0x0403, 0x6001),
            SerialPort(Path("/dev/ttyACM0"), "1-1.2", 0x1209, 0x0001),
        ),
    )
    assert not fits(tmp_path, 'adapter = "0403:6001"\nserial_port = "ttyACM*"', two)
    assert fits(tmp_path, 'adapter = "1209:0001"\nserial_port = "ttyACM*"', two)


# Questions.

MTP = 'interface = "ff/*/*"\npipes = "still-image"\ninterface_name = "MTP"'


def test_a_name_is_that_of_the_interface_with_the_right_class_and_pipes(tmp_path: Path) -> None:
    asked: list[Interface] = []

    def ask(_device: UsbDevice, one: Interface) -> str:
        asked.append(one)
        return "My mtp"

    assert fits(tmp_path, MTP, PHONE, Asks(interface_name=ask))
    assert PHONE.usb is not None
    assert asked == [PHONE.usb.interfaces[0]]
    assert not fits(tmp_path, MTP, PHONE, named("ADB"))
    assert not fits(tmp_path, MTP, PHONE, named(""))
    assert not fits(tmp_path, MTP, PHONE)


def test_nothing_is_asked_where_something_else_does_not_hold(tmp_path: Path) -> None:
    def ask(*_any: object) -> str:
        raise AssertionError

    asks = Asks(ask, ask)
    for attached in (KEYBOARD, FTDI, STICK, PRINTER):
        assert not fits(tmp_path, MTP, attached, asks)
    assert not fits(tmp_path, 'disk = true\nvolume_label = "CAM"', STICK, asks)


def test_a_label_is_that_of_any_disk(tmp_path: Path) -> None:
    held = {DISK.node: ("", "OTHER"), Path("/dev/sdb"): ("", "CAM7")}
    asks = Asks(volume_labels=lambda disk, _encoding: held[disk.node])
    two = Attached("1-1.2", disks=(DISK, replace(DISK, node=Path("/dev/sdb"))))
    match = 'disk = true\nvolume_label = "^CAM[0-9]$"'
    assert fits(tmp_path, match, two, asks)
    assert not fits(tmp_path, match, replace(two, disks=(DISK,)), asks)
    assert not fits(tmp_path, match, two)


def test_a_label_is_asked_for_in_the_profiles_own_encoding(tmp_path: Path) -> None:
    asked: list[str] = []

    def ask(_disk: Disk, encoding: str) -> list[str]:
        asked.append(encoding)
        return ["执法7"]

    gbk = 'encoding = "gbk"\n' + text("p", 'disk = true\nvolume_label = "执法"')
    attached = Attached("1-1.2", disks=(DISK,))
    assert ids(attached, loaded(tmp_path, gbk), Asks(volume_labels=ask)) == ["p"]
    assert asked == ["gbk"]


def test_each_question_is_asked_once_for_all_profiles(tmp_path: Path) -> None:
    asked: list[Interface] = []

    def ask(_device: UsbDevice, one: Interface) -> str:
        asked.append(one)
        return ""

    profiles = loaded(tmp_path, text("a", MTP), text("b", MTP), text("c", MTP))
    assert ids(PHONE, profiles, Asks(interface_name=ask)) == []
    assert len(asked) == 1


def test_what_may_match_is_known_without_a_question(tmp_path: Path) -> None:
    profiles = loaded(tmp_path, text("a", MTP), text("b", 'disk = true\nvolume_label = "CAM"'))
    assert possible(PHONE, profiles)
    assert possible(Attached("1-1", disks=(DISK,)), profiles)
    assert not any(possible(each, profiles) for each in (KEYBOARD, FTDI, STICK, CAMERA))


def test_what_a_question_raises_goes_through(tmp_path: Path) -> None:
    def ask(_device: UsbDevice, _interface: Interface) -> str:
        raise RecorderBusy("taken")

    with pytest.raises(RecorderBusy):
        fits(tmp_path, MTP, PHONE, Asks(interface_name=ask))


# Order and reasons.


def test_the_docks_own_come_first_then_the_more_specific_then_by_id(tmp_path: Path) -> None:
    shipped = loaded(
        tmp_path / "shipped",
        text("class", 'interface = "06/01/01"'),
        text("b-ids", 'usb = "04a9:3110"'),
        text("a-ids", 'usb = "04a9:3110"'),
        text("maker", 'usb = "04a9:*"'),
        text("probed", 'usb = "04a9:3110"\nprobe = true'),
        text("both", 'usb = "04a9:3110"\ninterface = "06/01/01"'),
        text("other", 'usb = "dead:beef"'),
    )
    own = loaded(tmp_path / "own", text("own", 'interface = "06/01/01"'), local=True)
    order = ["own", "both", "probed", "a-ids", "b-ids", "maker", "class"]
    assert ids(CAMERA, Profiles((*shipped, *own))) == order
    assert ids(CAMERA, Profiles((*reversed(tuple(shipped)), *own))) == order


def test_the_most_specific_match_of_a_profile_speaks_for_it(tmp_path: Path) -> None:
    profiles = loaded(
        tmp_path,
        text("p", 'interface = "06/01/01"', more='[[match]]\nusb = "04a9:3110"\nprobe = true'),
    )
    (one,) = candidates(CAMERA, profiles)
    assert (one.number, one.why, one.probe) == (2, ("USB id 04a9:3110",), True)


def test_it_is_said_in_words_why_and_why_not(tmp_path: Path) -> None:
    (one,) = loaded(
        tmp_path,
        text("p", 'usb = "04a9:3110"\ninterface = "08/06/50"', more="[[match]]\n" + MTP),
    )
    first, second = verdicts(CAMERA, one.profile, Asks())
    assert first.held == ("USB id 04a9:3110",)
    assert first.missed == "interfaces 06/01/01, not 08/06/50"
    assert second.missed == "interfaces 06/01/01, not ff/*/* with still image pipes"
    _, second = verdicts(PHONE, one.profile, named("\x1b]0;x\u202e"))
    assert second.missed == r'interface name "\u{1b}]0;x\u{202e}", not MTP'


# What is shipped.


def test_one_pair_of_ids_and_two_dialects_are_two_candidates_for_a_probe() -> None:
    found = candidates(AMBARELLA, SHIPPED)
    assert [(one.profile.id, one.probe) for one in found] == [
        ("ambarella-a", True),
        ("ambarella-b", True),
    ]


@pytest.mark.parametrize(
    ("attached", "asks", "found"),
    [
        (CAMERA, named(""), ["generic-ptp"]),
        (CAMERA, named("MTP"), ["generic-mtp", "generic-ptp"]),
        (PHONE, named("MTP"), ["generic-mtp"]),
        (STICK, named(""), ["mass-storage"]),
        (Attached("1-1.2", disks=(DISK,)), named(""), ["mass-storage"]),
        (on_line("ttyACM0", 0x2FE3, 0x0100), named(""), ["generic-smp"]),
        (on_line("ttyAMA0", port="serial:ttyAMA0"), named(""), ["generic-smp"]),
    ],
)
def test_what_shipped_profiles_without_a_dialect_take(
    attached: Attached, asks: Asks, found: list[str]
) -> None:
    assert ids(attached, Profiles(tuple(GENERIC)), asks) == found


@pytest.mark.parametrize("attached", [KEYBOARD, PRINTER, FTDI, PHONE, Attached("1-1.4")])
def test_nothing_shipped_takes_what_is_no_recorder(attached: Attached) -> None:
    assert ids(attached, SHIPPED, named("Keyboard")) == []


numbers = st.integers(0, 255)
triples = st.tuples(
    st.sampled_from([0, 3, 6, 7, 8, 9, 0xFF]),
    st.sampled_from([1, 6, 0xFF]),
    st.sampled_from([0, 1, 0x50]),
)
pipes = st.sampled_from([(), texts.STILL_PIPES, texts.BULK_PIPES])
interfaces = st.lists(
    st.builds(lambda shown, ends: interface(shown, ends), triples, pipes), max_size=4
)
wild_usb = st.builds(
    lambda vendor, product, parts: texts.usb(vendor, product, *parts),
    st.sampled_from([0x4255, 0x1224, 0x4C4A, 0x04A9]),
    st.sampled_from([1, 0x2725, 0xFFFF]),
    interfaces,
)
ports = st.builds(
    lambda name, vendor, product: SerialPort(Path("/dev") / name, "1-1", vendor, product),
    st.sampled_from(["ttyACM0", "ttyUSB1", "ttyS0", "tty\udcff", "[", "*"]),
    st.none() | st.integers(0, 0xFFFF),
    st.none() | st.integers(0, 0xFFFF),
)
anything = st.builds(
    Attached,
    port=st.just("1-1"),
    usb=st.none() | wild_usb,
    disks=st.lists(st.just(Disk(Path("/dev/sda"), "1-1", 0, 1)), max_size=2).map(tuple),
    serials=st.lists(ports, max_size=2).map(tuple),
    address=st.sampled_from(["", "10.0.0.1:5000", "\ud800"]),
)


@given(anything, st.text(max_size=300), st.randoms())
def test_the_same_port_gives_the_same_candidates_and_never_an_error(
    attached: Attached, name: str, random: object
) -> None:
    mixed = list(SHIPPED)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    found = ids(attached, SHIPPED, named(name))
    assert ids(attached, Profiles(tuple(mixed)), named(name)) == found
    for one in SHIPPED:
        held = [each for each in verdicts(attached, one.profile, named(name)) if not each.missed]
        assert bool(held) is (one.profile.id in found)
        assert all(each.held for each in held)
