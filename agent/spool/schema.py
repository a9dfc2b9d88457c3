"""The ledger's tables, version 3, and the steps that lead there.

A new ledger takes every step, an older one those that it lacks; no step changes or drops a table.

One row per clip holds its facts, its state and its receipt; chunk digests lie in sidecars beside
the files. Moments are RFC 3339 text in UTC with milliseconds, so that they sort as text. The
partial indices answer the uplink's and the keeper's questions without meeting the clips that are
done; `tally` is kept by triggers, so that counting a million clips reads seven rows. The views
`entry` and `docking` put beside a clip and a contact what is known of their recorder.

Version 2 adds what was told: `introduction`, how a recorder introduced itself at a contact;
`told`, what a clip's name and its contact's clock tell; `volume`, each store of a recorder as it
was last met; `finding`, what changed between two contacts. What version 3 adds is told in
`evidence_tables`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from agent.errors import LedgerBroken, LedgerDamaged
from agent.spool.evidence_tables import THIRD

VERSION = 3

_SENDING = "state IN ('spooled', 'offered', 'refused')"
"""The condition of the partial indices; a query that wants one repeats it word for word."""

_STATES = "'seen', 'spooled', 'offered', 'receipted', 'released', 'refused', 'damaged'"

_ENTRY_1 = """CREATE VIEW entry AS
        SELECT clip.*, recorder.serial, recorder.maker, recorder.model, recorder.firmware
        FROM clip JOIN recorder ON recorder.id = clip.recorder"""
_DOCKING_1 = """CREATE VIEW docking AS
        SELECT contact.*, recorder.serial, recorder.maker, recorder.model, recorder.firmware
        FROM contact JOIN recorder ON recorder.id = contact.recorder"""

_ENTRY_2 = """CREATE VIEW entry AS
        SELECT clip.*, recorder.serial, recorder.maker, recorder.model, recorder.firmware,
            introduction.id_code, introduction.officer, introduction.unit,
            told.kind, told.profile, told.device, told.officer AS named_officer,
            told.marked AS named_marked, told.local, told.source, told.zone_offset,
            told.clock_error AS told_clock_error, told.earliest, told.latest
        FROM clip JOIN recorder ON recorder.id = clip.recorder
            LEFT JOIN introduction ON introduction.contact = clip.contact
            LEFT JOIN told ON told.clip = clip.seq"""

_FIRST = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value REAL NOT NULL) STRICT",
    """CREATE TABLE recorder (
        id INTEGER PRIMARY KEY,
        serial TEXT NOT NULL,
        maker TEXT NOT NULL,
        model TEXT NOT NULL,
        firmware TEXT NOT NULL,
        UNIQUE (serial, maker, model, firmware)
    ) STRICT""",
    """CREATE TABLE contact (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        recorder INTEGER NOT NULL REFERENCES recorder (id),
        bay TEXT NOT NULL,
        began_at TEXT NOT NULL,
        ended_at TEXT,
        reason TEXT NOT NULL DEFAULT '',
        health TEXT,
        clock_recorder TEXT,
        clock_dock TEXT,
        clock_round_trip REAL
    ) STRICT""",
    "CREATE INDEX contact_open ON contact (id) WHERE ended_at IS NULL",
    f"""CREATE TABLE clip (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        contact INTEGER NOT NULL REFERENCES contact (id),
        recorder INTEGER NOT NULL REFERENCES recorder (id),
        bay TEXT NOT NULL,
        storage TEXT NOT NULL,
        path TEXT NOT NULL,
        size INTEGER NOT NULL CHECK (size >= 0),
        recorded TEXT NOT NULL,
        marked INTEGER NOT NULL,
        generation INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ({_STATES})),
        reason TEXT NOT NULL DEFAULT '',
        attempts INTEGER NOT NULL DEFAULT 0,
        due TEXT,
        seen_at TEXT NOT NULL,
        spooled_at TEXT,
        receipted_at TEXT,
        held_from REAL,
        fingerprint TEXT,
        blake3 TEXT,
        chunks TEXT,
        sha256 TEXT,
        sm3 TEXT,
        archive TEXT,
        receiver TEXT,
        epoch TEXT,
        stored_at TEXT,
        stored_as TEXT,
        envelope TEXT
    ) STRICT""",
    "CREATE INDEX clip_state ON clip (state)",
    "CREATE INDEX clip_recorder ON clip (recorder)",
    f"CREATE INDEX clip_sending ON clip (seq, due) WHERE {_SENDING}",
    f"CREATE INDEX clip_due ON clip (due) WHERE {_SENDING} AND due IS NOT NULL",
    "CREATE INDEX clip_held ON clip (held_from) WHERE state = 'receipted'",
    """CREATE TABLE tally (
        state TEXT PRIMARY KEY, number INTEGER NOT NULL, bytes INTEGER NOT NULL
    ) STRICT""",
    """CREATE TRIGGER clip_added AFTER INSERT ON clip BEGIN
        INSERT INTO tally VALUES (new.state, 1, new.size) ON CONFLICT DO UPDATE
            SET number = number + 1, bytes = bytes + excluded.bytes;
    END""",
    """CREATE TRIGGER clip_moved AFTER UPDATE OF state ON clip WHEN old.state <> new.state BEGIN
        UPDATE tally SET number = number - 1, bytes = bytes - old.size WHERE state = old.state;
        INSERT INTO tally VALUES (new.state, 1, new.size) ON CONFLICT DO UPDATE
            SET number = number + 1, bytes = bytes + excluded.bytes;
    END""",
    _ENTRY_1,
    _DOCKING_1,
)

_SECOND = (
    """CREATE TABLE introduction (
        contact INTEGER PRIMARY KEY REFERENCES contact (id),
        profile TEXT NOT NULL,
        id_code TEXT NOT NULL,
        officer TEXT NOT NULL,
        unit TEXT NOT NULL,
        clock_error REAL
    ) STRICT""",
    """CREATE TABLE told (
        clip INTEGER PRIMARY KEY REFERENCES clip (seq),
        kind TEXT NOT NULL,
        profile TEXT NOT NULL,
        device TEXT NOT NULL,
        officer TEXT NOT NULL,
        marked INTEGER NOT NULL,
        local TEXT,
        source TEXT,
        zone_offset REAL,
        clock_error REAL,
        earliest TEXT,
        latest TEXT
    ) STRICT""",
    """CREATE TABLE volume (
        recorder TEXT NOT NULL,
        storage TEXT NOT NULL,
        serial TEXT NOT NULL,
        label TEXT NOT NULL,
        dirty INTEGER NOT NULL,
        contact INTEGER NOT NULL REFERENCES contact (id),
        PRIMARY KEY (recorder, storage, serial)
    ) STRICT""",
    "CREATE INDEX volume_serial ON volume (serial)",
    """CREATE TABLE finding (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        contact INTEGER NOT NULL REFERENCES contact (id),
        serial TEXT NOT NULL,
        bay TEXT NOT NULL,
        kind TEXT NOT NULL,
        before TEXT NOT NULL,
        after TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX finding_serial ON finding (serial)",
    "CREATE INDEX contact_recorder ON contact (recorder)",
    "DROP VIEW entry",
    "DROP VIEW docking",
    _ENTRY_2,
    """CREATE VIEW docking AS
        SELECT contact.*, recorder.serial, recorder.maker, recorder.model, recorder.firmware,
            introduction.profile, introduction.id_code, introduction.officer, introduction.unit,
            introduction.clock_error
        FROM contact JOIN recorder ON recorder.id = contact.recorder
            LEFT JOIN introduction ON introduction.contact = contact.id""",
)

_STEPS = (_FIRST, _SECOND, THIRD)
_REPLACED = ({_ENTRY_1, _DOCKING_1}, {_ENTRY_2}, set[str]())
"""What the step after each version drops."""


def _laid(version: int) -> frozenset[str]:
    """What SQLite keeps of the statements that lead to `version`."""
    made = {each for step in _STEPS[:version] for each in step if not each.startswith("DROP")}
    return frozenset(made.difference(*_REPLACED[: version - 1]))


def steps_from(version: int) -> Iterator[str]:
    """The statements that lead from `version` (0: an empty file) to ours, for one transaction."""
    for step in _STEPS[version:]:
        yield from step
    yield f"PRAGMA user_version = {VERSION}"


def known(version: int, laid: set[str], path: Path) -> None:
    """Raise unless the ledger in `path` is one that we can read, or bring up to our version.

    `version` is SQLite's `user_version`, `laid` the statements in `sqlite_schema`: a version that
    is not ours is `LedgerBroken`, tables that are not those of their version are `LedgerDamaged`.
    """
    if version > VERSION:
        raise LedgerBroken(
            f"{path} has version {version}, this bodydock knows {VERSION}",
            do="install the newer bodydock that wrote it",
        )
    if version < 1:
        raise LedgerBroken(f"{path} is no ledger of bodydock", do="look at the path")
    if not laid >= _laid(version):
        raise LedgerDamaged(f"{path}: its tables are not those of version {version}")
