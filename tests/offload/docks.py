"""A dock that pulls from recorders in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.errors import SpoolFull
from agent.model import Clip, ClipFacts, ClipId
from agent.offload.pull import Offload, Pulled
from agent.spool.entry import Entry
from tests.spool.places import Place

from .recorders import IDENTITY, MemoryRecorder


@dataclass
class Dock:
    """Pulls like a bay does; `naps` are the pauses that were asked for, none of which is slept."""

    place: Place
    stop: threading.Event = field(default_factory=threading.Event)
    naps: list[float] = field(default_factory=list)
    full: list[SpoolFull] = field(default_factory=list)
    progress: list[tuple[str, int]] = field(default_factory=list)
    tell: Callable[[Clip], ClipFacts] = lambda _clip: ClipFacts()

    def __post_init__(self) -> None:
        self.offload = Offload(self.place.spool, self.place.ledger)

    def pull(self, recorder: MemoryRecorder) -> Pulled:
        contact = self.place.ledger.begin_contact("3", IDENTITY, None, None)
        try:
            return self.offload.pull(
                recorder,
                IDENTITY,
                "3",
                contact,
                stop=self.stop,
                progress=lambda _pulled, clip, done: self.progress.append((clip.path, done)),
                wait=self.wait,
                sleep=self.naps.append,
                tell=self.tell,
            )
        finally:
            self.place.ledger.end_contact(contact, "test")

    def wait(self, full: SpoolFull) -> bool:
        self.full.append(full)
        return False

    def restart(self) -> None:
        """The daemon's, cleanly."""
        self.place.restart()
        self.offload = Offload(self.place.spool, self.place.ledger)

    def entries(self) -> dict[tuple[str, int], Entry]:
        """By path and generation."""
        found = self.place.ledger.entries()
        return {(each.sighting.path, each.sighting.generation): each for each in found}

    def entry(self, path: str, generation: int = 0) -> Entry:
        return self.entries()[path, generation]

    def content(self, path: str, generation: int = 0) -> bytes:
        return self.place.content(ClipId(self.entry(path, generation).clip))
