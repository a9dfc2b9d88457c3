"""What the archive itself found wrong: objects lost, receipts that no longer hold, epochs.

- `doubted`: deliveries whose object was lost after their receipt. That receipt is never handed out
  again; the delivery's next receipt ends the doubt.
- `stranger`: objects without a record that are known of already.
- The epoch changes whenever the archive is not, or may not be, what it was when it signed: docks
  then clear nothing until every clip was proved anew.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Collection
from typing import Any

from agent.archive.view import CatalogueView
from agent.custody.orders import Order
from agent.errors import UsageError
from agent.model import printable

log = logging.getLogger(__name__)

_NAMED = 16
"""Objects that one entry of the journal names; it counts the others."""


class Losses(CatalogueView):
    """Losses and epochs, as the catalogue's writer keeps them; each with a line in the journal."""

    def lose(self, objects: Collection[str], why: str, at: str) -> None:
        """These objects (by BLAKE3) are gone or damaged: no receipt for them holds any more."""
        with self.writing("lose"):
            self._db.conn.executemany(
                "insert or ignore into doubted select clip, blake3, dock from clip"
                " where blake3 = ?",
                [(each,) for each in objects],
            )
            named = sorted(objects)[:_NAMED]
            self._note(at, "lost", why=why, number=len(objects), objects=named)

    def doubted(self, clip: str, blake3: str, dock: str) -> bool:
        """Whether the object was lost after the receipt of this delivery."""
        where = "select 1 from doubted where clip = ? and blake3 = ? and dock = ?"
        return bool(self._rows(where, clip, blake3, dock))

    def lost_objects(self) -> set[str]:
        """Objects that are known to be lost and were not delivered again since."""
        return {row["blake3"] for row in self._rows("select distinct blake3 from doubted")}

    def strangers(self) -> set[str]:
        """Objects without a record that were known of at an earlier start."""
        return {row["blake3"] for row in self._rows("select blake3 from stranger")}

    def renew_epoch(self, why: str, at: str, *, who: str = "bodydock", **more: str) -> str:
        """From here on this is another archive for docks; the new epoch. `more` is journalled."""
        epoch = secrets.token_hex(16)
        before = self.epoch
        with self.writing("renew epoch"):
            self._db.conn.execute("update meta set value = ? where name = 'epoch'", [epoch])
            self._note(at, "epoch", who, why=why, before=before, after=epoch, **more)
        log.critical("new epoch %s, docks will ask for proofs: %s", epoch, printable(why))
        return epoch

    def restored(self, order: Order, at: str) -> dict[str, Any]:
        """A person says that the archive was brought back from a copy: a new epoch. Raises
        `UsageError` where nobody says why."""
        if not order.who.strip() or not order.why.strip():
            raise UsageError("who restored what, and why?", do="give --by and --why")
        words = f"restored: {order.why}"
        more = {"approval": order.approval, "via": order.via}
        return {"epoch": self.renew_epoch(words, at, who=order.who, **more)}

    def compared(self, strangers: Collection[str], missing: Collection[str], at: str) -> bool:
        """Folder and catalogue were held against each other: `strangers` have no record, `missing`
        no file. Where that is news, one of both was restored or lost something, and the epoch
        changes; whether it did. All in one transaction."""
        new = set(strangers) - self.strangers()
        lost = set(missing) - self.lost_objects()
        if not new and not lost:
            return False
        with self.writing("compare"):
            self._db.conn.executemany(
                "insert or ignore into stranger (blake3) values (?)", [(each,) for each in new]
            )
            if lost:
                self.lose(lost, "missing in the folder at the start", at)
            why = f"{len(new)} objects without a record, {len(lost)} records without their object"
            self.renew_epoch(f"folder and catalogue do not belong together: {why}", at)
        return True

    def _note(self, at: str, kind: str, who: str = "bodydock", **what: Any) -> None:
        """A line of the journal, inside a transaction."""
        self._db.conn.execute(
            "insert into journal (at, who, kind, what) values (?, ?, ?, ?)",
            [at, who, kind, json.dumps(what, ensure_ascii=False)],
        )
