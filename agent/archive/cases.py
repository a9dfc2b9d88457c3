"""The catalogue's verbs for case data, holds and the orders that follow from them.

What people say at the archive goes into its journal, and what docks say into their logs; the tables
`case_version`, `case_now` and `hold` are folded from both in the same transaction.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from agent.archive.case_queries import CASE_FIELDS
from agent.archive.folding import ARCHIVE, FOLDED, Folded, HoldSaid, Version, fold
from agent.archive.losses import Losses
from agent.custody.orders import Order
from agent.errors import Malformed, UsageError
from agent.log_entry import AGENT, Kind, LogEntry
from agent.model import CaseData, HoldReason
from agent.spool.case_rows import changed, words
from agent.spool.cases import WHY_LIMIT
from agent.wire.contract import Manifest

_HOLD_NAMES = (
    "clip, origin, log, number, reason, note, who, approval, at,"
    " lifted_at, lifted_by, lifted_why, lifted_approval"
)


class Cases(Losses):
    """Case data and holds, as the catalogue's writer keeps them. All raise `StoreBroken`."""

    shows = False
    """Whether folders for people are kept, so that changed clips are remembered for them."""

    def annotate(self, order: Order, at: str) -> dict[str, Any]:
        """A new version of a clip's case data with the fields in `what` changed; its number, and
        the case data that stand then.

        Raises `UsageError` for values that are none, where nothing would change, where nobody says
        why, and where another class is wanted of a held clip or without an approval reference.
        """
        if not order.what:
            raise UsageError("nothing to annotate", do="name a field, such as --officer")
        _must_say(order, why=True)
        with self.writing("annotate"):
            self._must_know(order.clip)
            folded = self._folded(order.clip)
            old = folded.now or CaseData()
            before, after = asdict(old), asdict(changed(old, order.what))
            names = [
                name
                for name in CASE_FIELDS
                if before[name] != after[name] or (name in folded.disputed and name in order.what)
            ]
            if not names:
                raise UsageError("the case data say that already; nothing was changed")
            self._check_class(order, is_other="retention" in names)
            version = 1 + sum(1 for one in folded.versions if one.origin == ARCHIVE)
            what = {"version": version, "why": order.why, "counts_from": max(at, folded.at)}
            what |= {"before": {name: before[name] for name in names}}
            what |= {"after": {name: after[name] for name in names}}
            self._journal(Kind.ANNOTATED, order, at, what)
            self.fold_clip(order.clip)
        return {"version": version, "case": after}

    def hold(self, order: Order, at: str) -> dict[str, Any]:
        """Set a hold for `what["reason"]`, and order every dock that knows the clip to hold it too;
        its number and those docks. Raises `Malformed` for a reason that is none, `UsageError`."""
        reason, clip = _reason(order.what.get("reason")), order.clip
        note = words("note", str(order.what.get("note") or order.why), WHY_LIMIT, needed=False)
        if reason == HoldReason.OTHER.value and not note:
            raise UsageError("another reason needs a note that says which", do="say it with --note")
        _must_say(order)
        with self.writing("hold"):
            self._must_know(clip)
            number = 1 + max((one.hold.number for one in self._own_holds(clip)), default=0)
            what = {"hold": number, "reason": reason, "note": note}
            self._journal(Kind.HELD, order, at, what)
            docks = self.docks_of(clip)
            for dock in docks:
                self._send(dock, order, at, what)
            self.fold_clip(clip)
        return {"hold": number, "docks": docks}

    def lift(self, order: Order, at: str) -> dict[str, Any]:
        """Lift hold `what["hold"]` that was set here, with those that docks set by our order; or
        order `what["dock"]` to lift one of its own, which stands until that dock's log says so.

        Raises `UsageError` where it does not stand, or name, reason or approval is missing.
        """
        number, dock = order.what.get("hold"), order.what.get("dock", ARCHIVE)
        _must_say(order, why=True, approval=True)
        with self.writing("lift"):
            standing = [one for one in self.holds_on(order.clip) if one.hold.stands]
            if (dock, number) not in [(one.origin, one.hold.number) for one in standing]:
                raise UsageError(
                    f"no such hold stands on clip {order.clip[:12]}",
                    do="`bodydock archive show` lists them",
                )
            ours = [{"hold": number}] if dock else self._sent_holds(order.clip, number)
            if not dock:
                self._journal(Kind.LIFTED, order, at, {"hold": number, "why": order.why})
            for each in ours:
                self._send(each.pop("dock", dock), order, at, each)
            self.fold_clip(order.clip)
        return {"hold": number, "lifted": not dock, "errands": len(ours)}

    def fold_entries(self, dock: str, entries: Sequence[LogEntry]) -> None:
        """Take in what a dock's log says; the log has these entries already, in the transaction
        that this belongs to. Repeating it changes nothing."""
        clips = {each.clip for each in entries if each.kind in FOLDED and each.clip}
        with self.writing(f"fold entries of {dock}"):
            for clip in sorted(clips):
                self.fold_clip(clip)

    def fold_delivery(self, manifest: Manifest) -> None:
        """Take in what a manifest carries, inside the transaction that records it."""
        if (kept := manifest.retention) is not None:
            self._db.conn.execute(
                "insert or replace into kept_for (clip, dock, name, months, until)"
                " values (?, ?, ?, ?, ?)",
                [manifest.clip, manifest.dock, kept.name, kept.months, kept.until],
            )
        self.fold_clip(manifest.clip)

    def fold_clip(self, clip: str) -> None:
        """Make everything folded of one clip anew."""
        run = self._db.conn
        with self.writing("fold"):
            folded = self._folded(clip)
            for table in ("case_version", "case_now", "hold"):
                run.execute(f"delete from {table} where clip = ?", [clip])  # noqa: S608
            run.executemany(
                "insert into case_version (clip, origin, log, version, n, at, who, why, fields)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [_version_row(clip, one) for one in folded.versions],
            )
            run.executemany(
                f"insert into hold ({_HOLD_NAMES})"  # noqa: S608, names of our own
                " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [_hold_row(clip, one) for one in folded.holds],
            )
            if folded.now is not None:
                row = {"clip": clip, "at": folded.at, **asdict(folded.now)}
                row["disputed"] = json.dumps(dict(folded.disputed), ensure_ascii=False)
                self._db.table("case_now").insert(row)
            self._mark(clip)

    def errand_done(self, errand: str, dock: str, *, done: bool, words: str, at: str) -> bool:
        """A dock's result came; False where it was no open errand of that dock."""
        with self.writing("errand done"):
            cursor = self._db.conn.execute(
                "update errand set done_at = ?, done = ?, words = ?"
                " where id = ? and dock = ? and done_at is null",
                [at, int(done), words, errand, dock],
            )
            return cursor.rowcount == 1

    def shown(self, clips: Iterable[str]) -> None:
        """The folders for people have these clips as they are to be."""
        with self.writing("shown"):
            self._db.conn.executemany(
                "delete from unshown where clip = ?", [(clip,) for clip in clips]
            )

    def _folded(self, clip: str) -> Folded:
        return fold(self.said_of(clip), self.manifests_of(clip))

    def _check_class(self, order: Order, *, is_other: bool) -> None:
        if not is_other:
            return
        if self.is_held(order.clip):
            raise UsageError(
                f"clip {order.clip[:12]} is held and keeps its retention class",
                do="lift its holds first",
            )
        _must_say(order, approval=True)

    def _must_know(self, clip: str) -> None:
        if clip not in self.clips_like(clip):
            raise UsageError(f"the archive knows no clip {clip[:12]}")

    def _own_holds(self, clip: str) -> list[HoldSaid]:
        return [one for one in self.holds_on(clip) if one.origin == ARCHIVE]

    def _sent_holds(self, clip: str, number: object) -> list[dict[str, Any]]:
        """The errands by which hold `number` went to docks, as their lifting needs them."""
        return [
            {"dock": each.dock, "errand": each.id}
            for each in self.errands_of(clip)
            if each.action == "hold" and each.parts.get("hold") == number
        ]

    def _send(self, dock: str, order: Order, at: str, what: Mapping[str, Any]) -> None:
        """Have a dock carry an order out, however long that takes."""
        row = {"id": secrets.token_hex(16), "at": at, "dock": dock, "clip": order.clip}
        why = order.why.strip() or str(what.get("note") or what.get("reason") or order.action)
        row |= {"action": order.action, "who": order.who, "why": why}
        row |= {"approval": order.approval, "what": json.dumps(dict(what), ensure_ascii=False)}
        self._db.table("errand").insert(row)

    def _journal(self, kind: Kind, order: Order, at: str, what: Mapping[str, Any]) -> None:
        whole = {**what, "approval": order.approval, "via": order.via}
        self._db.conn.execute(
            "insert into journal (at, who, kind, clip, what) values (?, ?, ?, ?, ?)",
            [at, order.who, kind.value, order.clip, json.dumps(whole, ensure_ascii=False)],
        )

    def _mark(self, clip: str) -> None:
        if self.shows:
            self._db.conn.execute("insert or ignore into unshown (clip) values (?)", [clip])


def _must_say(order: Order, *, why: bool = False, approval: bool = False) -> None:
    """Raises `UsageError` where a name, a reason or an approval reference is missing, or is no
    text."""
    if words("by", order.who).lower() == AGENT:
        raise UsageError(f"{AGENT} is no person", do="name the person who orders it")
    words("why", order.why, WHY_LIMIT, needed=why)
    words("approval", order.approval, needed=approval)


def _reason(value: object) -> str:
    known = [each.value for each in HoldReason]
    if value not in known:
        raise Malformed(f"order: a hold's reason is one of {', '.join(known)}")
    return str(value)


def _version_row(clip: str, one: Version) -> tuple[Any, ...]:
    data = json.dumps(asdict(one.data or CaseData()), ensure_ascii=False)
    return (clip, one.origin, one.log, one.version, one.n, one.at, one.who, one.why, data)


def _hold_row(clip: str, one: HoldSaid) -> tuple[Any, ...]:
    hold = one.hold
    lifted = (hold.lifted_at, hold.lifted_by, hold.lifted_why, hold.lifted_approval)
    standing: Sequence[str | None] = lifted if hold.lifted_at else (None,) * 4
    said = (hold.reason.value, hold.note, hold.who, hold.approval, hold.at)
    return (clip, one.origin, one.log, hold.number, *said, *standing)
