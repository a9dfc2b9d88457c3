"""A lasting tie to an MQTT broker: connects, subscribes, and connects again for ever.

MQTT is used as a transport, never as a queue: `publish` is refused while there is no connection,
and nothing outlives the connection it was given to. A PUBACK says that a broker has a message in
memory. It paces (`pending`); nothing follows from it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from random import Random, SystemRandom
from threading import Event as Flag
from threading import Thread

from agent.errors import BrokerUnreachable
from agent.link.inbox import Inbox
from agent.link.mqtt_events import Arrived, BrokerSettings, Connected, Event, Lost
from agent.link.mqtt_version import VersionChoice
from agent.link.paho_connection import CONNECT_SECONDS, FAREWELL_SECONDS, PahoConnection
from agent.patience import delay_before

__all__ = ["Arrived", "BrokerSettings", "Connected", "Event", "Lost", "MqttLink"]

log = logging.getLogger(__name__)

_INBOX_BYTES = 8 * 1024 * 1024
_STEADY_SECONDS = 10.0
"""A connection that lived this long makes the next wait a short one."""


class MqttLink:
    """All methods may be called from any thread; `next` from one at a time.

    Events arrive in order: `Connected` before anything of that connection, `Lost` after it, and
    `Lost` alone for an attempt that failed. After `stop`, `next` gives what is left, then None.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        client_id: str,
        subscriptions: Sequence[str],
        will: tuple[str, bytes] | None,
        inbox_limit: int = 256,
        random: Random | None = None,
    ) -> None:
        self._settings = settings
        self._client_id = client_id
        self._subscriptions = tuple(subscriptions)
        self._will = will
        self._random = random or SystemRandom()
        self._inbox: Inbox[Event] = Inbox(inbox_limit, _INBOX_BYTES)
        self._versions = VersionChoice(settings.protocol)
        self._connection: PahoConnection | None = None
        self._farewell: tuple[str, bytes] | None = None
        self._stopping = Flag()
        self._thread = Thread(target=self._run, name=f"mqtt {client_id}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, farewell: tuple[str, bytes] | None = None) -> None:
        """End the connection and the thread; `farewell` is published retained if connected.

        Returns within ten seconds, whatever the network does.
        """
        self._farewell = farewell
        self._stopping.set()
        self._inbox.close()
        if connection := self._connection:
            connection.wake()
        if self._thread.is_alive():
            self._thread.join(CONNECT_SECONDS + FAREWELL_SECONDS + 3.0)
            if self._thread.is_alive():
                log.warning("mqtt: the link's thread did not end in time and is left behind")

    def next(self, timeout: float) -> Event | None:
        """The next event; None after `timeout` seconds, `wake`, or when PUBACKs made room."""
        return self._inbox.get(timeout)

    def wake(self) -> None:
        """Make `next` return None at once."""
        self._inbox.wake()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> bool:
        """Hand one message to the connection. False: not connected or too long; nothing is kept.

        True promises nothing about its arrival.
        """
        connection = self._connection
        return connection is not None and connection.publish(topic, payload, retain=retain, qos=qos)

    @property
    def pending(self) -> int:
        """Messages given to this connection and not yet acknowledged by the broker."""
        connection = self._connection
        return connection.pending if connection else 0

    def _run(self) -> None:
        attempt = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            reason = self._live_once()
            if self._stopping.is_set():
                return
            log.info("mqtt: no connection to %s: %s", self._settings.host, reason)
            self._inbox.put_at_once(Lost(reason))
            attempt = 1 if time.monotonic() - began > _STEADY_SECONDS else attempt + 1
            self._stopping.wait(delay_before(attempt, random=self._random, first=1.0, longest=30.0))

    def _live_once(self) -> str:
        """One connection from beginning to end; why it ended."""
        connection = PahoConnection(
            self._settings,
            self._versions.version,
            self._client_id,
            self._subscriptions,
            self._will,
            self._inbox,
        )
        self._connection = connection
        try:
            connection.open()
            while not self._stopping.is_set():
                connection.turn(1.0)
            connection.leave(self._farewell)
        except BrokerUnreachable as error:
            return error.what
        finally:
            self._connection = None
            connection.close()
            self._versions.learn(connection.fate)
        return "stopped"
