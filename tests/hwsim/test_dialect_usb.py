"""The dialects on USB against bytes written by hand from public code of their hosts.

Ambarella A: a user's script (Python with pyusb, class MainViewModel). Ambarella B: a utility
(C#, AmbaDevice.cs). BC+: the maker's library has the words; its replies are inferred from ITU-T
V.250, so those vectors say what we suppose, not what somebody saw. Each face is asked through the
real PyUSB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import usb.core

from hwsim.faces.ambarella_a import AmbarellaA
from hwsim.faces.ambarella_b import AmbarellaB
from hwsim.faces.bc_plus import BcPlus
from hwsim.faces.zfy import Dialect, Function
from hwsim.usb import UsbFace

from .dialect_hosts import MOMENT, SET_TO, UsbHost, recorder

Plugged = Callable[[UsbFace], UsbHost]
HEAD = "a1b2c3d400"


@pytest.fixture
def plugged() -> Iterator[Plugged]:
    hosts: list[UsbHost] = []

    def plug(face: UsbFace) -> UsbHost:
        hosts.append(UsbHost(face))
        return hosts[-1]

    yield plug
    for host in hosts:
        host.close()


# Ambarella A.


def a_says(host: UsbHost, message: str) -> str:
    return host.control(bytes.fromhex(message.replace(" ", ""))).hex()


LOGIN_A = f"{HEAD} e1 00 10 00 303030303030"


def test_ambarella_a_says_byte_for_byte_what_its_users_script_reads(plugged: Plugged) -> None:
    host = plugged(AmbarellaA(recorder()))
    ping = a_says(host, f"{HEAD} e1 00 20 00 0000000000")
    assert ping == f"{HEAD}e1802000" + b"ABCDE".hex()
    assert a_says(host, LOGIN_A)[12:14] == "80"
    assert a_says(host, f"{HEAD} e1 00 70 00 00") == f"{HEAD}e1807000" + "4d"
    assert a_says(host, f"{HEAD} e1 00 60 00 00") == f"{HEAD}e1806000" + "01"
    time = "07ea 08 05 07 08 09".replace(" ", "")
    assert a_says(host, f"{HEAD} e1 00 41 00 {time}") == f"{HEAD}e1804100{time}"
    identity = a_says(host, f"{HEAD} e1 00 30 00" + "00" * 100)
    texts = (("SIM0001", 9), ("000001", 8), ("张三", 35), ("110000", 16), ("一大队", 32))
    fields = b"".join(text.encode("gbk").ljust(size, b"\0") for text, size in texts)
    assert identity == f"{HEAD}e1803000" + fields.hex()


def test_ambarella_a_sets_clock_and_identity_and_becomes_a_disk(plugged: Plugged) -> None:
    who, told = recorder(), []
    who.on_disk = lambda: told.append(1)
    host = plugged(AmbarellaA(who))
    a_says(host, LOGIN_A)
    a_says(host, f"{HEAD} e1 00 41 00 07ea0805070809")
    assert who.body.now() == SET_TO
    new = (
        b"CAM7".ljust(9, b"\0") + b"900001".ljust(8, b"\0") + "李四".encode("gbk").ljust(35, b"\0")
    )
    a_says(host, f"{HEAD} e1 00 31 00 {(new + bytes(48)).hex()}")
    assert who.fields() == ["CAM7", "900001", "李四", "", ""]
    assert a_says(host, f"{HEAD} e1 00 51 00")[12:14] == "80"
    assert told == [1]


def test_ambarella_a_is_locked_until_the_right_password(plugged: Plugged) -> None:
    host = plugged(AmbarellaA(recorder("123456")))
    for locked in ("30", "41", "51", "60", "70"):
        assert a_says(host, f"{HEAD} e1 00 {locked} 00 07ea0805070809")[12:14] != "80"
    assert a_says(host, LOGIN_A)[12:14] != "80"
    assert a_says(host, f"{HEAD} e1 00 70 00 00")[12:14] != "80"
    assert a_says(host, f"{HEAD} e1 00 10 00 313233343536")[12:14] == "80"
    assert a_says(host, f"{HEAD} e1 00 70 00 00")[12:14] == "80"


def test_ambarella_a_counts_passwords_and_the_radios_group_as_dangers(plugged: Plugged) -> None:
    face = AmbarellaA(recorder())
    host = plugged(face)
    a_says(host, LOGIN_A)
    for danger in ("e1 00 a1", "e1 00 a2", "e2 00 31", "e1 00 99"):
        assert a_says(host, f"{HEAD} {danger} 00 303030303030")[12:14] != "80"
    assert face.dangers == ["e100a1", "e100a2", "e20031", "e10099"]


# Ambarella B.


def test_ambarella_b_says_what_its_utility_reads(plugged: Plugged) -> None:
    who = recorder("12345678")
    host = plugged(AmbarellaB(who))
    assert b"Ver;OK" in host.bulk("@Ver;8;00000000;#")
    reply = host.bulk("@Gdv;8;12345678;#")
    assert len(reply) == 64
    assert reply.startswith(b"@Gdv")
    assert reply.decode().split(";")[2].strip("#") == "SIM0001"
    host.bulk("@Sdt;8;20260805;#")
    assert who.body.now() == MOMENT.replace(day=5)
    host.bulk("@Stm;6;07080900;#")
    assert who.body.now() == SET_TO


def test_ambarella_b_becomes_a_disk_for_the_right_password_only(plugged: Plugged) -> None:
    who, told = recorder("12345678"), []
    who.on_disk = lambda: told.append(1)
    face = AmbarellaB(who)
    host = plugged(face)
    assert b"ERROR" in host.bulk("@ATH;8;12345678;#")
    host.bulk("@Ver;8;00000000;#")
    assert b"ERROR" in host.bulk("@ATH;8;00000000;#")
    assert b"ERROR" in host.bulk("@Gdv;8;87654321;#")
    assert told == []
    assert b"ERROR" not in host.bulk("@ATH;8;12345678;#")
    assert told == [1]
    assert b"ERROR" in host.bulk("@Fmt;8;12345678;#")
    assert b"ERROR" in host.bulk("no message")
    assert face.dangers == ["Fmt"]


@pytest.mark.parametrize("password", ["000000", "12345678"])
def test_the_two_ambarellas_are_told_apart_only_by_asking(plugged: Plugged, password: str) -> None:
    a, b = AmbarellaA(recorder(password)), AmbarellaB(recorder(password))
    assert a.facts == b.facts
    with pytest.raises(usb.core.USBError):
        plugged(b).control(bytes.fromhex(f"{HEAD}e10020000000000000"))
    with pytest.raises(usb.core.USBError):
        plugged(a).bulk("@Ver;8;00000000;#")


# BC+.


def test_bc_plus_answers_questions_and_orders(plugged: Plugged) -> None:
    who, told = recorder(), []
    who.on_disk = lambda: told.append(1)
    host = plugged(BcPlus(who))
    assert host.bulk("BC+GBIDCODE?\r\n") == b"+GBIDCODE: DSJ01\r\nOK\r\n"
    assert host.bulk("BC+LOGIN=admin:000000\r\n") == b"OK\r\n"
    cfg = b"+GBCFG: SIM0001,000001,\xd5\xc5\xc8\xfd,110000,\xd2\xbb\xb4\xf3\xb6\xd3\r\nOK\r\n"
    assert host.bulk("BC+GBCFG?\r\n") == cfg
    assert host.bulk("BC+BATVAL?\r\n") == b"+BATVAL: 77\r\nOK\r\n"
    assert host.bulk("BC+SYSTIME?\r\n") == b"+SYSTIME: 20260804100000\r\nOK\r\n"
    assert host.bulk("BC+SYSTIME=20260805070809\r\n") == b"OK\r\n"
    assert who.body.now() == SET_TO
    assert host.bulk("BC+GBCFG=CAM7,900001,李四,2,二队\r\n") == b"OK\r\n"
    assert who.fields() == ["CAM7", "900001", "李四", "2", "二队"]
    assert host.bulk("BC+UDISKEN=1\r\n") == b"OK\r\n"
    assert told == [1]


def test_bc_plus_is_locked_and_knows_its_dangers(plugged: Plugged) -> None:
    face = BcPlus(recorder("888888"))
    host = plugged(face)
    for locked in ("BC+GBCFG?", "BC+BATVAL?", "BC+UDISKEN=1", "BC+SYSTIME=20260805070809"):
        assert host.bulk(f"{locked}\r\n") == b"ERROR\r\n"
    assert host.bulk("BC+LOGIN=admin:000000\r\n") == b"ERROR\r\n"
    host.bulk("BC+LOGIN=admin:888888\r\n")
    for danger in ("BC+MKFS=1", "BC+LOGEXPORT", "BC+UDISKAUTHEN=0", "BC+WHAT?"):
        assert host.bulk(f"{danger}\r\n") == b"ERROR\r\n"
    assert face.dangers == ["BC+MKFS=1", "BC+LOGEXPORT", "BC+UDISKAUTHEN=0", "BC+WHAT?"]


# All.


@pytest.mark.parametrize("kind", [AmbarellaA, AmbarellaB, BcPlus])
def test_a_new_contact_is_locked_again(
    plugged: Plugged, kind: type[AmbarellaA | AmbarellaB | BcPlus]
) -> None:
    face: Dialect = kind(recorder())
    face.log_in("000000")
    assert face.may(Function.BATTERY)
    assert isinstance(face, AmbarellaA | AmbarellaB | BcPlus)
    plugged(face)
    assert not face.may(Function.BATTERY)
