"""What version 3 adds to the ledger: the custody log, case data, holds, clearing.

- `custody`: the log's entries as written, each with the Merkle nodes that it completes (32 bytes
  each, the leaf first, see `agent.merkle`). Rows are only ever added.
- `checkpoint`: signed notes over the log, with the archive's cosignature once there is one.
- `stamp`: RFC 3161 tokens over checkpoints.
- `case_version`: every version of a clip's case data, as JSON; `case_now` is the newest, to search.
- `hold`: reasons that forbid clearing; a lifted one stays.
- `urgent`: clips that go to the archive before others; a trigger takes out those that arrived.
- `clearing`: how far a clip is on its way off its recorder.
- `stored`: clips that lie here in another form than they were recorded (encrypted).
- `listing`: the digest of every whole listing, by store; `listed`: the clips of each store's last.
- `epoch`: the archives' epochs as last heard; `policy`: signed fleet policies; `errand`: orders
  from elsewhere that were carried out, so that a repeated one is answered and not done twice.
- `fact`: texts about the whole, such as the digest of the configuration that was last used.
- `export`: what was handed out, by the numbers of its first and its last custody entry.
"""

from __future__ import annotations

ENTRY_3 = """CREATE VIEW entry AS
        SELECT clip.*, recorder.serial, recorder.maker, recorder.model, recorder.firmware,
            introduction.id_code, introduction.officer, introduction.unit,
            told.kind, told.profile, told.device, told.officer AS named_officer,
            told.marked AS named_marked, told.local, told.source, told.zone_offset,
            told.clock_error AS told_clock_error, told.earliest, told.latest,
            stored.form, stored.size AS stored_size, stored.blake3 AS stored_blake3,
            stored.chunks AS stored_chunks, stored.sha256 AS stored_sha256, stored.recipient,
            urgent.clip IS NOT NULL AS urgent
        FROM clip JOIN recorder ON recorder.id = clip.recorder
            LEFT JOIN introduction ON introduction.contact = clip.contact
            LEFT JOIN told ON told.clip = clip.seq
            LEFT JOIN stored ON stored.clip = clip.seq
            LEFT JOIN urgent ON urgent.clip = clip.seq"""

THIRD = (
    """CREATE TABLE custody (
        n INTEGER PRIMARY KEY,
        clip TEXT,
        entry TEXT NOT NULL,
        nodes BLOB NOT NULL
    ) STRICT""",
    "CREATE INDEX custody_clip ON custody (clip, n) WHERE clip IS NOT NULL",
    """CREATE TABLE checkpoint (
        size INTEGER PRIMARY KEY,
        note TEXT NOT NULL,
        cosigned TEXT,
        at TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE stamp (
        size INTEGER NOT NULL REFERENCES checkpoint (size),
        authority TEXT NOT NULL,
        at TEXT NOT NULL,
        token BLOB NOT NULL,
        PRIMARY KEY (size, authority)
    ) STRICT""",
    """CREATE TABLE case_version (
        clip INTEGER NOT NULL REFERENCES clip (seq),
        version INTEGER NOT NULL,
        at TEXT NOT NULL,
        who TEXT NOT NULL,
        why TEXT NOT NULL,
        fields TEXT NOT NULL,
        PRIMARY KEY (clip, version)
    ) STRICT""",
    """CREATE TABLE case_now (
        clip INTEGER PRIMARY KEY REFERENCES clip (seq),
        version INTEGER NOT NULL,
        name TEXT NOT NULL,
        officer TEXT NOT NULL,
        officer_name TEXT NOT NULL,
        unit TEXT NOT NULL,
        used_from TEXT NOT NULL,
        used_until TEXT NOT NULL,
        party TEXT NOT NULL,
        cause TEXT NOT NULL,
        case_number TEXT NOT NULL,
        business TEXT NOT NULL,
        business_part TEXT NOT NULL,
        remark TEXT NOT NULL,
        importance INTEGER NOT NULL,
        retention TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX case_officer ON case_now (officer)",
    "CREATE INDEX case_number ON case_now (case_number) WHERE case_number <> ''",
    """CREATE TABLE hold (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        clip INTEGER NOT NULL REFERENCES clip (seq),
        reason TEXT NOT NULL,
        note TEXT NOT NULL,
        who TEXT NOT NULL,
        approval TEXT NOT NULL,
        at TEXT NOT NULL,
        lifted_at TEXT,
        lifted_by TEXT,
        lifted_why TEXT,
        lifted_approval TEXT
    ) STRICT""",
    "CREATE INDEX hold_clip ON hold (clip)",
    "CREATE TABLE urgent (clip INTEGER PRIMARY KEY REFERENCES clip (seq)) STRICT",
    """CREATE TRIGGER urgent_done AFTER UPDATE OF state ON clip
        WHEN new.state IN ('receipted', 'released') BEGIN
        DELETE FROM urgent WHERE clip = new.seq;
    END""",
    """CREATE TABLE clearing (
        clip INTEGER PRIMARY KEY REFERENCES clip (seq),
        state TEXT NOT NULL CHECK (state IN ('wanted', 'proved', 'clearing', 'cleared')),
        at TEXT NOT NULL,
        wanted_from REAL NOT NULL,
        nonce TEXT,
        archive TEXT,
        epoch TEXT,
        proof TEXT,
        proved_from REAL,
        contact INTEGER REFERENCES contact (id),
        cleared_from REAL,
        kept INTEGER NOT NULL DEFAULT 0,
        note TEXT NOT NULL DEFAULT ''
    ) STRICT""",
    "CREATE INDEX clearing_state ON clearing (state)",
    """CREATE TABLE stored (
        clip INTEGER PRIMARY KEY REFERENCES clip (seq),
        form TEXT NOT NULL CHECK (form IN ('age')),
        size INTEGER NOT NULL CHECK (size >= 0),
        blake3 TEXT NOT NULL,
        chunks TEXT NOT NULL,
        sha256 TEXT,
        recipient TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE listing (
        contact INTEGER NOT NULL REFERENCES contact (id),
        store TEXT NOT NULL,
        serial TEXT NOT NULL,
        at TEXT NOT NULL,
        number INTEGER NOT NULL,
        digest TEXT NOT NULL,
        PRIMARY KEY (contact, store)
    ) STRICT""",
    "CREATE INDEX listing_serial ON listing (serial, store, contact)",
    """CREATE TABLE listed (
        serial TEXT NOT NULL,
        store TEXT NOT NULL,
        path TEXT NOT NULL,
        size INTEGER NOT NULL,
        recorded TEXT NOT NULL,
        PRIMARY KEY (serial, store, path, size, recorded)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE epoch (
        archive TEXT PRIMARY KEY,
        epoch TEXT NOT NULL,
        at TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE policy (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        serial INTEGER NOT NULL UNIQUE,
        envelope TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE errand (
        id TEXT PRIMARY KEY,
        at TEXT NOT NULL,
        kind TEXT NOT NULL,
        result TEXT NOT NULL
    ) STRICT""",
    "CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    """CREATE TABLE export (
        id TEXT PRIMARY KEY,
        begun INTEGER NOT NULL REFERENCES custody (n),
        ended INTEGER REFERENCES custody (n)
    ) STRICT""",
    "DROP VIEW entry",
    ENTRY_3,
)
