"""One MQTT connection through paho, used as a transport. The only importer of paho.

What paho would do by itself, and what is done here instead:

- It keeps a queue in memory and fills it while offline: here every connection is a new paho
  client with a clean start, and `publish` is refused unless connected.
- It dies of an exception in a callback while `is_connected()` stays true: here the thread is not
  paho's, a callback only puts events into a bounded inbox, and whatever paho raises ends the
  connection and nothing else.
- It collects any length that a broker declares: here the packet under way is bounded.
"""

from __future__ import annotations

import logging
import select
import struct
import time
from collections.abc import Sequence
from threading import Lock

from paho.mqtt import MQTTException
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.errors import BrokerUnreachable
from agent.link.bell import Bell
from agent.link.inbox import Inbox
from agent.link.mqtt_events import Arrived, BrokerSettings, Connected, Event
from agent.link.mqtt_version import Fate, Version
from agent.link.tcp import acknowledge_at_once, tune
from agent.model import printable

log = logging.getLogger(__name__)

PAYLOAD_LIMIT = 2 * 1024 * 1024
"""Bytes; a longer payload is dropped."""
PACKET_LIMIT = 1024 * 1024
"""Bytes of one MQTT packet that we send, where the broker does not announce less."""
IN_FLIGHT = 20
"""Messages on the wire without PUBACK, where the broker's Receive Maximum is not less."""
LOW_WATER = 4
"""The inbox is woken when `pending` falls to this, so that its reader can publish more."""
CONNECT_SECONDS = 5.0
FAREWELL_SECONDS = 2.0

_CONNACK_SECONDS = 10.0
_IN_PACKET = PAYLOAD_LIMIT + 128 * 1024  # topic and properties beside the payload
_READ_AT_ONCE = 256 * 1024
_HEADERS = 10  # type and length 5, topic length 2, packet id 2, no properties 1
_WRONG_VERSION = 0x84
# What paho 2 can raise on bytes from a broker that does not keep the protocol.
_PAHO_RAISES = (
    ArithmeticError, AttributeError, LookupError, MemoryError, OSError, RuntimeError, TypeError,
    ValueError, MQTTException, struct.error,
)  # fmt: skip


class _Client(paho.Client):
    """paho, with its reading bounded and the broker's Receive Maximum obeyed."""

    def _sock_recv(self, bufsize: int) -> bytes:
        # paho asks for as much as the broker declares and collects it, up to 256 MiB. A packet
        # over the limit is cut here, and dropped for its length when it is whole.
        del self._in_packet["packet"][_IN_PACKET:]
        return super()._sock_recv(min(bufsize, _READ_AT_ONCE))

    def limit_in_flight(self, count: int) -> None:
        # The public setter refuses once connected, but only CONNACK tells the number. Nothing has
        # been published by then, and it never becomes 0, which is what the refusal is about.
        self._max_inflight_messages = max(1, count)

    def abandon(self) -> None:
        self._sock_close()


class PahoConnection:
    """From CONNECT to its loss. `publish`, `wake` and `pending` are safe from any thread.

    `open`, `turn`, `leave` and `close` belong to one thread; the first three raise
    `BrokerUnreachable` with the reason once there is no connection.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        version: Version,
        client_id: str,
        subscriptions: Sequence[str],
        will: tuple[str, bytes] | None,
        inbox: Inbox[Event],
    ) -> None:
        self._settings = settings
        self._version: Version = version
        self._subscriptions = subscriptions
        self._inbox = inbox
        self._packet_limit = PACKET_LIMIT
        self._announced: Connected | None = None
        self._up = False
        self._end = ""
        self._deadline = 0.0
        self._complained: set[object] = set()
        self._lock = Lock()
        self.pending = 0
        self.fate = Fate.UNREACHED
        self._bell = Bell()
        self._poll = select.poll()
        self._poll.register(self._bell, select.POLLIN)
        self._client = self._make_client(client_id, will)

    def _make_client(self, client_id: str, will: tuple[str, bytes] | None) -> _Client:
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=True if self._version == 4 else None,
            protocol=MQTTProtocolVersion(self._version),
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_SECONDS
        if self._settings.username is not None:
            client.username_pw_set(self._settings.username, self._settings.password)
        if will is not None:
            client.will_set(will[0], will[1], qos=1, retain=True)
        client.on_socket_open = lambda _c, _d, sock: tune(sock)
        # With this set, a thread that publishes never writes to the socket itself.
        client.on_socket_register_write = lambda *_: None
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def open(self) -> None:
        """Connect the socket and send CONNECT; `Connected` comes through the inbox."""
        self._deadline = time.monotonic() + CONNECT_SECONDS + _CONNACK_SECONDS
        host, port, keepalive = self._settings.host, self._settings.port, self._settings.keepalive
        try:
            if self._version == 5:
                wanted = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
                wanted.MaximumPacketSize = _IN_PACKET
                self._client.connect(host, port, keepalive, clean_start=True, properties=wanted)
            else:
                self._client.connect(host, port, keepalive)
        except (OSError, ValueError) as error:
            raise BrokerUnreachable(f"{host}:{port}: {error}") from error
        self.fate = Fate.SILENT

    def turn(self, timeout: float) -> None:
        """Move bytes both ways, waiting up to `timeout` seconds for something to do."""
        try:
            self._turn(timeout)
        except _PAHO_RAISES as error:
            raise BrokerUnreachable(f"the broker broke MQTT ({type(error).__name__})") from error
        if not self._up and time.monotonic() > self._deadline:
            self._end = self._end or f"no answer to CONNECT in {_CONNACK_SECONDS:.0f} s"
        if self._end:
            raise BrokerUnreachable(self._end)

    def _turn(self, timeout: float) -> None:
        sock = self._client.socket()
        if sock is None:
            self._end = self._end or "the connection ended"
            return
        wanted = select.POLLIN | (select.POLLOUT if self._client.want_write() else 0)
        self._poll.register(sock.fileno(), wanted)
        happened = dict(self._poll.poll(timeout * 1000))
        if self._bell.fileno() in happened:
            self._bell.hush()
        flags = happened.get(sock.fileno(), 0)
        if flags & ~select.POLLOUT:
            acknowledge_at_once(sock)
            self._client.loop_read()
        if flags & select.POLLOUT:
            self._client.loop_write()
        self._client.loop_misc()

    def leave(self, farewell: tuple[str, bytes] | None) -> None:
        """Publish `farewell` retained and disconnect, so that the broker drops the will."""
        if not self._up:
            return
        until = time.monotonic() + FAREWELL_SECONDS
        if farewell is not None:
            self.publish(*farewell, retain=True, qos=1)
        while self.pending and time.monotonic() < until:
            self.turn(0.1)
        if not self.pending:
            self._client.disconnect()
        while self._client.want_write() and time.monotonic() < until + 1.0:
            self.turn(0.1)

    def close(self) -> None:
        """Free what is open; nothing is sent."""
        with self._lock:
            self._up = False
        self._client.abandon()
        self._bell.close()

    def wake(self) -> None:
        """Make `turn` look again at once."""
        self._bell.ring()

    def publish(self, topic: str, payload: bytes, *, retain: bool, qos: int) -> bool:
        """Give one message to paho; False where there is no connection or it is too long."""
        size = len(topic.encode()) + len(payload) + _HEADERS
        if size > self._packet_limit:
            what = "a message of %d bytes is over the limit of %d and was not sent"
            self._complain("long", logging.WARNING, what, size, self._packet_limit)
            return False
        with self._lock:
            if not self._up:
                return False
            self.pending += 1
        if self._client.publish(topic, payload, qos, retain).rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            with self._lock:
                self.pending -= 1
            return False
        self.wake()
        return True

    # paho's callbacks, in the thread that turns; nothing in them raises.

    def _on_connect(
        self, _c: object, _d: object, _f: object, reason: ReasonCode, said: Properties | None
    ) -> None:
        self.fate = Fate.WRONG_VERSION if reason.value == _WRONG_VERSION else Fate.REFUSED
        if reason.is_failure:
            self._end = f"the broker refuses us: {reason}"
            return
        announced: int | None = getattr(said, "MaximumPacketSize", None)
        self._packet_limit = min(PACKET_LIMIT, announced or PACKET_LIMIT)
        self._client.limit_in_flight(min(IN_FLIGHT, getattr(said, "ReceiveMaximum", IN_FLIGHT)))
        self._announced = Connected(self._version, announced)
        if self._subscriptions:
            self._client.subscribe([(topic, 1) for topic in self._subscriptions])
        else:
            self._come_up()

    def _come_up(self) -> None:
        """The broker has our subscriptions: whoever hears of us from now on can reach us."""
        if self._announced is None:
            return
        said, self._announced = self._announced, None
        self.fate = Fate.UP
        with self._lock:
            self._up = True
        log.info("mqtt: connected, version %s, packet limit %s", said.version, said.packet_limit)
        self._inbox.put(said)

    def _on_disconnect(
        self, _c: object, _d: object, flags: paho.DisconnectFlags, reason: ReasonCode, _p: object
    ) -> None:
        with self._lock:
            self._up = False
        ended = "the broker ended it" if flags.is_disconnect_packet_from_server else "lost"
        self._end = self._end or f"{ended}: {reason}"

    def _on_subscribe(
        self, _c: object, _d: object, _mid: int, reasons: Sequence[ReasonCode], _p: object
    ) -> None:
        for topic, reason in zip(self._subscriptions, reasons, strict=False):
            if reason.is_failure:
                self._end = f"the broker refuses the subscription to {topic}: {reason}"
        if not self._end:
            self._come_up()

    def _on_publish(
        self, _c: object, _d: object, _mid: int, reason: ReasonCode, _p: object
    ) -> None:
        if reason.value:  # 0x10, nobody listens, is news but no failure
            level = logging.WARNING if reason.is_failure else logging.DEBUG
            self._complain(reason.value, level, "a message was answered with: %s", reason)
        with self._lock:
            self.pending -= 1
            low = self.pending == LOW_WATER
        if low:
            self._inbox.wake()

    def _on_message(self, _c: object, _d: object, message: paho.MQTTMessage) -> None:
        self._come_up()  # a broker may send what it kept before its SUBACK (MQTT 5, 3.8.4)
        try:
            topic = message.topic
        except UnicodeDecodeError:
            self._complain("topic", logging.WARNING, "a topic that is no UTF-8 was dropped")
            return
        size = len(message.payload)
        if size > PAYLOAD_LIMIT:
            what = "a payload over the limit of %d bytes was dropped from %s"
            self._complain("big", logging.WARNING, what, PAYLOAD_LIMIT, printable(topic[:200]))
            return
        self._inbox.put(Arrived(topic, bytes(message.payload), message.retain), size)

    def _complain(self, kind: object, level: int, what: str, *values: object) -> None:
        """Log each kind once in a connection."""
        if kind not in self._complained:
            self._complained.add(kind)
            log.log(level, "mqtt: " + what, *values)
