"""Faults strike exactly where they were asked to, on the wire and in containers."""

from __future__ import annotations

import errno
import struct

import pytest
import usb.core

from hwsim.body import Body
from hwsim.faces.ptp import PtpFace
from hwsim.faults import (
    AnswerFirst,
    BadContainer,
    BadData,
    BadResponse,
    Endless,
    FalseBattery,
    Fault,
    Faults,
    FlipBit,
    NoAnswer,
    Refuse,
    Repeat,
    ShortRead,
    Silence,
    Stall,
    Trickle,
    Unplug,
    ZeroLength,
)
from hwsim.ports.usb_memory import MemoryBus

from .host import CLIP, Host, Wrong, face_of, fired, opened, plugged

ALL = 0xFFFFFFFF


# When they strike.


@pytest.mark.parametrize(
    ("fault", "struck"),
    [
        (FalseBattery(times=1), [0]),
        (FalseBattery(at=2, times=1), [2]),
        (FalseBattery(at=1, times=3), [1, 2, 3]),
        (FalseBattery(at=4, times=None), [4, 5, 6, 7]),
        (FalseBattery(times=0), []),
    ],
)
def test_it_lets_chances_pass_and_strikes_as_often_as_it_may(
    fault: Fault, struck: list[int]
) -> None:
    recorder = Faults(fault)
    assert [n for n in range(8) if recorder.due(FalseBattery)] == struck
    assert recorder.fired[fault] == len(struck)


def test_only_its_own_operation_is_a_chance() -> None:
    recorder = Faults(Refuse(operation=0x1007, at=1))
    chances = [0x1007, 0x1004, 0x1007, 0x1007]
    assert [bool(recorder.due(Refuse, code)) for code in chances] == [False, False, True, False]


def test_two_faults_of_one_kind_count_apart() -> None:
    recorder = Faults(Refuse(at=0), Refuse(at=1, code=0x2002))
    codes = [found.code if (found := recorder.due(Refuse, 1)) else 0 for _ in range(3)]
    assert codes == [0x2019, 0x2002, 0]


def test_a_contact_counts_its_transfers_from_nothing_but_blows_are_spent() -> None:
    recorder = Faults(Unplug(at=1), Stall(at=3))
    first = [[type(fault) for fault in recorder.transfer()] for _ in range(2)]
    recorder.new_contact()
    second = [[type(fault) for fault in recorder.transfer()] for _ in range(5)]
    assert first == [[], [Unplug]]
    assert second == [[], [], [], [Stall], []]


# On the wire.


def transfers_of_a_contact() -> int:
    bus, host = plugged(CLIP)
    assert host.contact(len(CLIP)) == CLIP
    return face_of(bus).faults.transfers


def test_unplugged_at_every_transfer_in_turn() -> None:
    whole = transfers_of_a_contact()
    assert whole > 20
    for at in range(whole):
        recorder = Faults(Unplug(at=at))
        bus, host = plugged(CLIP, faults=recorder)
        face = face_of(bus)
        with pytest.raises((usb.core.USBError, ValueError)) as caught:  # ValueError: no languages
            host.contact(len(CLIP))
        assert isinstance(caught.value, ValueError) or caught.value.errno == errno.ENODEV
        assert (recorder.transfers, bus.occupied()) == (at + 1, [])
        bus.plug("1-1.2", face)
        assert Host(bus).contact(len(CLIP)) == CLIP


@pytest.mark.parametrize(
    ("fault", "number"), [(Stall(at=1), errno.EPIPE), (Silence(at=1), errno.ETIMEDOUT)]
)
def test_a_transfer_that_fails_fails_once_and_loses_nothing(fault: Fault, number: int) -> None:
    host = opened(fault)
    host.send(0x1004)
    with pytest.raises(usb.core.USBError) as caught:
        host.read()
    assert caught.value.errno == number
    host.device.clear_halt(0x81)
    assert len(host.read()) == 20
    assert fired(host) == 1


def test_a_command_that_times_out_never_arrived() -> None:
    host = opened(Silence(at=0))
    with pytest.raises(usb.core.USBTimeoutError):
        host.send(0x1004)
    with pytest.raises(usb.core.USBTimeoutError):
        host.read()
    assert len(host.ask(0x1004)[0]) == 8


@pytest.mark.parametrize(("lost", "after"), [(False, 13), (True, 12)])
def test_a_short_read_gives_the_rest_later_or_never(lost: bool, after: int) -> None:
    host = opened(ShortRead(at=1, keep=7, lost=lost))
    host.send(0x1004)
    assert [len(host.read()), len(host.read())] == [7, after]


def test_what_a_short_read_held_back_is_cancelled_with_its_transfer() -> None:
    host = opened(ShortRead(at=1, keep=7))
    host.send(0x1004)
    host.read()
    host.device.ctrl_transfer(0x21, 0x64, 0, 0, struct.pack("<HI", 0x4001, host.transaction))
    host.transaction += 1
    assert host.handles()


@pytest.mark.parametrize(("byte", "bit"), [(0, 0), (6, 3), (-1, 7)])
def test_a_bit_flips_where_it_should(byte: int, bit: int) -> None:
    host = opened(FlipBit(at=1, byte=byte, bit=bit))
    host.send(0x1004)
    expected = bytearray.fromhex("1400000002000410 01000000 01000000 01000100")
    expected[byte] ^= 1 << bit
    assert host.read() == expected


def test_a_bit_flips_on_its_way_to_the_recorder() -> None:
    host = opened(FlipBit(at=0, byte=6, bit=0))
    host.send(0x1004)  # arrives as GetStorageInfo, without its parameter
    assert host.read() == bytes.fromhex("0c000000030008 2001000000")


def test_where_bits_flip_is_decided_by_the_seed() -> None:
    def seen(seed: int) -> bytes:
        _, host = plugged(CLIP, faults=Faults(FlipBit(at=1), seed=seed))
        host.send(0x1001)
        return host.read()

    assert seen(7) == seen(7)
    assert len({seen(seed) for seed in range(20)}) > 10


def test_a_trickle_brings_a_byte_in_each_time_out() -> None:
    waited: list[float] = []
    bus = MemoryBus(waited=waited.append)
    bus.plug("1-1", PtpFace(Body(), Faults(Trickle(at=1, times=None))))
    host = Host(bus)
    host.send(0x1002, 1)
    assert b"".join(host.read() for _ in range(12)) == bytes.fromhex("0c00000003000120 00000000")
    assert waited == [pytest.approx(0.99)] * 12


def test_empty_packets_and_then_the_answer() -> None:
    host = opened(ZeroLength(at=1, times=100))
    host.send(0x1003)
    assert [len(host.read()) for _ in range(101)] == [0] * 100 + [12]


def test_endless_data_fills_every_buffer() -> None:
    host = opened(Endless(at=1, times=None))
    host.send(0x1003)
    assert [len(host.read(4096)) for _ in range(50)] == [4096] * 50


# Containers.


@pytest.mark.parametrize(
    ("fault", "data", "response"),
    [
        (BadData(length=0), "00000000 0200 0410 01000000", "0c000000 0300 0120 01000000"),
        (BadData(length=11), "0b000000 0200 0410 01000000", "0c000000 0300 0120 01000000"),
        (BadData(length=ALL), "ffffffff 0200 0410 01000000", "0c000000 0300 0120 01000000"),
        (BadData(kind=1), "14000000 0100 0410 01000000", "0c000000 0300 0120 01000000"),
        (BadData(code=0x1005), "14000000 0200 0510 01000000", "0c000000 0300 0120 01000000"),
        (BadData(transaction=-2), "14000000 0200 0410 ffffffff", "0c000000 0300 0120 01000000"),
        (BadData(cut=3), "11000000 0200 0410 01000000", "0c000000 0300 0120 01000000"),
        (BadResponse(length=11), "14000000 0200 0410 01000000", "0b000000 0300 0120 01000000"),
        (BadResponse(kind=4), "14000000 0200 0410 01000000", "0c000000 0400 0120 01000000"),
        (BadResponse(code=0xABCD), "14000000 0200 0410 01000000", "0c000000 0300 cdab 01000000"),
        (BadResponse(transaction=1), "14000000 0200 0410 01000000", "0c000000 0300 0120 02000000"),
        (BadResponse(deliver=2), "14000000 0200 0410 01000000", "0c000000030001200100 0000 0000"),
        (BadResponse(deliver=-2), "14000000 0200 0410 01000000", "0c000000 0300 0120 0100"),
    ],
)
def test_a_bad_container_is_bad_in_what_was_asked(
    fault: BadContainer, data: str, response: str
) -> None:
    host = opened(fault)
    host.send(0x1004)
    assert host.read()[:12] == bytes.fromhex(data)
    assert host.read() == bytes.fromhex(response)
    assert fired(host) == 1


@pytest.mark.parametrize("deliver", [-8, -1, 1, 512])
def test_declared_is_not_delivered(deliver: int) -> None:
    host = opened(BadData(deliver=deliver))
    host.send(0x1004)
    assert len(container := host.read()) == 20 + deliver
    assert container[:4] == struct.pack("<I", 20)


def test_the_answer_before_the_data() -> None:
    host = opened(AnswerFirst(operation=0x1004))
    host.send(0x1004)
    assert [host.read()[4], host.read()[4]] == [3, 2]


def test_an_answer_twice_and_an_answer_never() -> None:
    host = opened(Repeat(), NoAnswer(at=2))
    host.send(0x1004)
    assert [len(host.read()) for _ in range(3)] == [20, 12, 12]
    host.transaction += 1
    host.handles()
    host.send(0x1004)
    assert len(host.read()) == 20
    with pytest.raises(usb.core.USBTimeoutError):
        host.read()


def test_busy_for_a_while() -> None:
    host = opened(Refuse(operation=0x1004, times=3))
    for _ in range(3):
        with pytest.raises(Wrong, match="0x2019"):
            host.ask(0x1004)
    assert host.ask(0x1004)[0]
