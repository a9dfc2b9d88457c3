"""The ledger's tables, version 1.

One row per clip holds its facts, its state and its receipt; chunk digests lie in sidecars beside
the files. Moments are RFC 3339 text in UTC with milliseconds, so that they sort as text. The
partial indices answer the uplink's and the keeper's questions without meeting the clips that are
done; `tally` is kept by triggers, so that counting a million clips reads seven rows. The views
`entry` and `docking` put the recorder's identity beside a clip and a contact.
"""

from __future__ import annotations

from pathlib import Path

from agent.errors import LedgerBroken, LedgerDamaged

VERSION = 1

_SENDING = "state IN ('spooled', 'offered', 'refused')"
"""The condition of the partial indices; a query that wants one repeats it word for word."""

_STATES = "'seen', 'spooled', 'offered', 'receipted', 'released', 'refused', 'damaged'"

STATEMENTS = (
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
    """CREATE VIEW entry AS
        SELECT clip.*, recorder.serial, recorder.maker, recorder.model, recorder.firmware
        FROM clip JOIN recorder ON recorder.id = clip.recorder""",
    """CREATE VIEW docking AS
        SELECT contact.*, recorder.serial, recorder.maker, recorder.model, recorder.firmware
        FROM contact JOIN recorder ON recorder.id = contact.recorder""",
    f"PRAGMA user_version = {VERSION}",
)


def known(version: int, laid: set[str], path: Path) -> None:
    """Raise unless the ledger in `path` is one that we can read.

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
    if not laid >= set(STATEMENTS[:-1]):
        raise LedgerDamaged(f"{path}: its tables are not those of version {version}")
