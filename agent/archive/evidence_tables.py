"""What version 3 adds to the catalogue: the docks' custody logs, case data, holds.

- `custody`: each dock's log as it came, with the Merkle nodes that each entry completes.
- `cosigned`: checkpoints that this archive cosigned; `trouble`: logs that contradict them, until a
  person begins the dock's log anew with `log` + 1.
- `case_version`, `case_now`, `hold`: by clip, folded from the logs, from manifests and from this
  archive's own journal (`agent.archive.folding`; `origin` is a dock, or empty for the archive
  itself). They are derived, and can be made anew at any time.
- `kept_for`: the retention that a delivery's manifest named.
- `errand`: orders to docks that are repeated until their result comes.
- `tree_link`: the names that clips have in the folders for people; `unshown`: clips whose name
  there is to be looked at again.
- `journal`: what people did at the archive itself: holds, key changes, exports.
- `doubted`: deliveries whose object was lost after their receipt; `stranger`: objects without a
  record that were seen before (see `agent.archive.losses`).
- `stored_form`: what arrived encrypted. `blake3` names the object, `form` is how that lies here
  ("age" or "plain"); size and BLAKE3 of the clip as it was recorded, BLAKE3 of it as it was `sent`,
  and whether the archive `opened` it and found it as it was recorded.
"""

from __future__ import annotations

CASE_SEARCHED = (
    "officer",
    "officer_name",
    "unit",
    "case_number",
    "retention",
    "business",
    "used_from",
    "name",
    "party",
    "cause",
)
"""Fields of case data with an index of their own, which is read instead of the table; most clips
have no value there and take no room in it."""

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
        clip text not null, origin text not null, log integer not null, version integer not null,
        n integer not null, at text not null, who text not null, why text not null,
        fields text not null,
        primary key (clip, origin, log, version, n)
    ) strict""",
    """create table if not exists case_now (
        clip text primary key, at text not null, disputed text not null,
        name text not null, officer text not null, officer_name text not null,
        unit text not null, used_from text not null, used_until text not null,
        party text not null, cause text not null, case_number text not null,
        business text not null, business_part text not null, remark text not null,
        importance integer not null, retention text not null
    ) strict""",
    """create table if not exists hold (
        clip text not null, origin text not null, log integer not null, number integer not null,
        reason text not null, note text not null, who text not null, approval text not null,
        at text not null, lifted_at text, lifted_by text, lifted_why text, lifted_approval text,
        primary key (clip, origin, log, number)
    ) strict""",
    """create table if not exists kept_for (
        clip text not null, dock text not null, name text not null, months integer,
        until text not null,
        primary key (clip, dock)
    ) strict""",
    """create table if not exists errand (
        id text primary key, at text not null, dock text not null, clip text not null,
        action text not null, who text not null, why text not null, approval text not null,
        what text not null, done_at text, done integer, words text
    ) strict""",
    "create index if not exists errand_open on errand (dock) where done_at is null",
    "create index if not exists errand_clip on errand (clip)",
    """create table if not exists tree_link (
        path text primary key, folded text not null unique, base text not null,
        clip text not null, blake3 text not null, target text not null
    ) strict""",
    "create index if not exists tree_base on tree_link (base)",
    "create index if not exists tree_clip on tree_link (clip)",
    "create table if not exists unshown (clip text primary key) strict",
    *(
        f"create index if not exists case_{name} on case_now ({name}, clip) where {name} <> ''"
        for name in CASE_SEARCHED
    ),
    "create index if not exists case_importance on case_now (importance, clip)"
    " where importance > 0",
    "create index if not exists hold_standing on hold (clip) where lifted_at is null",
    "create index if not exists clip_received on clip (received_at, clip)",
    "create index if not exists clip_when on clip (earliest, latest, clip)",
    "create index if not exists clip_kept on clip (clip, latest, received_at)",
    "create index if not exists custody_told on custody (kind, dock, log, n)"
    " where kind in ('finding', 'cleared')",
    """create table if not exists journal (
        id integer primary key, at text not null, who text not null, kind text not null,
        clip text, what text not null
    ) strict""",
    """create table if not exists doubted (
        clip text not null, blake3 text not null, dock text not null,
        primary key (clip, blake3, dock)
    ) strict""",
    "create table if not exists stranger (blake3 text primary key) strict",
    """create table if not exists stored_form (
        blake3 text not null, form text not null, recipient text not null,
        recorded text not null, size integer not null, sent text not null,
        opened integer not null,
        primary key (blake3, sent)
    ) strict""",
)
