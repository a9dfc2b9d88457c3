"""Clients that break the protocol: each is cut off with a word, and the others never notice."""

from __future__ import annotations

import errno
import struct
import threading
from random import Random

import pytest

from hwsim.card import InMemory
from hwsim.faces.bulk_only import BulkOnlyFace
from hwsim.ports.usb_memory import MemoryBus
from hwsim.ports.usbip_connection import MOST_PENDING
from hwsim.ports.usbip_server import MOST_CLIENTS, UsbipServer
from hwsim.ports.usbip_wire import MOST_TRANSFER

from .disk_host import INQUIRY, cbw
from .usbip_client import Client, says, served

IMAGE = bytes(512 * 8)


def still_serves(server: UsbipServer, port: str = "1-1.3") -> None:
    """Somebody decent is served as ever."""
    with Client(server.port) as client:
        assert client.attach(port) == 0
        client.submit(0x01, 31, cbw(INQUIRY, 36, reads=True))
        assert client.reply().status == 0
        client.submit(0x81, 36)
        assert client.reply().data[8:16] == b"Bodydock"


def two_disks() -> tuple[BulkOnlyFace, BulkOnlyFace]:
    return BulkOnlyFace(InMemory(IMAGE)), BulkOnlyFace(InMemory(IMAGE))


FIRST_WORDS = {
    "another version": struct.pack(">HHI", 0x0106, 0x8005, 0),
    "an unknown request": struct.pack(">HHI", 0x0111, 0x8004, 0),
    "a bus id without end": struct.pack(">HHI32s", 0x0111, 0x8003, 0, b"1" * 32),
    "a bus id that is no text": struct.pack(">HHI32s", 0x0111, 0x8003, 0, b"\xff\xfe"),
    "something after the bus id": struct.pack(">HHI32s", 0x0111, 0x8003, 0, b"1-1.2\0x"),
    "another protocol": b"GET / HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("words", FIRST_WORDS.values(), ids=FIRST_WORDS)
def test_first_words_that_are_none(words: bytes) -> None:
    with served(*two_disks()) as (_, server, told):
        with Client(server.port) as client:
            client.socket.sendall(words)
            assert client.ended()
        assert says(told, "is cut off")
        still_serves(server)


@pytest.mark.parametrize("bus_id", ["1-1.9", "", "../../etc/passwd"])
def test_a_device_that_is_not_there(bus_id: str) -> None:
    with served(*two_disks()) as (_, server, _):
        with Client(server.port) as client:
            assert client.attach(bus_id) == 4
            assert client.ended()
        still_serves(server)


def header(*words: int) -> bytes:
    return struct.pack(">10I", *words) + bytes(8)


COMMANDS = {
    "an unknown command": header(9, 1, 0, 0, 0, 0, 0, 0, 0, 0),
    "a reply": header(3, 1, 0, 0, 0, 0, 0, 0, 0, 0),
    "the most to send": header(1, 1, 0, 0, 1, 0, 2**32 - 1, 0, 0, 0),
    "the most to receive": header(1, 1, 0, 1, 1, 0, 2**32 - 1, 0, 0, 0),
    "a little too much": header(1, 1, 0, 1, 1, 0, MOST_TRANSFER + 1, 0, 0, 0),
    "an isochronous transfer": header(1, 1, 0, 1, 1, 0, 64, 0, 8, 0),
    "a direction that is none": header(1, 1, 0, 2, 1, 0, 64, 0, 0, 0),
    "an endpoint that is none": header(1, 1, 0, 1, 16, 0, 64, 0, 0, 0),
    "one number twice": header(1, 7, 0, 1, 1, 0, 64, 0, 0, 0) * 2,
    "too many bytes at once": b"".join(
        header(1, n, 0, 1, 1, 0, MOST_TRANSFER, 0, 0, 0) for n in range(3)
    ),
    "too many transfers at once": b"".join(
        header(1, n, 0, 1, 1, 0, 64, 0, 0, 0) for n in range(MOST_PENDING + 1)
    ),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_commands_that_cannot_be(command: bytes) -> None:
    with served(*two_disks()) as (bus, server, told):
        with Client(server.port) as client:
            assert client.attach() == 0
            client.socket.sendall(command)
            assert client.ended()
        assert says(told, "is cut off")
        still_serves(server)
        assert bus.at("1-1.2") is not None


def test_an_endpoint_that_the_device_has_not() -> None:
    with served(*two_disks()) as (_, server, _), Client(server.port) as client:
        assert client.attach() == 0
        for endpoint in (0x02, 0x82, 0x8F):
            client.submit(endpoint, 8, bytes(0 if endpoint & 0x80 else 8))
            assert client.reply().status == -errno.ENOENT
        client.unlink(4_000_000)
        assert client.reply().status == 0


@pytest.mark.parametrize("cut", [4, 8, 20, 39, 40])
def test_a_client_that_leaves_in_the_middle_of_a_word(cut: int) -> None:
    with served(*two_disks()) as (_, server, _):
        with Client(server.port) as client:
            client.socket.sendall(struct.pack(">HHI32s", 0x0111, 0x8003, 0, b"1-1.2")[:cut])
        with Client(server.port) as client:
            assert client.attach("1-1.3") == 0
            client.socket.sendall(header(1, 1, 0, 0, 1, 0, 31, 0, 0, 0)[:cut])


def test_a_client_that_says_nothing_is_not_waited_for() -> None:
    bus, told = MemoryBus(live=True), list[str]()
    with (
        UsbipServer(bus, tell=told.append, patience=0.05) as server,
        Client(server.port) as client,
    ):
        assert client.ended()
    assert "silent" in told[0]


def test_there_are_only_so_many_clients() -> None:
    with served(*two_disks()) as (_, server, told):
        crowd = [Client(server.port) for _ in range(MOST_CLIENTS + 5)]
        assert all(client.ended() for client in crowd[MOST_CLIENTS:])
        for client in crowd:
            client.close()
        assert sum("too many" in line for line in told) == 5


def ask_for_ever(client: Client) -> None:
    while True:
        client.submit(0x80, 18, setup=bytes.fromhex("8006000100001200"))


def test_a_client_that_does_not_read_holds_up_no_other() -> None:
    with served(*two_disks()) as (_, server, _), Client(server.port) as client:
        assert client.attach() == 0
        client.socket.settimeout(0.2)
        with pytest.raises(OSError, match=r"timed out|reset|Broken"):
            ask_for_ever(client)
        still_serves(server)


def test_noise_of_any_kind(seed: int) -> None:
    random = Random(seed)
    with served(*two_disks()) as (_, server, _):
        for _ in range(40):
            with Client(server.port) as client:
                if random.random() < 0.5:
                    client.attach()
                try:
                    for _ in range(random.randrange(1, 20)):
                        client.socket.sendall(_noise(random))
                except ConnectionError:
                    continue
        still_serves(server)


def _noise(random: Random) -> bytes:
    """A command with some words changed, or nothing like one."""
    if random.random() < 0.2:
        return random.randbytes(random.randrange(1, 200))
    size, edges = random.choice((0, 13, 31, 64)), (0, 1, 2**31, 2**32 - 1)
    way, endpoint, number = random.randrange(2), random.randrange(4), random.randrange(50)
    words = [random.choice((1, 2)), number, 0, way, endpoint, 0, size, 0, 0, 0]
    for _ in range(random.randrange(2)):
        words[random.randrange(10)] = random.choice((*edges, random.getrandbits(32)))
    return struct.pack(">10I", *words) + random.randbytes(8 + words[6] % 65)


def test_closing_the_server_ends_every_thread_and_client() -> None:
    before = threading.active_count()
    bus = MemoryBus(live=True)
    bus.plug("1-1.2", BulkOnlyFace(InMemory(IMAGE)))
    server = UsbipServer(bus)
    clients = [Client(server.port) for _ in range(5)]
    assert clients[0].attach() == 0
    clients[0].submit(0x81, 64)
    server.close()
    assert all(client.ended() for client in clients)
    assert threading.active_count() == before
    for client in clients:
        client.close()
