"""The ledger's verbs about its own custody log: checkpoints, cosignatures, a refusal, a start."""

from __future__ import annotations

import json
import logging

from agent.log_entry import Kind
from agent.model import printable
from agent.spool.journal import BROKEN
from agent.spool.rows import storable
from agent.spool.writer import Writer

log = logging.getLogger(__name__)

_CONFIGURATION = "configuration"
_WORDS = 2000


class Checkpoints(Writer):
    """Each is one transaction, as all verbs are."""

    def keep_checkpoint(self, size: int, note: str) -> None:
        """A signed checkpoint of this log. Of each earlier day only the longest stays, those that
        an authority stamped aside."""
        with self._writing():
            self._note(size, note)
            day = self._now()[:10]
            self._database.change(
                """DELETE FROM checkpoint WHERE substr(at, 1, 10) < ?
                    AND size NOT IN (SELECT max(size) FROM checkpoint GROUP BY substr(at, 1, 10))
                    AND size NOT IN (SELECT max(size) FROM checkpoint
                        WHERE cosigned IS NOT NULL GROUP BY substr(at, 1, 10))
                    AND size NOT IN (SELECT size FROM stamp)""",
                [day],
            )

    def keep_cosignature(self, size: int, note: str) -> None:
        """The archive's cosignature on a checkpoint, checked before. One that covers the entry of
        an earlier refusal ends it."""
        with self._writing():
            self._note(size, note)
            self._database.change("UPDATE checkpoint SET cosigned = ? WHERE size = ?", [note, size])
            if self.custody_trouble() and size > self._told_at():
                self._database.change("DELETE FROM fact WHERE name = ?", [BROKEN])
                self._enter(Kind.BROKEN, event="settled", size=size)
                log.warning("the archive takes the custody log again")

    def refuse_custody(self, why: str) -> bool:
        """An archive refuses this log, or it contradicts what the archive cosigned: clearing
        stands still from here on. Whether that is news."""
        why = storable(why)[:_WORDS]
        with self._writing():
            if self.custody_trouble():
                return False
            self._set_fact(BROKEN, json.dumps({"why": why, "entry": self.journal.size}))
            self._enter(Kind.BROKEN, event="refused", why=why)
        log.critical("the custody log is refused: %s", printable(why))
        return True

    def custody_trouble(self) -> str:
        """Why nothing may be cleared for the log's sake; empty while nothing is against it."""
        return self.journal.trouble()

    def started(self, agent: str) -> None:
        """The agent, by name and version, begins to work with this ledger."""
        with self._writing():
            self._enter(Kind.STARTED, agent=agent)

    def configured(self, digest: str) -> None:
        """`digest` is of the settings in effect; entered where it is another than before."""
        with self._writing():
            before = self._fact(_CONFIGURATION)
            if before != digest:
                self._set_fact(_CONFIGURATION, digest)
                self._enter(Kind.CONFIGURED, settings_sha256=digest, before=before or "")

    def _note(self, size: int, note: str) -> None:
        sql = "INSERT INTO checkpoint (size, note, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        self._database.insert(sql, [size, note, self._now()])

    def _told_at(self) -> int:
        """The number of the entry that tells of the refusal; damaged, it never ends by itself."""
        try:
            return int(json.loads(self._fact(BROKEN) or "")["entry"])
        except (ValueError, TypeError, KeyError):
            return self.journal.size
