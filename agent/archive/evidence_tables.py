"""What version 3 adds to the catalogue: the docks' custody logs, case data, holds.

- `custody`: each dock's log as it came, with the Merkle nodes that each entry completes.
- `cosigned`: checkpoints that this archive cosigned; `trouble`: logs that contradict them, until a
  person begins the dock's log anew with `log` + 1.
- `case_version`, `hold`: by clip, folded from the logs and from this archive's own orders
  (`origin` is a dock, or empty for the archive itself).
- `journal`: what people did at the archive itself: holds, key changes, exports.
- `stored_form`: objects that are stored in another form than they were recorded.
"""

from __future__ import annotations

THIRD = (
    """create table if not exists custody (
        dock text not null, log integer not null, n integer not null,
        clip text, kind text not null, entry text not null, nodes blob not null,
        primary key (dock, log, n)
    ) strict""",
    "create index if not exists custody_clip on custody (clip) where clip is not null",
    """create table if not exists cosigned (
        dock text not null, log integer not null, size integer not null,
        note text not null, at text not null,
        primary key (dock, log, size)
    ) strict""",
    """create table if not exists trouble (
        id integer primary key, dock text not null, log integer not null, at text not null,
        why text not null, note text not null, settled_by text, settled_why text, settled_at text
    ) strict""",
    """create table if not exists case_version (
        clip text not null, origin text not null, version integer not null, at text not null,
        who text not null, why text not null, fields text not null,
        primary key (clip, origin, version)
    ) strict""",
    """create table if not exists case_now (
        clip text primary key, at text not null,
        name text not null, officer text not null, officer_name text not null,
        unit text not null, used_from text not null, used_until text not null,
        party text not null, cause text not null, case_number text not null,
        business text not null, business_part text not null, remark text not null,
        importance integer not null, retention text not null
    ) strict""",
    "create index if not exists case_officer on case_now (officer)",
    "create index if not exists case_number on case_now (case_number)",
    """create table if not exists hold (
        clip text not null, origin text not null, number integer not null,
        reason text not null, note text not null, who text not null, approval text not null,
        at text not null, lifted_at text, lifted_by text, lifted_why text, lifted_approval text,
        primary key (clip, origin, number)
    ) strict""",
    """create table if not exists journal (
        id integer primary key, at text not null, who text not null, kind text not null,
        clip text, what text not null
    ) strict""",
    """create table if not exists stored_form (
        blake3 text primary key, form text not null, size integer not null,
        stored_blake3 text not null, recipient text not null
    ) strict""",
)
