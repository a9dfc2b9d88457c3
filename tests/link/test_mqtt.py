"""`MqttLink` against a real Mosquitto, on a real and on a broken network."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from statistics import median

import pytest

from agent.link.mqtt import Arrived, BrokerSettings, Connected, Event, Lost, MqttLink
from agent.link.mqtt_version import Protocol
from hwsim.broker import Broker, start_broker
from hwsim.net import TcpLink

OFF, BYE = ("w/a", b"off"), ("w/a", b"bye")
Start = Callable[..., MqttLink]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    running = start_broker(kind="mosquitto", folder=tmp_path_factory.mktemp("broker"))
    yield running
    running.stop()


@pytest.fixture
def start(seed: int) -> Iterator[Start]:
    """Makes started links and stops them."""
    links: list[MqttLink] = []

    def make(
        where: Broker | TcpLink,
        name: str = "a",
        *,
        port: int | None = None,
        protocol: Protocol = "auto",
        keepalive: int = 30,
        inbox_limit: int = 256,
    ) -> MqttLink:
        link = MqttLink(
            BrokerSettings(
                host=where.host, port=port or where.port, protocol=protocol, keepalive=keepalive
            ),
            client_id=name,
            subscriptions=["w/+"] if name == "watcher" else [f"t/{name}/#"],
            will=OFF if name == "a" else None,
            inbox_limit=inbox_limit,
            random=Random(seed),
        )
        link.start()
        links.append(link)
        return link

    yield make
    for link in links:
        link.stop()


def await_event(link: MqttLink, kind: type[Event] | bytes, seconds: float = 20.0) -> Event:
    """The next event of a kind, or the next message with a payload."""
    until = time.monotonic() + seconds
    seen: list[Event] = []
    while time.monotonic() < until:
        event = link.next(0.5)
        if event is None:
            continue
        seen.append(event)
        if isinstance(event, Arrived) and event.payload == kind:
            return event
        if isinstance(kind, type) and isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind!r} in {seconds} s, only {seen}")


@pytest.mark.parametrize(("protocol", "version"), [("auto", 5), ("5", 5), ("3.1.1", 4)])
def test_messages_go_both_ways(
    broker: Broker, start: Start, protocol: Protocol, version: int
) -> None:
    link, other = start(broker, "a", protocol=protocol), start(broker, "b", protocol=protocol)
    for each in (link, other):
        connected = await_event(each, Connected)
        assert isinstance(connected, Connected)
        assert connected.version == version
    assert link.publish("t/b/x", b"there")
    assert await_event(other, b"there") == Arrived("t/b/x", b"there", retained=False)
    assert other.publish("t/a/x", b"", qos=0)
    assert await_event(link, b"") == Arrived("t/a/x", b"", retained=False)
    assert eventually(lambda: link.pending == other.pending == 0)


def test_nothing_is_queued_while_offline(start: Start, tmp_path: Path) -> None:
    broker = start_broker(kind="mosquitto", folder=tmp_path)
    link = start(broker)
    assert not link.publish("t/b/x", b"too early")
    await_event(link, Connected)
    broker.kill()
    lost = await_event(link, Lost)
    assert isinstance(lost, Lost)
    assert lost.reason
    for _ in range(100):
        assert not link.publish("t/b/x", b"never sent")
    assert link.pending == 0
    broker.restart()
    listener = start(broker, "b")
    await_event(listener, Connected)
    await_event(link, Connected)
    assert link.publish("t/b/x", b"sent")
    assert await_event(listener, Arrived) == Arrived("t/b/x", b"sent", retained=False)
    broker.stop()


def test_what_a_killed_broker_had_not_acknowledged_is_forgotten(
    start: Start, tmp_path: Path
) -> None:
    broker = start_broker(kind="mosquitto", folder=tmp_path)
    net = TcpLink(broker.host, broker.port)
    link = start(net)
    await_event(link, Connected)
    net.stall()
    for _ in range(50):
        assert link.publish("t/b/x", bytes(100_000))
    assert link.pending == 50
    net.cut()
    await_event(link, Lost)
    assert link.pending == 0
    net.mend()
    listener = start(broker, "b")
    await_event(listener, Connected)
    await_event(link, Connected)
    link.publish("t/b/x", b"first")
    assert await_event(listener, Arrived) == Arrived("t/b/x", b"first", retained=False)
    net.stop()
    broker.stop()


def test_a_cut_link_leaves_the_will_and_comes_back(broker: Broker, start: Start) -> None:
    net = TcpLink(broker.host, broker.port)
    watcher = start(broker, "watcher")
    await_event(watcher, Connected)
    link = start(net)
    await_event(link, Connected)
    net.cut()
    assert await_event(watcher, b"off") == Arrived("w/a", b"off", retained=False)
    await_event(link, Lost)
    net.mend()
    await_event(link, Connected)
    watcher.stop()
    late = start(broker, "watcher")
    assert await_event(late, Arrived) == Arrived("w/a", b"off", retained=True)
    net.stop()


def test_a_farewell_takes_the_place_of_the_will(broker: Broker, start: Start) -> None:
    link = start(broker)
    await_event(link, Connected)
    began = time.monotonic()
    link.stop(BYE)
    assert time.monotonic() - began < 5
    late = start(broker, "watcher")
    assert await_event(late, Arrived) == Arrived("w/a", b"bye", retained=True)


def test_a_silent_network_is_noticed(broker: Broker, start: Start) -> None:
    net = TcpLink(broker.host, broker.port)
    link = start(net, keepalive=1)
    await_event(link, Connected)
    net.stall()
    began = time.monotonic()
    await_event(link, Lost)
    assert time.monotonic() - began < 5
    net.mend()
    await_event(link, Connected)
    net.stop()


def test_stopping_is_quick_on_a_silent_network(broker: Broker, start: Start) -> None:
    net = TcpLink(broker.host, broker.port)
    link = start(net)
    await_event(link, Connected)
    net.stall()
    link.publish("t/b/x", bytes(500_000))
    began = time.monotonic()
    link.stop(BYE)
    assert time.monotonic() - began < 8
    net.stop()


def test_what_is_over_the_brokers_limit_is_never_sent(start: Start, tmp_path: Path) -> None:
    limit = 300_000
    settings = [f"max_packet_size {limit}"]
    broker = start_broker(kind="mosquitto", folder=tmp_path, settings=settings)
    link, other = start(broker), start(broker, "b")
    assert await_event(link, Connected) == Connected(5, limit)
    await_event(other, Connected)
    assert not link.publish("t/b/x", bytes(limit))
    assert link.pending == 0
    fits = limit - len("t/b/x") - 10
    assert link.publish("t/b/x", bytes(fits))
    assert await_event(other, bytes(fits))
    broker.stop()


def test_nothing_over_a_mebibyte_is_sent_to_anybody(broker: Broker, start: Start) -> None:
    link = start(broker)
    await_event(link, Connected)
    assert not link.publish("t/b/x", bytes(2**20))
    assert link.pending == 0


def test_a_refusal_is_told_and_tried_again(start: Start, tmp_path: Path) -> None:
    settings = ["allow_anonymous false"]
    broker = start_broker(kind="mosquitto", folder=tmp_path, settings=settings)
    link = start(broker)
    for _ in range(2):
        lost = await_event(link, Lost)
        assert isinstance(lost, Lost)
        assert "refuses us" in lost.reason
    broker.stop()


def test_a_broker_that_knows_only_3_1_1_is_found_out(start: Start, tmp_path: Path) -> None:
    broker = start_broker(kind="embedded", folder=tmp_path)
    link = start(broker, port=broker.port_311)
    connected = await_event(link, Connected)
    assert isinstance(connected, Connected)
    assert connected.version == 4
    broker.stop()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_chunks_pass_the_embedded_broker(start: Start, tmp_path: Path, protocol: Protocol) -> None:
    broker = start_broker(kind="embedded", folder=tmp_path)
    port = broker.port if protocol == "5" else broker.port_311
    link = start(broker, "a", port=port, protocol=protocol)
    other = start(broker, "b", port=port, protocol=protocol)
    await_event(link, Connected)
    await_event(other, Connected)
    chunk = bytes(256 * 1024 + 44)
    for _ in range(100):
        assert eventually(lambda: link.pending < 8)
        assert link.publish("t/b/chunk", chunk)
        assert await_event(other, chunk)
    broker.stop()


def test_a_full_inbox_holds_the_broker_back_and_loses_nothing(broker: Broker, start: Start) -> None:
    slow = start(broker, "b", inbox_limit=4)
    link = start(broker)
    await_event(slow, Connected)
    await_event(link, Connected)
    payloads = [b"%d" % number * 100 for number in range(500)]
    for payload in payloads:
        assert eventually(lambda: link.pending < 15)
        assert link.publish("t/b/x", payload)
    arrived = [event for _ in payloads if isinstance(event := slow.next(10), Arrived)]
    assert [event.payload for event in arrived] == payloads


def test_a_link_whose_inbox_nobody_reads_can_be_stopped(broker: Broker, start: Start) -> None:
    full, link = start(broker, "b", inbox_limit=2), start(broker)
    await_event(link, Connected)
    await_event(full, Connected)
    for _ in range(20):
        assert link.publish("t/b/x", b"1")
    assert eventually(lambda: link.pending == 0)
    began = time.monotonic()
    full.stop(("w/b", b"bye"))
    assert time.monotonic() - began < 5


def test_waking_and_acknowledgements_end_a_wait(broker: Broker, start: Start) -> None:
    link = start(broker)
    await_event(link, Connected)
    while link.next(0.3):
        pass
    began = time.monotonic()
    link.wake()
    assert link.next(30) is None
    for _ in range(12):
        link.publish("t/b/x", bytes(10_000))
    assert link.next(30) is None
    assert time.monotonic() - began < 10
    assert link.pending <= 4


def test_delayed_acknowledgements_of_tcp_do_not_hold_chunks_up(
    broker: Broker, start: Start
) -> None:
    """With them, and Nagle's algorithm in the broker, every few chunks take 40 ms or more."""
    link = start(broker)
    await_event(link, Connected)
    took: list[float] = []
    for _ in range(80):
        began = time.monotonic()
        while link.pending < 8:
            assert link.publish("t/b/x", bytes(256 * 1024))
        while link.pending > 4:
            link.next(1)
        took.append(time.monotonic() - began)
    assert median(took) < 0.025


def eventually(what: Callable[[], bool], seconds: float = 20.0) -> bool:
    until = time.monotonic() + seconds
    while not what():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True
