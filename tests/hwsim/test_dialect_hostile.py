"""What a hostile recorder does in control mode, seen by the plainest host: what a test of the agent
asks for is what really goes over the wire.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import usb.core

from hwsim.faces.ambarella_a import AmbarellaA
from hwsim.faces.ambarella_b import AmbarellaB
from hwsim.faces.at_serial import AtSerial
from hwsim.faces.bc_plus import BcPlus
from hwsim.faces.e12 import E12
from hwsim.faces.zfy import BadAnswer, Busy, Deny, Dialect, Function, ZfyBody
from hwsim.faces.zzx import Zzx
from hwsim.faults import FalseBattery, Fault, Faults, NoAnswer, Repeat, Stall, Unplug
from hwsim.ports.tcp_port import TcpPort
from hwsim.usb import BULK_IN, BULK_OUT, Setup, Silent

from .dialect_hosts import TcpHost, UsbHost, recorder

Ask = Callable[[Faults], list[bytes]]
BATTERY = Function.BATTERY
A_LOGIN = bytes.fromhex("a1b2c3d400e1001000303030303030")
A_BATTERY = bytes.fromhex("a1b2c3d400e100700000")


def control(faults: Faults) -> list[bytes]:
    face = AmbarellaA(recorder(), faults)
    face.attach()
    face.control(Setup(0x40, 85, 0xAA, 0, len(A_LOGIN)), A_LOGIN)
    face.control(Setup(0x40, 85, 0xAA, 0, len(A_BATTERY)), A_BATTERY)
    answers = []
    try:
        while True:
            answers.append(face.control(Setup(0xC0, 85, 0, 0, 1 << 16), b""))
    except Silent:
        return answers


def bulk(kind: type[AmbarellaB | BcPlus], login: bytes, question: bytes, faults: Faults) -> bytes:
    face = kind(recorder(), faults)
    face.attach()
    face.write(BULK_OUT, login)
    drain(face)
    face.write(BULK_OUT, question)
    return drain(face)


def drain(face: AmbarellaB | BcPlus) -> bytes:
    """Everything that waits to be read."""
    heard = b""
    try:
        while True:
            buffer = memoryview(bytearray(1 << 16))
            count, _ = face.read(BULK_IN, buffer)
            heard += bytes(buffer[:count])
    except Silent:
        return heard


def stream(kind: type[E12 | Zzx | AtSerial], lines: list[bytes], faults: Faults) -> list[bytes]:
    """What it sends upon the last of `lines`."""
    said: list[bytes] = []
    face = kind(recorder(), faults)
    face.attach(said.append)
    for line in lines:
        said.clear()
        face.receive(line)
    return said


def id_request(number: int) -> bytes:
    return b'{"header":{"id":"%d"},"body":{"password":"000000"}}\r\n' % number


FAMILIES: dict[str, Ask] = {
    "ambarella-a": control,
    "bc-plus": lambda faults: [
        bulk(BcPlus, b"BC+LOGIN=admin:000000\r\n", b"BC+BATVAL?\r\n", faults)
    ],
    "e12": lambda faults: stream(E12, [b"\x0a\0\0\0E12CMDS007"], faults)[1:],
    "zzx": lambda faults: stream(Zzx, [id_request(8)], faults),
    "at": lambda faults: stream(AtSerial, [b"ATE0\r", b'AT+CPIN="000000"\r', b"AT+CBC\r"], faults),
}


def asked(family: str, *faults: Fault) -> bytes:
    """What comes when the battery is asked for; every fault must strike."""
    counted = Faults(*faults)
    heard = b"".join(FAMILIES[family](counted))
    assert all(counted.fired[fault] for fault in faults)
    return heard


each_family = pytest.mark.parametrize("family", FAMILIES)


@each_family
def test_a_battery_of_255_percent_is_told_as_such(family: str) -> None:
    heard = asked(family, FalseBattery())
    assert b"255" in heard or heard.endswith(b"\xff")


@each_family
def test_silence_is_silence(family: str) -> None:
    assert asked(family, NoAnswer(operation=BATTERY)) == b""


@each_family
def test_an_answer_can_come_twice(family: str) -> None:
    assert asked(family, Repeat(operation=BATTERY)) == 2 * asked(family)


@each_family
def test_an_answer_can_be_cut_or_run_on(family: str) -> None:
    right = asked(family)
    cut = asked(family, BadAnswer(operation=BATTERY, cut=1))
    assert len(cut) == len(right) - 1
    flooded = asked(family, BadAnswer(operation=BATTERY, flood=50_000))
    assert len(flooded) == len(right) + 50_000


@each_family
def test_an_answer_can_be_garbage_or_anything_else(family: str) -> None:
    right = asked(family)
    garbage = asked(family, BadAnswer(operation=BATTERY, garbage=True))
    assert garbage != right
    assert len(garbage) == len(right)
    assert b"\x1b[2J\0" in asked(family, BadAnswer(operation=BATTERY, instead=b"\x1b[2J\0"))


@each_family
def test_no_and_patience_are_told_apart(family: str) -> None:
    right, no = asked(family), asked(family, Deny(operation=BATTERY))
    busy = asked(family, Busy(operation=BATTERY))
    assert len({right, no, busy}) == 3


def test_a_declared_length_can_lie() -> None:
    faults = Faults(BadAnswer(operation=BATTERY, length=2**32 - 1))
    said = stream(E12, [b"\x0a\0\0\0E12CMDS007"], faults)
    assert said[1] == b"\xff\xff\xff\xff77"


def test_e12_can_go_on_saying_that_it_is_at_it() -> None:
    faults = Faults(Busy(operation=BATTERY, more=1000))
    said = stream(E12, [b"\x0a\0\0\0E12CMDS007"], faults)
    assert said[:-1] == [b"\x0a\0\0\0E12DATR880"] * 1001
    assert said[-1] == b"\x02\0\0\x0077"


def test_ambarella_b_can_be_all_that_too() -> None:
    def ask(*faults: Fault) -> bytes:
        login, question = b"@Ver;8;00000000;#", b"@Gdv;8;000000;#"
        return bulk(AmbarellaB, login, question, Faults(*faults))

    identity = Function.READ_IDENTITY
    assert ask(NoAnswer(operation=identity)) == b""
    assert ask(Busy(operation=identity)) == b""
    assert b"ERROR" in ask(Deny(operation=identity))
    assert len(ask(BadAnswer(operation=identity, flood=5000))) == 5064
    assert ask(Repeat(operation=identity)) == 2 * ask()


def lines_that_never_end() -> list[tuple[type[Dialect], bytes]]:
    return [(Zzx, b"x"), (AtSerial, b"x"), (E12, b"\xff")]


@pytest.mark.parametrize(("kind", "byte"), lines_that_never_end())
def test_an_endless_line_from_the_host_costs_no_memory(kind: type[Dialect], byte: bytes) -> None:
    face = kind(recorder())
    assert isinstance(face, Zzx | AtSerial | E12)
    face.attach(lambda _data: None)
    for _ in range(50):
        face.receive(byte * 4096)
    assert len(face._held) <= 1 << 16


@pytest.mark.parametrize("index", range(4))
def test_unplugged_at_any_transfer_the_host_hears_that_it_is_gone(index: int) -> None:
    faults = Faults(Unplug(at=index))
    host = UsbHost(AmbarellaA(recorder(), faults))

    def contact() -> None:
        for message in (A_LOGIN, A_BATTERY):
            host.control(message)

    with pytest.raises(usb.core.USBError) as caught:
        contact()
    assert caught.value.errno == 19
    assert faults.transfers == index + 1
    host.close()


def test_a_stalled_bulk_endpoint_goes_on_when_cleared() -> None:
    host = UsbHost(BcPlus(ZfyBody(), Faults(Stall(at=1))))
    with pytest.raises(usb.core.USBError):
        host.bulk("BC+GBIDCODE?\r\n")
    host.device.clear_halt(0x81)
    assert bytes(host.device.read(0x81, 512)) == b"+GBIDCODE: DSJ01\r\nOK\r\n"
    host.close()


def test_a_flood_that_nobody_reads_keeps_no_port_from_being_unplugged() -> None:
    faults = Faults(BadAnswer(operation=BATTERY, flood=30_000_000))
    port = TcpPort(E12(recorder(), faults))
    host = TcpHost(port)
    host.send(b"\x0a\0\0\0E12CMDS007")
    assert host.exactly(14) == b"\x0a\0\0\0E12DATR880"
    port.unplug()
    assert port.sent < 30_000_000
    host.close()
