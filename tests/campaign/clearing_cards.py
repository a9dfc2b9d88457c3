"""Cards that ask before they lose a clip, so that somebody can look at that very moment.

In the dock's process. A deletion writes what it is about into a folder and waits for a word from
the campaign; then the file goes from the card. A card is a folder: it outlives the dock's process.
"""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

from agent.bay import contact
from agent.clock import Clock
from agent.errors import BodydockError
from agent.uplink import challenger
from hwsim.body import Body, HeldClip, OnDisk

ASKED, ANSWERED = ".asked", ".answered"
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.002
CARDS = threading.RLock()
"""Held for a deletion and for a plugging: no recorder is unplugged within a deletion, so that what
lies in a folder is what the recorder that is made of it next holds."""


class Witnessed(Body):
    """A recorder from a folder; `witness` is where it asks."""

    witness: Path

    def delete(self, clip: HeldClip) -> None:
        with CARDS:
            if isinstance(clip.content, OnDisk):
                self._ask(clip.content.path)
            Body.delete(self, clip)

    def _ask(self, path: Path) -> None:
        name = f"{time.monotonic_ns()}"
        fresh, asked = self.witness / f".{name}", self.witness / (name + ASKED)
        fresh.write_text(json.dumps({"serial": self.serial, "file": str(path)}), "utf-8")
        fresh.replace(asked)
        end = time.monotonic() + PATIENCE_SECONDS
        while not asked.with_suffix(ANSWERED).exists():
            if time.monotonic() > end:
                raise BodydockError(f"nobody answers {asked}")
            time.sleep(LOOK_SECONDS)


def witnessed(home: Path, clock: Clock, witness: Path) -> Witnessed:
    """A recorder from its folder that asks in `witness`."""
    made = Witnessed.from_folder(home, clock=clock)
    if not isinstance(made, Witnessed):
        raise TypeError("a body of another kind")
    made.witness = witness
    return made


def hasten() -> None:
    """Bays and challenges look again soon: a campaign has no half minutes to give away."""
    contact.LOOK_SECONDS = 0.3
    contact.FIRST_WAIT = 0.2
    challenger.FIRST_SILENCE = 2.0
    challenger.LOOK_EVERY = 0.2
    challenger.REST = 3.0
