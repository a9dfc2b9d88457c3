"""`MqttLink` against brokers that break the rules: it stays alive, bounded, and tries again."""

from __future__ import annotations

import socket
import struct
import tracemalloc
from random import Random
from threading import Event as Flag

import pytest

from agent.errors import BrokerUnreachable
from agent.link.inbox import Inbox
from agent.link.mqtt import Arrived, BrokerSettings, Connected, Event, Lost, MqttLink
from agent.link.mqtt_version import Version
from agent.link.paho_connection import PahoConnection

from .scripted import (
    CONNACK_4,
    CONNACK_5,
    ScriptedBroker,
    length,
    packet,
    publish,
    read_packet,
    version_of,
)

MIB = 1024 * 1024


def link_to(broker: ScriptedBroker, *, subscribe: bool = False) -> MqttLink:
    link = MqttLink(
        BrokerSettings(host="127.0.0.1", port=broker.port),
        client_id="a",
        subscriptions=["t"] if subscribe else [],
        will=None,
        random=Random(1),
    )
    link.start()
    return link


def events(link: MqttLink, count: int) -> list[Event]:
    """So many events, each within some seconds."""
    found: list[Event] = []
    for _ in range(count):
        while (event := link.next(20)) is None:
            pass
        found.append(event)
    return found


def wait_for_end(sock: socket.socket) -> None:
    """Until the other side closes."""
    while sock.recv(65_536):
        pass


@pytest.mark.parametrize("refusal", [b"\x20\x03\x00\x84\x00", b"\x20\x02\x00\x01", b""])
def test_a_broker_without_version_5_is_met_with_3_1_1_and_remembered(refusal: bytes) -> None:
    """It says so in version 5's words, in 3.1.1's, or closes without a word."""
    hang_up = Flag()

    def script(sock: socket.socket, hello: bytes) -> None:
        if version_of(hello) == 5:
            sock.sendall(refusal)
        else:
            sock.sendall(CONNACK_4)
            hang_up.wait(20)

    with ScriptedBroker(script) as broker:
        link = link_to(broker)
        lost, connected = events(link, 2)
        assert isinstance(lost, Lost)
        assert connected == Connected(4, None)
        hang_up.set()
        assert [type(event) for event in events(link, 2)] == [Lost, Connected]
        link.stop()
    assert [version_of(hello) for hello in broker.connects] == [5, 4, 4]


def test_a_broker_that_only_starts_slowly_is_met_with_version_5_in_the_end() -> None:
    def script(sock: socket.socket, hello: bytes) -> None:
        if len(broker.connects) > 2:
            sock.sendall(CONNACK_5)
            wait_for_end(sock)

    with ScriptedBroker(script) as broker:
        link = link_to(broker)
        assert events(link, 3)[-1] == Connected(5, None)
        link.stop()
    assert [version_of(hello) for hello in broker.connects] == [5, 4, 5]


def test_the_brokers_limits_are_obeyed() -> None:
    """Receive Maximum 3 and Maximum Packet Size 1,000; it never acknowledges."""
    seen: list[bytes] = []
    idle = Flag()

    def script(sock: socket.socket, _hello: bytes) -> None:
        sock.sendall(packet(0x20, b"\0\0" + b"\x08" + b"\x21\0\x03" + b"\x27\0\0\x03\xe8"))
        sock.settimeout(1.0)
        try:
            while True:
                seen.append(read_packet(sock))
        except TimeoutError:
            idle.set()
        sock.settimeout(20)
        wait_for_end(sock)

    with ScriptedBroker(script) as broker:
        link = link_to(broker)
        assert events(link, 1) == [Connected(5, 1000)]
        assert not link.publish("t", bytes(1000))
        for _ in range(10):
            assert link.publish("t", bytes(989))
        assert link.pending == 10
        assert idle.wait(20)
        assert len(seen) == 3
        link.stop()


def test_nothing_is_taken_before_the_broker_lets_us_in() -> None:
    greeted = Flag()

    def script(sock: socket.socket, _hello: bytes) -> None:
        greeted.set()
        wait_for_end(sock)

    with ScriptedBroker(script) as broker:
        link = link_to(broker)
        assert greeted.wait(20)
        assert not link.publish("t", b"too early")
        assert link.pending == 0
        link.stop()


def test_a_refused_subscription_ends_the_connection_with_the_reason() -> None:
    def script(sock: socket.socket, _hello: bytes) -> None:
        sock.sendall(CONNACK_5)
        subscribe = read_packet(sock)
        sock.sendall(packet(0x90, subscribe[1:3] + b"\0" + b"\x87"))
        wait_for_end(sock)

    with ScriptedBroker(script) as broker:
        link = link_to(broker, subscribe=True)
        (lost,) = events(link, 1)
        assert isinstance(lost, Lost)
        assert "subscription to t" in lost.reason
        link.stop()


def test_what_was_kept_may_come_before_the_suback() -> None:
    def script(sock: socket.socket, _hello: bytes) -> None:
        sock.sendall(CONNACK_5)
        subscribe = read_packet(sock)
        sock.sendall(publish("t", b"kept") + packet(0x90, subscribe[1:3] + b"\0" + b"\x01"))
        wait_for_end(sock)

    with ScriptedBroker(script) as broker:
        link = link_to(broker, subscribe=True)
        assert events(link, 2) == [Connected(5, None), Arrived("t", b"kept", retained=False)]
        link.stop()


def test_messages_that_are_too_long_are_dropped_in_bounded_memory() -> None:
    big = 64 * MIB
    done = Flag()

    def script(sock: socket.socket, hello: bytes) -> None:
        assert b"\x27" in hello, "version 5 announces what we take"
        sock.sendall(CONNACK_5)
        head = b"\0\x01t\0"
        sock.sendall(b"\x30" + length(len(head) + big) + head)
        for _ in range(big // MIB):
            sock.sendall(bytes(MIB))
        sock.sendall(publish("t", bytes(2 * MIB + 1)) + publish("t", b"after"))
        done.wait(30)

    with ScriptedBroker(script) as broker:
        tracemalloc.start()
        link = link_to(broker)
        assert events(link, 2) == [Connected(5, None), Arrived("t", b"after", retained=False)]
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        done.set()
        link.stop()
    assert peak < 16 * MIB


def test_a_length_that_never_comes_costs_nothing() -> None:
    def script(sock: socket.socket, _hello: bytes) -> None:
        sock.sendall(CONNACK_5 + b"\x30\xff\xff\xff\x7f" + b"\0\x01t\0")
        wait_for_end(sock)

    with ScriptedBroker(script) as broker:
        tracemalloc.start()
        link = link_to(broker)
        events(link, 1)
        assert link.next(0.3) is None
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        link.stop()
    assert peak < 4 * MIB


def test_a_flood_that_nobody_reads_stays_bounded() -> None:
    done = Flag()

    def script(sock: socket.socket, _hello: bytes) -> None:
        sock.sendall(CONNACK_5)
        sock.settimeout(1.0)
        try:
            while True:
                sock.sendall(publish("t", bytes(MIB)))
        except TimeoutError:  # our side stopped reading
            done.set()

    with ScriptedBroker(script) as broker:
        tracemalloc.start()
        link = link_to(broker)
        assert done.wait(20)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        link.stop()
    assert peak < 24 * MIB


def some_bytes(random: Random) -> bytes:
    """What a mad broker may say after, or instead of, CONNACK."""
    kinds = [
        lambda: random.randbytes(random.randrange(1, 200)),
        lambda: packet(random.randrange(256), random.randbytes(random.randrange(20))),
        lambda: CONNACK_5 + packet(random.randrange(256), random.randbytes(random.randrange(40))),
        lambda: packet(0x20, random.randbytes(random.randrange(30))),
        lambda: CONNACK_5 + publish("t/+/#", b"") + packet(0x32, b"\0\x02\xff\xfe\0\x01\0"),
        lambda: CONNACK_5 + packet(0x40, random.randbytes(random.randrange(8))),
        lambda: CONNACK_5 + b"\x30\xff\xff\xff\xff\xff",
        lambda: CONNACK_5 + packet(0x90, random.randbytes(random.randrange(6))),
        lambda: CONNACK_5 + packet(0xE0, random.randbytes(random.randrange(6))),
    ]
    return b"".join(random.choice(kinds)() for _ in range(random.randrange(1, 4)))


def turn_until_it_ends(connection: PahoConnection) -> None:
    for _ in range(200):
        connection.turn(5)


def test_whatever_a_broker_says_ends_in_one_error_of_ours(seed: int) -> None:
    random = Random(seed)

    def script(sock: socket.socket, _hello: bytes) -> None:
        sock.sendall(some_bytes(random))

    with ScriptedBroker(script) as broker:
        settings = BrokerSettings(host="127.0.0.1", port=broker.port)
        for number in range(400):
            inbox: Inbox[Event] = Inbox(1000, MIB)
            version: Version = 4 if number % 3 == 0 else 5
            connection = PahoConnection(settings, version, "a", ["t"], None, inbox)
            try:
                connection.open()
                with pytest.raises(BrokerUnreachable):
                    turn_until_it_ends(connection)
                assert not connection.publish("t", b"", retain=False, qos=1)
            finally:
                connection.close()


def test_whatever_paho_raises_ends_the_connection_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Older releases of paho let struct.error, IndexError and others out of their parsers."""
    real = PahoConnection._turn
    raised = Flag()

    def fails_once(self: PahoConnection, timeout: float) -> None:
        if raised.is_set():
            return real(self, timeout)
        raised.set()
        raise struct.error("too short")

    monkeypatch.setattr(PahoConnection, "_turn", fails_once)

    def script(sock: socket.socket, _hello: bytes) -> None:
        sock.sendall(CONNACK_5)
        wait_for_end(sock)

    with ScriptedBroker(script) as broker:
        link = link_to(broker)
        lost, _ = events(link, 2)
        assert lost == Lost("the broker broke MQTT (error)")
        link.stop()


def test_the_link_outlives_a_broker_that_talks_nonsense(seed: int) -> None:
    random = Random(seed)

    def script(sock: socket.socket, _hello: bytes) -> None:
        if len(broker.connects) > 2:
            sock.sendall(CONNACK_5)
            wait_for_end(sock)
        else:
            sock.sendall(b"\x20\x03\x00\x00\x00\x90\x01\x00" + random.randbytes(50))

    with ScriptedBroker(script) as broker:
        link = link_to(broker)
        while not isinstance(event := events(link, 1)[0], Connected) or len(broker.connects) < 3:
            assert event is not None
        assert link.publish("t", b"works")
        link.stop()
