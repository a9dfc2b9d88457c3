"""Recorders that lie, babble, drip and fall silent: a typed error, in bounded time and memory."""

from __future__ import annotations

import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from random import Random

import pytest

from agent.errors import (
    RecorderBusy,
    RecorderError,
    RecorderGone,
    RecorderMisbehaved,
    RecorderRefused,
)
from agent.link.attached import Attached
from agent.recorder.control.dialect import answers, open_control
from hwsim.faces.zfy import BadAnswer, Function
from hwsim.faults import (
    AnswerFirst,
    BadData,
    BadResponse,
    Faults,
    NoAnswer,
    Repeat,
    ResponderFault,
    Stall,
)
from tests.dialects.families import ALL, HURRY, PORT, TCP, USB, docked, survive

FUNCTIONS = (Function.LOGIN, Function.READ_IDENTITY, Function.BATTERY, Function.BECOME_DISK)
ANSWERS: dict[str, BadAnswer] = {
    "nothing in it": BadAnswer(instead=b""),
    "one byte": BadAnswer(instead=b"\x80"),
    "NULs": BadAnswer(instead=bytes(300)),
    "escapes": BadAnswer(instead=b"\x1b[2J\x1b]0;x\x07\r\nOK"),
    "half of it": BadAnswer(cut=6),
    "noise": BadAnswer(garbage=True),
    "much more": BadAnswer(flood=900),
    "far too much": BadAnswer(flood=70_000),
    "an OK to something else": BadAnswer(instead=b"OK\r\n"),
    "deep JSON": BadAnswer(instead=b"[" * 900 + b"\r\n"),
    "a huge number": BadAnswer(instead=b'{"body":{"battery":' + b"9" * 900 + b"}}\r\n"),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("family", ALL)
def test_a_bad_answer(family: str, answer: str) -> None:
    turn = list(ANSWERS).index(answer) % len(FUNCTIONS)
    for function in FUNCTIONS if family in USB else FUNCTIONS[turn : turn + 1]:
        bad = replace(ANSWERS[answer], operation=function, times=None)
        with docked(family, faults=Faults(bad, seed=7), seconds=HURRY) as dock:
            started = time.monotonic()
            survive(dock)
            assert time.monotonic() - started < 5
            assert dock.face.dangers == []


@pytest.mark.parametrize("length", [0, 3, 5000, 2**31 - 1, 2**32 - 1])
def test_a_declared_length_is_not_believed(length: int) -> None:
    bad = BadAnswer(operation=Function.READ_IDENTITY, length=length, times=None)
    with docked("android-e12", faults=Faults(bad), seconds=HURRY) as dock:
        session = dock.open()
        tracemalloc.start()
        with pytest.raises((RecorderMisbehaved, RecorderGone, RecorderBusy)):
            session.identity()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 2**20


SCSI_FAULTS: tuple[ResponderFault, ...] = (
    BadResponse(transaction=1),
    BadResponse(kind=0x12345678),
    BadResponse(code=7),
    BadResponse(code=2),
    BadResponse(length=2**32 - 1),
    BadResponse(length=1),
    BadResponse(deliver=-1),
    BadResponse(deliver=5),
    BadResponse(deliver=-13),
    BadData(deliver=7),
    BadData(cut=3),
    NoAnswer(),
    AnswerFirst(),
    Repeat(),
)


@pytest.mark.parametrize("fault", SCSI_FAULTS, ids=repr)
def test_a_bad_status_is_found_and_the_device_recovers(fault: ResponderFault) -> None:
    """Command 0xFD; the next command after the trouble works, so the reset recovery was right."""
    with docked("jieli") as dock:
        session = dock.open()
        dock.faults.add(replace(fault, operation=0xFD))
        with suppress(RecorderMisbehaved, RecorderGone):
            session.identity()
        assert session.identity().serial == "SN-4217"


# Scripted peers: whatever a face would never say.


@contextmanager
def talker(say: Callable[[socket.socket], None]) -> Iterator[str]:
    """An address where `say` speaks, one connection after the other."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            try:
                client, _ = listener.accept()
            except TimeoutError:
                continue
            with client, suppress(OSError):
                say(client)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ended.set()
        thread.join()
        listener.close()


def babble(client: socket.socket) -> None:
    while True:
        client.sendall(b"A" * 65_536)


def drip(client: socket.socket) -> None:
    for _ in range(100):
        client.sendall(b"\n")
        time.sleep(0.02)


def say_busy_for_ever(client: socket.socket) -> None:
    client.recv(100)
    while True:
        client.sendall(b"\x0a\0\0\0E12DATR880")
        time.sleep(0.001)


def hang(client: socket.socket) -> None:
    client.recv(1000)
    client.recv(1000)


@pytest.mark.parametrize("say", [babble, drip, say_busy_for_ever, hang], ids=lambda f: f.__name__)
@pytest.mark.parametrize("family", TCP)
def test_a_peer_without_manners(family: str, say: Callable[[socket.socket], None]) -> None:
    with docked(family, seconds=HURRY) as dock, talker(say) as address:
        site = replace(dock.site, attached=Attached(PORT, address=address))
        started = time.monotonic()
        tracemalloc.start()
        with pytest.raises(RecorderError):
            open_control(site)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert time.monotonic() - started < 5
        assert peak < 4 * 2**20


@pytest.mark.parametrize("family", TCP)
def test_where_one_is_spoken_the_other_is_not(family: str) -> None:
    other = TCP[1 - TCP.index(family)]
    with docked(family) as dock, docked(other, seconds=HURRY) as guest:
        assert answers(guest.site)
        assert not answers(replace(guest.site, attached=dock.site.attached))


@pytest.mark.parametrize("family", ALL)
def test_random_answers_never_end_in_anything_but_a_typed_error(family: str) -> None:
    random = Random(f"{family} 1")
    for _ in range(4 if family not in USB else 60):
        raw = random.randbytes(random.randrange(200))
        bad = BadAnswer(operation=random.choice(FUNCTIONS), instead=raw, times=None)
        with docked(family, faults=Faults(bad), seconds=HURRY) as dock:
            survive(dock)


def e12(text: bytes) -> bytes:
    return len(text).to_bytes(4, "little") + text


def answer_late(client: socket.socket) -> None:
    """Every question is answered, but the second asking is answered for the first one too."""
    asked: list[bytes] = []
    while data := client.recv(100):
        word = data[4:]
        asked.append(word)
        client.sendall(e12(b"E12DATR880"))
        if word == b"E12CMDS007" and asked.count(word) == 2:
            client.sendall(e12(b"87"))
            time.sleep(0.02)
            client.sendall(e12(b"88"))
        elif word != b"E12CMDS007":
            told = {b"E12CMDS010": b"000000", b"E12CMDS006": b"1920*1080"}
            client.sendall(e12(told[word]))


def test_a_late_answer_is_not_taken_for_another_one() -> None:
    with docked("android-e12") as dock, talker(answer_late) as address:
        session = open_control(replace(dock.site, attached=Attached(PORT, address=address)))
        try:
            assert session.health().battery_percent == 87
            assert session.resolution() == (1920, 1080)
        finally:
            session.close()


def test_a_refusal_is_told_from_a_breach() -> None:
    with docked("ambarella-a") as dock:
        session = dock.open()
        dock.faults.add(Stall(at=dock.faults.transfers))
        with pytest.raises(RecorderRefused):
            session.identity()
