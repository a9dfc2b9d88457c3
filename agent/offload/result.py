"""What a pull tells while it goes on, and at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.errors import BodydockError, SpoolFull
from agent.model import Clip


@dataclass(slots=True)
class Pulled:
    """What a pull did so far."""

    pulled: int = 0
    """Clips that came in whole."""
    known: int = 0
    """Clips that were here already."""
    bytes: int = 0
    """Read from the recorder for clips that came or come in."""
    failed: list[tuple[str, BodydockError]] = field(default_factory=list)
    """Clips that did not come in, and why; they are tried again at the next docking. Paths are
    printable; an empty one means the listing itself."""
    ended: str = ""
    """Why the pull ended before its end; empty where it did not."""

    @property
    def complete(self) -> bool:
        """Whether everything on the recorder is on the dock."""
        return not self.failed and not self.ended


Progress = Callable[[Pulled, Clip, int], None]
"""Called after each step: the pull so far, the clip that is being read, how much of it is here."""

Wait = Callable[[SpoolFull], bool]
"""Called where the spool is full: waits as long as it likes; False ends the pull."""
