"""A scripted dock on a real broker: sends what is asked for, keeps to its credit, counts."""

from __future__ import annotations

import time
from collections.abc import Callable

from agent.custody.envelopes import seal, unseal
from agent.custody.keys import PublicKey, SecretKey
from agent.link.mqtt import Arrived, BrokerSettings, Connected, MqttLink
from agent.wire.chunk import encode
from agent.wire.contract import (
    OFFER_TYPE,
    RECEIPT_TYPE,
    Answer,
    DockStatus,
    Grant,
    Manifest,
    Presence,
    Progress,
    Receipt,
    decode,
    down,
    presence_topic,
    up,
)

from .docks import cut

DEADLINE_S = 30.0


class WiredDock:
    """Uploads one clip. `sent` counts chunks, `granted` is what the newest grant said is held.

    No chunk from number `stop_at` on is sent, so that a test can cut an upload where it wants.
    """

    def __init__(self, port: int, key: SecretKey, manifest: Manifest, data: bytes) -> None:
        self.manifest = manifest
        self.key = key
        self.chunks = cut(data, manifest.chunk_bytes)
        self.sent = 0
        self.stop_at = len(self.chunks)
        self.window = 0
        self.granted: list[tuple[int, int]] = []
        self.grants = 0
        self.confirmed = 0
        self.archive_key: PublicKey | None = None
        self.presence: Presence | None = None
        self.receipt: bytes | None = None
        self._missing: list[int] = []
        self._flying: dict[int, int] = {}
        self.link = MqttLink(
            BrokerSettings(host="127.0.0.1", port=port),
            client_id=f"dock-{manifest.dock}",
            subscriptions=(down(manifest.dock, "#"), presence_topic("+")),
            will=None,
        )
        self.link.start()

    def until(self, done: Callable[[], object], deadline: float = DEADLINE_S) -> None:
        """Take messages and send chunks until `done`; fails the test after the deadline."""
        end = time.monotonic() + deadline
        while not done():
            assert time.monotonic() < end, f"{self.sent} sent, {self.confirmed} bytes confirmed"
            event = self.link.next(0.05)
            if isinstance(event, Connected):
                self._publish("status", self._status())
            elif isinstance(event, Arrived):
                self._hear(event.topic, event.payload)
            self._send()

    def offer(self) -> None:
        self._publish("offer", seal(OFFER_TYPE, self.manifest.encode(), self.key))

    def proof(self, key: PublicKey) -> Receipt:
        assert self.receipt is not None
        return decode(Receipt, unseal(RECEIPT_TYPE, self.receipt, [key]))

    def _status(self) -> bytes:
        text = self.key.public.text
        return DockStatus(dock=self.manifest.dock, online=True, key=text).encode()

    def _publish(self, what: str, payload: bytes) -> bool:
        return self.link.publish(up(self.manifest.dock, what), payload, retain=what == "status")

    def _hear(self, topic: str, payload: bytes) -> None:
        what = topic.rpartition("/")[2]
        if what == "status":
            self.presence = decode(Presence, payload)
        elif what == "receipt":
            self.receipt = payload
        elif what == "progress":
            self._confirm(decode(Progress, payload).have)
        elif what == "grant" and (grant := decode(Grant, payload)).answer is Answer.GO:
            self.grants += 1
            self.granted, self.window = grant.have, grant.window
            self._flying.clear()
            self._missing = list(range(len(self.chunks)))
            self._confirm(grant.have)

    def _confirm(self, have: list[tuple[int, int]]) -> None:
        self.confirmed = sum(end - start for start, end in have)
        for start, end in have:
            size = self.manifest.chunk_bytes
            for index in range(start // size, -(-end // size)):
                self._flying.pop(index, None)
        held = {i for s, e in have for i in range(s // size, -(-e // size))} if have else set()
        self._missing = [index for index in self._missing if index not in held]

    def _send(self) -> None:
        topic = f"chunk/{self.presence.receiver}/{self.manifest.clip}" if self.presence else ""
        while self._missing and self._missing[0] < self.stop_at and self.link.pending < 8:
            chunk = self.chunks[self._missing[0]]
            if sum(self._flying.values()) + len(chunk.data) > self.window:
                return
            if not self._publish(topic, encode(chunk)):
                return
            self._flying[self._missing.pop(0)] = len(chunk.data)
            self.sent += 1
