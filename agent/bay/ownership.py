"""Whose a clip is: by the duty roster at the time of its recording, else by the register.

What is said here goes into the ledger with the first sight of a clip and stays, whoever has the
recorder later (`agent.spool.cases`). Where the recorded interval touches several assignments, only
that is said in which they agree: a wrong name on evidence is worse than none.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from datetime import timedelta, tzinfo
from pathlib import Path
from typing import Any

from agent.clock import Clock, to_text
from agent.config import DockConfig
from agent.config.assignments import Assignment, Assignments, read_assignments
from agent.config.register import Registered, by_serial
from agent.errors import ConfigError, NotPermitted
from agent.model import CaseData, Clip, ClipFacts
from agent.spool.entry import Owned

log = logging.getLogger(__name__)

SETTLED = timedelta(seconds=2)
"""A file that changed later than this ago may be half written; what it replaces is used."""
_SHARED = ("officer", "officer_name", "unit", "party", "cause", "case_number")
_Mark = tuple[int, int, int] | None


class Ownership:
    """`register` and the file `roster`, which is read anew when it changed. From any thread."""

    def __init__(
        self,
        register: Sequence[Registered],
        roster: Path | None,
        zone: tzinfo | None,
        clock: Clock,
    ) -> None:
        self._register = by_serial(register)
        self._path = roster
        self._zone = zone
        self._clock = clock
        self._lock = threading.Lock()
        self._assignments: Assignments | None = None
        self._mark: _Mark = None
        self._never_looked = True
        self._complaint = ""

    def owned(self, serial: str, clip: Clip, facts: ClipFacts) -> Owned:
        """What is known of a clip of this recorder, from its name and the time of its recording."""
        assigned = self._assigned(serial, facts)
        case, why = _of_roster(assigned) if assigned else self._of_register(serial)
        span = (
            (to_text(facts.time.earliest), to_text(facts.time.latest)) if facts.time else ("", "")
        )
        name = clip.path.rpartition("/")[2]
        return Owned(
            CaseData(name=name, used_from=span[0], used_until=span[1], **case),
            why,
        )

    def _assigned(self, serial: str, facts: ClipFacts) -> list[Assignment]:
        roster = self._roster()
        if roster is None or facts.time is None:
            return []
        return roster.during(serial, facts.time.earliest, facts.time.latest)

    def _of_register(self, serial: str) -> tuple[dict[str, Any], str]:
        unread = "; the assignments cannot be read" if self._complaint and self._path else ""
        known = self._register.get(serial)
        if known is None:
            return {}, f"recorder not in the register{unread}"
        case = {"officer": known.officer, "officer_name": known.name, "unit": known.unit}
        return case, f"register of recorders{unread}"

    def _roster(self) -> Assignments | None:
        """The newest whole roster that could be read."""
        if self._path is None:
            return None
        with self._lock:
            mark = self._look()
            if self._never_looked or (mark != self._mark and self._is_settled(mark)):
                self._read(mark)
            return self._assignments

    def _read(self, mark: _Mark) -> None:
        self._never_looked, self._mark = False, mark
        if self._path is None:
            return
        try:
            found = read_assignments(self._path, self._zone)
        except (ConfigError, NotPermitted) as error:
            self._complain(str(error))
            return
        if self._look() != mark:  # written while we read it: once more at the next clip
            self._never_looked = self._assignments is None
            self._mark = None
            return
        self._assignments, self._complaint = found, ""
        log.info("assignments: %d lines of %s", len(found), self._path)

    def _complain(self, words: str) -> None:
        if words != self._complaint:
            stays = "those read before stay" if self._assignments else "the register alone counts"
            log.error("assignments are refused, %s: %s", stays, words)
        self._complaint = words

    def _look(self) -> _Mark:
        try:
            now = (self._path or Path(os.devnull)).stat()
        except OSError:
            return None
        return now.st_mtime_ns, now.st_size, now.st_ino

    def _is_settled(self, mark: _Mark) -> bool:
        if mark is None:
            return True
        age = self._clock.now().timestamp() - mark[0] / 1e9
        return not 0 <= age < SETTLED.total_seconds()


def ownership_of(config: DockConfig, clock: Clock) -> Ownership:
    """As a dock's configuration says."""
    return Ownership(config.recorder, config.cases.assignments, config.recorders.zone, clock)


def _of_roster(assigned: Sequence[Assignment]) -> tuple[dict[str, Any], str]:
    lines = ", ".join(str(each.line) for each in assigned)
    shared = {
        name: getattr(assigned[0], name)
        for name in _SHARED
        if len({getattr(each, name) for each in assigned}) == 1
    }
    why = f"assignments, line {lines}"
    return shared, why if len(assigned) == 1 else f"assignments, as lines {lines} agree"
