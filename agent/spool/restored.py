"""An archive that has less of this dock's custody log than it cosigned was restored from a copy."""

from __future__ import annotations

import logging

from agent.model import printable
from agent.spool.clearings import Clearings

log = logging.getLogger(__name__)

FORGOTTEN = "forgot the custody log"
"""What stands for the epoch of such an archive until it says its own again."""


class Restored(Clearings):
    """What follows from how far an archive has the log."""

    def archive_has(self, archive: str, held: int) -> bool:
        """An archive says, unsigned, that it has `held` entries of this log; whether that shows
        that it was restored. Then its proofs count no longer, and what has its receipt is to be
        proved again. Archives that never gave a receipt are not believed."""
        sql = "SELECT ifnull(max(size), 0) FROM checkpoint WHERE cosigned IS NOT NULL"
        cosigned = int(self._database.value(sql))
        before = self.epoch_of(archive)
        if held >= cosigned or before is None or before.startswith(FORGOTTEN):
            return False
        words = f"{FORGOTTEN}: {held} of the {cosigned} entries that it cosigned"
        log.critical("archive %s %s; was it restored from a copy?", printable(archive), words)
        return self.epoch_seen(archive, words)
