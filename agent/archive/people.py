"""What the receiver does for the archive's own people: their orders, what follows from them at the
docks, and the folders in which they look for clips."""

from __future__ import annotations

import logging
from collections.abc import Callable

from agent.archive.background import Background
from agent.archive.catalogue import Catalogue
from agent.archive.complaints import Complaints
from agent.archive.errands import Errands
from agent.archive.office import DOOR, ArchiveOffice
from agent.archive.own_keys import OwnKeys
from agent.archive.settings import ArchiveSettings
from agent.archive.tree import Tree
from agent.archive.trust import Trust
from agent.clock import Clock
from agent.errors import BodydockError, StoreBroken
from agent.link.door import Door

log = logging.getLogger(__name__)

AGAIN_S = 60.0
"""How long the folders rest after the disk failed under them."""


class People:
    """Opens the door at once. Raises `ConfigError` for a template that is none, `SpoolBroken` where
    no door can be made."""

    def __init__(
        self,
        settings: ArchiveSettings,
        catalogue: Catalogue,
        trust: Trust,
        own: OwnKeys,
        background: Background,
        send: Callable[[str, bytes], None],
        clock: Clock,
    ) -> None:
        self._background = background
        self._clock = clock
        self._errands = Errands(catalogue, trust, own.secret, send, clock)
        self._tree = Tree(settings.root, catalogue, settings.tree) if settings.tree else None
        self._complaints = Complaints(clock)
        self._naming = False
        self._rests_until = clock.monotonic()
        if self._tree is not None:
            self._tree.begin()
        office = ArchiveOffice(catalogue, self._tree, clock, lambda: own)
        self._door = Door(settings.root / DOOR, office.answer)

    def tick(self) -> None:
        """Once in a while, in the receiver's thread."""
        self._door.check()
        try:
            self._errands.tick()
        except StoreBroken as error:  # as long as the disk is full
            self._complaints.about("orders to docks wait", str(error), level=logging.ERROR)
        if self._tree is None or self._naming or self._clock.monotonic() < self._rests_until:
            return
        self._naming = True
        self._background.submit(self._tree.step, self._named)

    def result(self, dock: str, envelope: bytes) -> None:
        """A dock answers an order. Raises `Malformed`."""
        try:
            self._errands.result(dock, envelope)
        except StoreBroken as error:
            log.error("result of dock %s is lost, and will come again: %s", dock, error)

    def close(self) -> None:
        """The order under way is carried out; nobody comes in any more."""
        self._door.close()

    def _named(self, outcome: bool | BodydockError) -> None:  # noqa: FBT001, as it comes back
        self._naming = False
        if isinstance(outcome, BodydockError):
            log.error("folders for people: %s", outcome)
            self._rests_until = self._clock.monotonic() + AGAIN_S
