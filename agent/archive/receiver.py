"""One receiver: the process that takes footage from docks and answers with receipts."""

from __future__ import annotations

import logging
import os
import secrets
import threading
from contextlib import ExitStack, closing

from agent.archive.background import Worker
from agent.archive.catalogue import Catalogue
from agent.archive.desk import Desk
from agent.archive.keeper import Keeper
from agent.archive.lock import only_one
from agent.archive.opening import opening_of
from agent.archive.own_keys import OwnKeys
from agent.archive.people import People
from agent.archive.prover import Prover
from agent.archive.recovery import Recovery
from agent.archive.sealing import Sealer
from agent.archive.settings import CATALOGUE, ArchiveSettings
from agent.archive.store import Store
from agent.archive.trust import Trust
from agent.clock import Clock, to_text
from agent.custody.keys import PublicKey
from agent.link.mqtt import Arrived, BrokerSettings, Connected, Lost, MqttLink
from agent.wire.chunk import DATA_LIMIT
from agent.wire.contract import PREFIX, Presence, presence_topic

log = logging.getLogger(__name__)

TURN_S = 0.5
"""How long the loop waits at most, and how often it looks after silent uploads."""
PAUSE_S = 0.005
"""How long it waits while progress is due."""
BUSY_S = 0.05
"""How often it looks for progress that is due while messages keep coming."""


class Receiver:
    """Opens an archive's folder, alone, and serves it until told to stop.

    Raises `UsageError` where another receiver has the folder, `ConfigError` where it belongs to
    another archive, `KeyUnusable`, and `StoreBroken`.
    """

    def __init__(self, settings: ArchiveSettings, broker: BrokerSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._since = to_text(clock.now())
        self._opened = ExitStack()
        with ExitStack() as opening:
            self._build(opening, broker)
            self._opened = opening.pop_all()

    @property
    def key(self) -> PublicKey:
        """The key that receipts are signed with."""
        return self._key.public

    def run(self, stop: threading.Event) -> None:
        """Serve until `stop` is set, then say good-bye and close everything.

        Raises `StoreBroken` once the catalogue has failed: only a new start may go on with it.
        """
        with self._opened:
            self._link.start()
            while not stop.is_set():
                self._turn()
            log.info("receiver %s stops", self._settings.receiver)

    def _build(self, opening: ExitStack, broker: BrokerSettings) -> None:
        settings = self._settings
        opening.callback(os.close, only_one(settings.root))
        store = Store(settings.root, settings.floor)
        store.make()
        self._own = own = OwnKeys(settings.root, settings.archive)
        self._key = own.secret
        self._told = own.statements
        self._catalogue = catalogue = opening.enter_context(
            Catalogue(
                settings.root / CATALOGUE, archive=settings.archive, epoch=secrets.token_hex(16)
            )
        )
        trust = Trust(settings.docks, catalogue, self._clock)
        sealer = Sealer(settings, store, catalogue, self._key, self._clock, opening_of(settings))
        Recovery(store, catalogue, trust, sealer, self._clock).run()
        self._epoch = catalogue.epoch
        self._link = self._make_link(broker)
        self._worker = Worker(self._link.wake)
        worker, say, clock = self._worker, self._say, self._clock
        prover = Prover(
            settings, store, catalogue, trust, self._key, worker, say, clock, own.former
        )
        told = (catalogue.fold_entries,)
        keeper = Keeper(
            settings.archive, catalogue, trust, self._key, say, clock, told, store.check_room
        )
        self._people = People(settings, catalogue, trust, own, worker, say, clock)
        others = {
            "challenge": prover.challenged,
            "custody": keeper.heard,
            "result": self._people.result,
        }
        self._desk = Desk(settings, store, trust, sealer, worker, say, clock, others)
        opening.enter_context(closing(self._desk))
        opening.enter_context(closing(self._worker))
        opening.enter_context(closing(self._people))
        opening.callback(lambda: self._link.stop(self._presence(online=False)))
        self._flushed = self._ticked = self._clock.monotonic()

    def _make_link(self, broker: BrokerSettings) -> MqttLink:
        receiver = self._settings.receiver
        return MqttLink(
            broker,
            client_id=f"bodydock-archive-{receiver}",
            subscriptions=(
                f"{PREFIX}/dock/+/up/status",
                f"{PREFIX}/dock/+/up/offer",
                f"{PREFIX}/dock/+/up/challenge",
                f"{PREFIX}/dock/+/up/custody",
                f"{PREFIX}/dock/+/up/result",
                f"{PREFIX}/dock/+/up/chunk/{receiver}/+",
            ),
            will=self._presence(online=False),
        )

    def _turn(self) -> None:
        """Take one event, hand out what the worker finished, tell progress where it paused."""
        intake = self._desk.intake
        event = self._link.next(PAUSE_S if intake.due else TURN_S)
        if isinstance(event, Arrived):
            self._desk.handle(event.topic, event.payload)
        elif isinstance(event, Connected):
            self._link.publish(*self._presence(online=True), retain=True)
            log.info("receiver %s serves", self._settings.receiver)
        elif isinstance(event, Lost):
            log.warning("no broker: %s", event.reason)
        self._worker.finish()
        now = self._clock.monotonic()
        if event is None or now - self._flushed >= BUSY_S:
            self._flushed = now
            intake.flush()
        if now - self._ticked >= TURN_S:
            self._ticked = now
            intake.tick()
            self._tell_news()
            self._people.tick()
        self._catalogue.check()

    def _tell_news(self) -> None:
        """Docks hear at once that this archive is not what it was, or will sign with another
        key."""
        epoch, told = self._catalogue.epoch, self._own.statements
        if (epoch, told) != (self._epoch, self._told):
            self._epoch, self._told = epoch, told
            self._link.publish(*self._presence(online=True), retain=True)

    def _say(self, topic: str, payload: bytes) -> None:
        """Publish; what is lost on the way is asked for again by its dock."""
        if not self._link.publish(topic, payload):
            log.debug("not sent: %s", topic)

    def _presence(self, *, online: bool) -> tuple[str, bytes]:
        settings = self._settings
        keys = [self._key.public, *filter(None, [self._own.upcoming])]
        presence = Presence(
            archive=settings.archive,
            receiver=settings.receiver,
            online=online,
            epoch=self._epoch,
            window=settings.window,
            chunk_limit=DATA_LIMIT,
            keys=[key.text for key in keys],
            since=self._since,
            changes=self._own.newest,
        )
        return presence_topic(settings.receiver), presence.encode()
