"""One receiver: the process that takes footage from docks and answers with receipts."""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import threading
from contextlib import ExitStack, closing

from agent.archive.background import Worker
from agent.archive.catalogue import Catalogue
from agent.archive.desk import Desk
from agent.archive.files import guarded, make_folder
from agent.archive.recovery import Recovery
from agent.archive.sealing import Sealer
from agent.archive.settings import CATALOGUE, KEY, ArchiveSettings
from agent.archive.store import Store
from agent.archive.trust import Trust
from agent.clock import Clock, to_text
from agent.custody.keys import PublicKey, SecretKey
from agent.errors import UsageError
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
        opening.callback(os.close, _only_one(settings))
        store = Store(settings.root, settings.floor)
        store.make()
        self._key = SecretKey.load_or_make(settings.root / KEY)
        self._catalogue = catalogue = opening.enter_context(
            Catalogue(
                settings.root / CATALOGUE, archive=settings.archive, epoch=secrets.token_hex(16)
            )
        )
        self._epoch = catalogue.epoch
        trust = Trust(settings.docks, catalogue, self._clock)
        sealer = Sealer(settings, store, catalogue, self._key, self._clock)
        Recovery(store, catalogue, trust, sealer, self._clock).run()
        self._link = self._make_link(broker)
        self._worker = Worker(self._link.wake)
        self._desk = Desk(settings, store, trust, sealer, self._worker, self._say, self._clock)
        opening.enter_context(closing(self._desk))
        opening.enter_context(closing(self._worker))
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
        self._catalogue.check()

    def _say(self, topic: str, payload: bytes) -> None:
        """Publish; what is lost on the way is asked for again by its dock."""
        if not self._link.publish(topic, payload):
            log.debug("not sent: %s", topic)

    def _presence(self, *, online: bool) -> tuple[str, bytes]:
        settings = self._settings
        keys = [self._key.public, *filter(None, [settings.next_key])]
        presence = Presence(
            archive=settings.archive,
            receiver=settings.receiver,
            online=online,
            epoch=self._epoch,
            window=settings.window,
            chunk_limit=DATA_LIMIT,
            keys=[key.text for key in keys],
            since=self._since,
        )
        return presence_topic(settings.receiver), presence.encode()


def _only_one(settings: ArchiveSettings) -> int:
    """The lock on the archive's folder, as the descriptor that holds it."""
    with guarded("lock store"):
        make_folder(settings.root)
        lock = os.open(settings.root / "archive.lock", os.O_RDWR | os.O_CREAT, 0o640)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise UsageError(
                f"another receiver has {settings.root} open", do="stop it, or name another folder"
            ) from error
    return lock
