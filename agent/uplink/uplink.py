"""The uplink's thread: between the link, the ledger, the spool and the session that decides.

The ledger is the only queue. A message that cannot be published now is not kept: the session
finds out by silence, or the connection is lost and everything begins anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from random import Random
from threading import Event as Flag

from agent import __version__
from agent.clock import Clock, to_text
from agent.config import Retained
from agent.custody.keys import PublicKey, SecretKey
from agent.errors import ClipDamaged, Malformed, ReceiptRejected, SpoolFull, Untrusted, WrongState
from agent.link.mqtt import Arrived, Connected, Event, Lost
from agent.model import CHUNK_BYTES, ClipId
from agent.spool.states import State
from agent.uplink import receipts
from agent.uplink.case_facts import NO_CLASSES
from agent.uplink.clerk import Clerk
from agent.uplink.errands import Errand, Errands
from agent.uplink.grumbles import Grumbles
from agent.uplink.parts import Books, Copies, MakeLink
from agent.uplink.session import Session
from agent.uplink.settings import UplinkSettings
from agent.uplink.snapshot import Snapshot, snapshot_of
from agent.wire.chunk import HEAD_BYTES
from agent.wire.contract import (
    PREFIX,
    DockStatus,
    Grant,
    Presence,
    Progress,
    decode,
    down,
    presence_topic,
    up,
)

log = logging.getLogger(__name__)

EVENTS_AT_ONCE = 64
CHUNKS_AT_ONCE = 16
PACKET_BYTES = CHUNK_BYTES + HEAD_BYTES + 512
"""What a broker must take: a chunk with its head, topic and MQTT's own bytes."""
LOOK_EVERY = 0.2
"""Seconds between two snapshots."""
NO_ROOM_PAUSE = 5.0
DEFAULTS = UplinkSettings()


class Uplink:
    """Sends spooled clips until each has its receipt. `run` and `step` belong to one thread."""

    def __init__(
        self,
        *,
        dock: str,
        spool: Copies,
        ledger: Books,
        make_link: MakeLink,
        key: SecretKey,
        pinned: Sequence[PublicKey],
        clock: Clock,
        random: Random,
        settings: UplinkSettings = DEFAULTS,
        errands: Sequence[Errand] = (),
        changes: Sequence[str] = (),
        classes: Mapping[str, Retained] = NO_CLASSES,
    ) -> None:
        """`pinned` are the archive's keys, which may change while it runs; `errands` what else goes
        over this connection; `changes` the newest statements by which the dock's keys gave way to
        `key`; `classes` the office's retention classes, by name."""
        self._dock, self._ledger, self._key = dock, ledger, key
        self._pinned = pinned
        self._clock, self._settings = clock, settings
        self._session = Session(settings, random)
        self._errands = Errands(dock, errands)
        self._since, self._changes = to_text(clock.now()), list(changes)
        self._grumbles = Grumbles(clock)
        self._link = make_link(
            client_id=f"bodydock-dock-{dock}",
            subscriptions=(down(dock, "#"), presence_topic("+")),
            will=self._status(online=False),
        )
        self._clerk = Clerk(
            dock, spool, ledger, self._link, key, clock, settings, self._grumbles, classes
        )
        self._handlers = self._own_topics()
        self._poked = Flag()
        self._connected = self._more_to_send = False
        self._ask_ledger_at = self._looked_at = 0.0
        self._pending = 0
        self._snapshot = self._look()

    def run(self, stop: Flag) -> None:
        """Work until `stop` is set, which `poke` makes it notice at once.

        Raises `LedgerBroken` where the dock cannot go on.
        """
        self._link.start()
        try:
            while not stop.is_set():
                self.step()
        finally:
            self._link.stop(self._status(online=False))

    def poke(self) -> None:
        """There is something new in the ledger, or to stop for. From any thread."""
        self._poked.set()
        self._link.wake()

    def snapshot(self) -> Snapshot:
        """What it is doing, see `snapshot_of`. From any thread."""
        return self._snapshot

    def step(self) -> None:
        """Wait for something to do, for a second at most, and do it."""
        patience = self._patience()
        try:
            for _ in range(EVENTS_AT_ONCE):
                if (event := self._link.next(patience)) is None:
                    break
                self._on_event(event)
                patience = 0.0
            self._go_on()
        except SpoolFull as error:  # the ledger could not note something: nothing follows from it
            self._grumbles.about("the ledger has no room", str(error))
            self._session.pause(self._clock.monotonic(), NO_ROOM_PAUSE)
        now = self._clock.monotonic()
        if now - self._looked_at >= LOOK_EVERY:
            self._snapshot, self._looked_at = self._look(), now

    # What comes in.

    def _own_topics(self) -> dict[str, Callable[[bytes], str]]:
        return {
            down(self._dock, "grant"): self._on_grant,
            down(self._dock, "progress"): self._on_progress,
            down(self._dock, "receipt"): self._on_receipt,
        }

    def _on_event(self, event: Event) -> None:
        match event:
            case Arrived():
                self._on_message(event)
            case Connected(packet_limit=limit):
                self._connected = True
                self._grumbles.newest = ""
                self._link.publish(*self._status(online=True), retain=True)
                if limit is not None and limit < PACKET_BYTES:
                    what = f"packets of {limit} bytes, a chunk needs {PACKET_BYTES}"
                    self._grumbles.about("the broker takes too little", what)
                else:
                    self._session.connected(self._clock.monotonic())
                    self._errands.connected(self._clock.monotonic())
            case Lost(reason):
                self._connected = False
                self._grumbles.about("no connection", reason)
                self._session.lost()
                self._errands.lost()

    def _on_message(self, message: Arrived) -> None:
        """Act on a message; one that is wrong is dropped, and said so now and then."""
        handler = self._handlers.get(message.topic)
        kind = message.topic.rpartition("/")[2] if "/down/" in message.topic else "presence"
        try:
            if (heard := self._errands.hear(message)) is not None:
                ignored = heard
            elif handler is None:
                ignored = self._on_presence(message)
            elif message.retained:
                ignored = "kept by the broker, so it answers nothing of today"
            else:
                ignored = handler(message.payload)
        except (ClipDamaged, Malformed, ReceiptRejected, Untrusted, WrongState) as error:
            ignored = str(error)
        if ignored:
            self._grumbles.about(f"{kind} ignored", ignored)

    def _on_presence(self, message: Arrived) -> str:
        if not message.topic.startswith(f"{PREFIX}/archive/"):
            return ""  # for a later version of the contract
        presence = decode(Presence, message.payload)
        if message.topic != presence_topic(presence.receiver):
            return f"receiver {presence.receiver} speaks on the topic of another"
        self._errands.presence(presence)
        if presence.keys and {key.text for key in self._pinned}.isdisjoint(presence.keys):
            self._grumbles.about(
                f"archive {presence.archive} is not trusted",
                f"it signs with {', '.join(presence.keys)}, which this dock does not pin; "
                "compare with what `bodydock archive key` prints there",
            )
        return self._session.presence(presence, self._clock.monotonic())

    def _on_grant(self, payload: bytes) -> str:
        return self._session.grant(decode(Grant, payload), self._clock.monotonic())

    def _on_progress(self, payload: bytes) -> str:
        return self._session.progress(decode(Progress, payload), self._clock.monotonic())

    def _on_receipt(self, payload: bytes) -> str:
        receipt = receipts.read(payload, self._pinned)
        clip = ClipId(receipt.clip)
        if (entry := self._ledger.find(clip)) is None:
            raise ReceiptRejected(f"receipt for clip {clip}, which this dock does not know")
        known = self._session.receivers.get(receipt.receiver)
        receipts.check(receipt, dock=self._dock, entry=entry, presence=known)
        if entry.state not in (State.RECEIPTED, State.RELEASED):
            receipts.refuse_disproved(receipt, self._ledger.disproved(clip))
            self._ledger.receipted(clip, receipts.record_of(receipt, payload))
            if self._ledger.epoch_of(receipt.archive) is None:
                self._ledger.epoch_seen(receipt.archive, receipt.epoch)
            log.info("clip %s is receipted by archive %s", clip, receipt.archive)
        self._session.receipted(clip, self._clock.monotonic())
        self._grumbles.newest = ""
        return ""

    # What goes out.

    def _go_on(self) -> None:
        now = self._clock.monotonic()
        if self._link.pending < self._pending:
            self._session.moving(now)
        self._clerk.settle_doubts()
        self._session.tick(now)
        self._perform()
        self._errands.tick(now, self._link.publish)
        self._fill(now)
        self._perform()
        self._send_chunks(now)
        self._perform()
        self._pending = self._link.pending

    def _perform(self) -> None:
        for action in self._session.actions():
            if not self._clerk.perform(action):
                self._session.drop(action.clip)

    def _fill(self, now: float) -> None:
        """Take clips from the ledger, oldest first, where there are places."""
        wanted = self._session.wants(now)
        if not wanted or (now < self._ask_ledger_at and not self._poked.is_set()):
            return
        self._poked.clear()
        under_way = len(self._session.deliveries())
        entries = self._ledger.to_send(self._clock.now(), under_way + wanted)
        self._session.take(entries, now)
        took = len(self._session.deliveries()) > under_way
        self._ask_ledger_at = now if took else now + self._settings.idle

    def _send_chunks(self, now: float) -> None:
        """Send while the broker keeps up; its PUBACKs wake us for more."""
        self._more_to_send = False
        for _ in range(CHUNKS_AT_ONCE):
            if self._link.pending >= self._settings.messages:
                return
            if (send := self._session.next_chunk(now)) is None:
                return
            if not self._clerk.send(send):
                self._session.drop(send.entry.clip)
        self._more_to_send = True

    def _patience(self) -> float:
        """For how long there is nothing to do, unless something arrives."""
        if self._more_to_send:
            return 0.0
        now = self._clock.monotonic()
        due = min(self._session.next_moment(now), self._errands.next_moment(now))
        return max(0.0, min(self._settings.idle, due - now))

    def _status(self, *, online: bool) -> tuple[str, bytes]:
        status = DockStatus(
            dock=self._dock,
            online=online,
            agent=f"bodydock {__version__}",
            key=self._key.public.text,
            since=self._since,
            changes=self._changes,
        )
        return up(self._dock, "status"), status.encode()

    def _look(self) -> Snapshot:
        return snapshot_of(
            connected=self._connected,
            receivers=self._session.receivers,
            deliveries=self._session.deliveries(),
            error=self._grumbles.newest,
        )
