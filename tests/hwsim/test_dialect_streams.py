"""The dialects on TCP and on a serial line against bytes written by hand, over real sockets and
pseudo-terminals.

E12: the recorder's own side is public (E12DeviceInfo.java, E12DeviceInfoUtil.java,
ThreadReadWriterIOSocket.java); the byte order of its length is inferred. zzx: likewise
(PcSocketNewUtils.java). AT: ITU-T V.250 and 3GPP TS 27.007, whose §8.14 and §8.15 show the replies
of +CBC and +CCLK; the disk's word is inferred.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hwsim.faces.at_serial import AtSerial
from hwsim.faces.e12 import E12
from hwsim.faces.zzx import Zzx
from hwsim.ports.pty_port import PtyPort
from hwsim.ports.tcp_port import TcpPort

from .dialect_hosts import INFO, SET_TO, TcpHost, TtyHost, recorder

AT_IT = b"E12DATR880"


# E12.


@pytest.fixture
def e12() -> Iterator[tuple[E12, TcpHost]]:
    face = E12(recorder("123456"))
    port = TcpPort(face)
    host = TcpHost(port)
    yield face, host
    host.close()
    port.unplug()


def ask(host: TcpHost, message: bytes, answers: int = 2) -> list[bytes]:
    host.send(len(message).to_bytes(4, "little") + message)
    return [host.message() for _ in range(answers)]


def test_e12_bytes_on_the_wire(e12: tuple[E12, TcpHost]) -> None:
    _, host = e12
    host.send(b"\x0a\0\0\0E12CMDS009")
    assert host.exactly(14) == b"\x0a\0\0\0E12DATR880"
    assert host.exactly(9) == b"\x05\0\0\0DSJ01"


def test_e12_says_first_that_it_is_at_it_and_then_the_result(e12: tuple[E12, TcpHost]) -> None:
    face, host = e12
    assert ask(host, b"E12CMDF808", 1) == [b"E12CMDF809"]
    assert ask(host, b"E12CMDS010") == [AT_IT, b"123456"]
    assert ask(host, b"E12CMDS004") == [AT_IT, INFO]
    assert ask(host, b"E12CMDS006") == [AT_IT, b"1920*1080"]
    assert ask(host, b"E12CMDS007") == [AT_IT, b"77"]
    assert ask(host, b"E12CMDN030") == [AT_IT, b"2026-08-04 10:00:00"]
    assert face.dangers == []


def test_e12_takes_time_and_identity_as_a_second_message(e12: tuple[E12, TcpHost]) -> None:
    face, host = e12
    assert ask(host, b"E12CMDS003", 1) == [AT_IT]
    assert ask(host, b"2026-08-05 7:08:09", 1) == [b"E12DATR001"]
    assert face.recorder.body.now() == SET_TO
    assert ask(host, b"E12CMDS003", 1) == [AT_IT]
    assert ask(host, b"yesterday", 1) == [b"E12DATR000"]
    assert ask(host, b"E12CMDS005", 1) == [AT_IT]
    assert ask(host, INFO.replace(b"SIM0001", b"CAM0007"), 1) == [b"E12DATR021"]
    assert face.recorder.body.serial == "CAM0007"


def test_e12_becomes_a_disk_unless_it_records(e12: tuple[E12, TcpHost]) -> None:
    face, host = e12
    told: list[int] = []
    face.recorder.on_disk = lambda: told.append(1)
    face.recorder.recording = True
    assert ask(host, b"E12CMDS008") == [AT_IT, b"E12DATR010"]
    face.recorder.recording = False
    assert ask(host, b"E12CMDS008") == [AT_IT, b"E12DATR011"]
    assert told == [1]


def test_e12_leaves_dangers_unanswered_and_counts_them(e12: tuple[E12, TcpHost]) -> None:
    face, host = e12
    dangers = ["E12CMDS011", "E12CMDS012", "E12CMDS013", "E12CMDD001", "E12CMDN031"]
    for danger in dangers:
        ask(host, danger.encode(), 0)
    assert ask(host, b"E12CMDF808", 1) == [b"E12CMDF809"]
    assert face.dangers == dangers


# zzx.


@pytest.fixture
def zzx() -> Iterator[tuple[Zzx, TcpHost]]:
    face = Zzx(recorder())
    port = TcpPort(face)
    host = TcpHost(port)
    yield face, host
    host.close()
    port.unplug()


def tell(host: TcpHost, number: int, **body: str) -> dict[str, Any]:
    header = {"version": "1.0", "device": "PC", "id": str(number)}
    host.send(json.dumps({"header": header, "body": body}).encode() + b"\r\n")
    reply = json.loads(host.line())
    assert reply["header"] == {"version": "1.0", "id": number, "device": "ZZX2080"}
    assert isinstance(reply["body"], dict)
    return reply["body"]


def test_zzx_bytes_on_the_wire(zzx: tuple[Zzx, TcpHost]) -> None:
    _, host = zzx
    host.send(b'{"header":{"version":"1.0","device":"PC","id":"2"},"body":{}}\r\n')
    head = b'{"header":{"version":"1.0","id":2,"device":"ZZX2080"},'
    assert host.line() == head + b'"body":{"IDCode":"DSJ01"}}\r\n'


def test_zzx_says_every_value_as_text(zzx: tuple[Zzx, TcpHost]) -> None:
    face, host = zzx
    face.recorder.body.cards[0].capacity = 64 << 30
    right = {"password": "true"}
    assert tell(host, 1) == {"IDCode": "DSJ01"}
    assert tell(host, 8, password="000000") == right | {"battery": "77"}
    assert tell(host, 3, password="000000") == right | {
        "serial": "SIM0001",
        "policeNo": "000001",
        "policeName": "张三",
        "groupNo": "110000",
        "groupName": "一大队",
    }
    size = {"VideoWidth": "1920", "VideoHeight": "1080"}
    assert tell(host, 7, password="000000") == right | size
    storage = {"free": "65536", "total": "65536", "Result": "true"}
    assert tell(host, 18, password="000000") == right | storage
    serial = {"serialNum": "SIM0001", "Result": "true"}
    assert tell(host, 22, password="000000") == right | serial


def test_zzx_sets_milliseconds_and_reads_seconds(zzx: tuple[Zzx, TcpHost]) -> None:
    face, host = zzx
    # 2026-08-04T23:08:09Z, which its clock shows as 2026-08-05 07:08:09, eight hours east.
    done = {"password": "true", "Result": "true"}
    assert tell(host, 5, password="000000", Time="1785884889000") == done
    assert face.recorder.body.now() == SET_TO
    assert tell(host, 16, password="000000") == done | {"Time": "1785884889"}
    assert tell(host, 5, password="000000", Time="soon")["Result"] == "false"


def test_zzx_refuses_a_wrong_password_and_a_disk_while_it_records(
    zzx: tuple[Zzx, TcpHost],
) -> None:
    face, host = zzx
    told: list[int] = []
    face.recorder.on_disk = lambda: told.append(1)
    for number in (3, 5, 6, 7, 8, 16, 18, 22):
        assert tell(host, number, password="111111", Time="0") == {"password": "false"}
    face.recorder.recording = True
    assert tell(host, 6, password="000000") == {"password": "true", "Result": "false"}
    face.recorder.recording = False
    assert tell(host, 6, password="000000") == {"password": "true", "Result": "true"}
    assert told == [1]


def test_zzx_leaves_the_rest_unanswered_and_counts_its_dangers(zzx: tuple[Zzx, TcpHost]) -> None:
    face, host = zzx
    for line in (b"no json", b"[1]", b'{"header":{"id":"x"},"body":{}}', b'{"header":{"id":2}}'):
        host.send(line + b"\r\n")
    for number in (15, 17, 28, 77):
        host.send(b'{"header":{"id":"%d"},"body":{"password":"000000"}}\r\n' % number)
    assert tell(host, 1) == {"IDCode": "DSJ01"}
    assert face.dangers == ["15", "17", "28", "77"]


# AT.


@pytest.fixture
def at() -> Iterator[tuple[AtSerial, TtyHost]]:
    face = AtSerial(recorder())
    port = PtyPort(face)
    host = TtyHost(port.node)
    yield face, host
    host.close()
    port.unplug()


def test_at_echoes_until_it_is_told_not_to(at: tuple[AtSerial, TtyHost]) -> None:
    _, host = at
    assert host.ask("AT\r") == b"AT\r\r\nOK\r\n"
    assert host.ask("ATE0\r") == b"ATE0\r\r\nOK\r\n"
    assert host.ask("AT\r") == b"\r\nOK\r\n"


def test_at_answers_once_the_password_came(at: tuple[AtSerial, TtyHost]) -> None:
    face, host = at
    told: list[int] = []
    face.recorder.on_disk = lambda: told.append(1)
    host.ask("ATE0\r")
    for locked in ("AT+CBC", "AT+GSN", "AT+CCLK?", "AT+UDISKEN=1"):
        assert host.ask(f"{locked}\r") == b"\r\n+CME ERROR: 11\r\n"
    assert host.ask('AT+CPIN="999999"\r') == b"\r\n+CME ERROR: 16\r\n"
    assert host.ask('AT+CPIN="000000"\r') == b"\r\nOK\r\n"
    assert host.ask("AT+CBC\r") == b"\r\n+CBC: 0,77\r\n\r\nOK\r\n"
    assert host.ask("AT+GSN\r") == b"\r\nSIM0001\r\n\r\nOK\r\n"
    assert host.ask("AT+GMM\r") == b"\r\nSimulated Recorder\r\n\r\nOK\r\n"
    clock = b'\r\n+CCLK: "26/08/04,10:00:00+32"\r\n\r\nOK\r\n'
    assert host.ask("AT+CCLK?\r") == clock
    assert host.ask('AT+CCLK="26/08/05,07:08:09+32"\r') == b"\r\nOK\r\n"
    assert face.recorder.body.now() == SET_TO
    assert host.ask("AT+UDISKEN=1\r") == b"\r\nOK\r\n"
    assert told == [1]


def test_at_knows_its_dangers(at: tuple[AtSerial, TtyHost]) -> None:
    face, host = at
    host.ask("ATE0\r")
    dangers = ["AT&F", "ATZ", 'AT+CPWD="SC","0","1"', "AT+MKFS=1"]
    for danger in dangers:
        assert host.ask(f"{danger}\r") == b"\r\nERROR\r\n"
    assert face.dangers == dangers


# The port.


def test_a_connection_can_be_cut_in_the_middle_of_an_answer_and_the_next_one_is_welcome() -> None:
    port = TcpPort(E12(recorder()), cut_after=16)
    host = TcpHost(port)
    host.send(b"\x0a\0\0\0E12CMDS009")
    assert host.exactly(100) == b"\x0a\0\0\0E12DATR880\x05\0"
    host.close()
    host = TcpHost(port)
    assert ask(host, b"E12CMDF808", 1) == [b"E12CMDF809"]
    host.close()
    port.unplug()
    with pytest.raises(OSError, match="refused"):
        TcpHost(port)
