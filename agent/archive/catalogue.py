"""The archive's catalogue: what is stored, from whom, with which proof. SQLite.

One writing connection for the whole process (SQLite before 3.51.3 can lose a write where two
connections write or checkpoint a WAL), WAL with `synchronous=FULL`, which is read back and not
taken on trust. `CatalogueView` is for commands: it opens the file read-only and can do neither.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from agent.archive.evidence_tables import THIRD
from agent.archive.exports import Exports
from agent.archive.mirrors import Mirrors
from agent.archive.naming import Naming
from agent.archive.opened import guarded
from agent.archive.records import (
    FOOTAGE,
    SCHEMA,
    SEARCHED,
    TABLES,
    TOLD,
    DockRow,
    ObjectRow,
    delivery_columns,
)
from agent.archive.view import CatalogueView
from agent.custody.keys import PublicKey, public_key
from agent.custody.orders import Order
from agent.errors import ConfigError, Malformed, StoreBroken
from agent.wire.contract import Manifest, Receipt

log = logging.getLogger(__name__)

_FULL = 2
__all__ = ["Catalogue", "CatalogueView"]


class Catalogue(Naming, Mirrors, Exports):
    """The writer's side; made on first run, with the archive's id and a new epoch.

    `archive` must be the id that the catalogue was made with, else `ConfigError`. `epoch` is
    random text; only the first run keeps it.
    """

    def __init__(self, path: Path, *, archive: str, epoch: str) -> None:
        with guarded("open"):
            self._attach(f"file:{quote(str(path))}?mode=rwc")
        with self._or_close():
            with guarded("open"):
                self._be_durable()
                self._make(archive, epoch)
            self._check_version()
            if (known := self.meta("archive")) != archive:
                raise ConfigError(
                    f"the catalogue belongs to archive {known!r}, not {archive!r}",
                    do="name the right folder or the right archive",
                )

    def _be_durable(self) -> None:
        run = self._db.conn.execute
        mode = run("pragma journal_mode = wal").fetchone()[0]
        run("pragma synchronous = full")
        run("pragma foreign_keys = on")
        level = run("pragma synchronous").fetchone()[0]
        if (mode, level) != ("wal", _FULL):
            raise StoreBroken(f"catalogue: journal {mode}, synchronous {level}; wal and 2 wanted")

    def _make(self, archive: str, epoch: str) -> None:
        if self._db["meta"].exists():
            self._bring_up()
            return
        with self._db.atomic():
            for name, (columns, key) in TABLES.items():
                points = [("blake3", "object", "blake3")] if name == "clip" else None
                self._db.table(name).create(columns, pk=key, foreign_keys=points)
            self._lay_over()
            facts = {"schema": str(SCHEMA), "archive": archive, "epoch": epoch}
            self._db.table("meta").insert_all(
                {"name": name, "value": value} for name, value in facts.items()
            )

    def _lay_over(self) -> None:
        """Indices, the view for people, and the tables of version 3."""
        for statement in THIRD:
            self._db.conn.execute(statement)
        for column in SEARCHED:
            self._db.table("clip").create_index([column], if_not_exists=True)
        self._db.create_view("footage", FOOTAGE, replace=True)

    def _bring_up(self) -> None:
        """From version 1 or 2: columns and tables are added, no row is changed. All or nothing."""
        if (version := self.meta("schema")) not in ("1", "2"):
            return
        names = {float: "float", int: "integer", str: "text"}
        with self._db.atomic():
            for name, kind in TOLD.items() if version == "1" else ():
                self._db.conn.execute(f"alter table clip add column {name} {names[kind]}")
            self._lay_over()
            self._db.conn.execute("update meta set value = ? where name = 'schema'", [str(SCHEMA)])
        log.warning("the catalogue is now of version %d", SCHEMA)

    def record(self, manifest: Manifest, offer: bytes, receipt: Receipt, envelope: bytes) -> None:
        """Commit one delivery with its object; once this returns the receipt may go out.

        Repeating it is harmless; a later receipt of the same delivery replaces the earlier.
        """
        form = manifest.sent if receipt.kept == "as-sent" else manifest.recorded_form
        stored = ObjectRow(
            blake3=form.blake3,
            size=form.size,
            sha256=form.sha256,
            sm3=form.sm3,
            stored_as=receipt.stored_as,
            stored_at=receipt.stored_at,
        )
        delivery = delivery_columns(manifest, offer, receipt, envelope)
        with self.writing("record"):
            self._db.conn.execute(_KEEP_OBJECT, tuple(getattr(stored, n) for n in _OBJECT_NAMES))
            self._db.table("clip").upsert(delivery, pk=TABLES["clip"][1])
            self._db.conn.execute(
                "delete from doubted where clip = ? and blake3 = ? and dock = ?",
                [manifest.clip, receipt.object_blake3, manifest.dock],
            )
            self._keep_form(receipt)
            self.fold_delivery(manifest)

    def _keep_form(self, receipt: Receipt) -> None:
        """What arrived encrypted, and how it lies here. Inside a transaction."""
        if sent := receipt.stored:
            form = sent.form if receipt.kept == "as-sent" else "plain"
            name, recorded = receipt.object_blake3, (receipt.blake3, receipt.size)
            self._db.conn.execute(
                "insert or replace into stored_form values (?, ?, ?, ?, ?, ?, ?)",
                [name, form, sent.recipient, *recorded, sent.blake3, int(bool(receipt.opened))],
            )

    def pin(self, dock: str, key: PublicKey, first_seen: str) -> None:
        """Remember a dock's key for good. A dock that has one keeps it."""
        row = {"dock": dock, "public_key": key.text, "first_seen": first_seen}
        with self.writing("pin"):
            self._db.table("dock").insert(row, ignore=True)

    def repin(self, dock: str, key: PublicKey, at: str, changes: Sequence[str]) -> None:
        """A dock's key gave way to another; the envelopes that say so are journalled."""
        with self._held("repin"), self._db.atomic():
            self._db.conn.execute(
                "insert into dock values (?1, ?2, ?3) on conflict (dock) do update set"
                " public_key = excluded.public_key",
                [dock, key.text, at],
            )
            self._db.conn.executemany(
                "insert into journal (at, who, kind, what) values (?, ?, 'key', ?)",
                [(at, f"dock/{dock}", change) for change in changes],
            )

    def own_key(self, order: Order, told: Mapping[str, Any], at: str) -> None:
        """The archive's own key is changed by a person's order: into the journal."""
        what = {**told, "why": order.why, "approval": order.approval, "via": order.via}
        with self.writing("journal a key"):
            self._db.conn.execute(
                "insert into journal (at, who, kind, what) values (?, ?, 'key', ?)",
                [at, order.who, json.dumps(what, ensure_ascii=False)],
            )

    def pins(self) -> dict[str, PublicKey | None]:
        """The remembered key of every dock, None where its row no longer holds a key."""
        return {str(row.dock): _pinned(row) for row in self.docks()}


_OBJECT_NAMES = tuple(TABLES["object"][0])
_KEEP_OBJECT = (
    f"insert into object ({', '.join(_OBJECT_NAMES)}) values (?, ?, ?, ?, ?, ?)"  # noqa: S608
    " on conflict (blake3) do update set"
    " sha256 = coalesce(sha256, excluded.sha256), sm3 = coalesce(sm3, excluded.sm3)"
)
"""The first record of an object stands; digests that a later offer brought are added."""


def _pinned(row: DockRow) -> PublicKey | None:
    try:
        return public_key(str(row.public_key))  # damage may have changed the value's type, too
    except Malformed:
        return None
