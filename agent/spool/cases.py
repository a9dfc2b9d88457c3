"""The ledger's side of case data and holds: every change is a new version with who, when and why.

Nothing here ever changes or drops a version or a hold; a lifted hold stays with who lifted it. How
each change stands in the custody log is told in `agent.spool.case_rows`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from agent.errors import LedgerBroken, UsageError, WrongState
from agent.log_entry import AGENT, Kind
from agent.model import CaseData, ClipId, Hold, HoldReason
from agent.spool.case_queries import CaseQueries
from agent.spool.case_rows import (
    CaseVersion,
    case_columns,
    case_text,
    changed,
    fitting,
    words,
)
from agent.spool.contacts import Contacts
from agent.spool.entry import Sighting

WHY_LIMIT = 1024


class Cases(Contacts, CaseQueries):
    """Verbs of case data and holds."""

    def annotate(
        self,
        clip: ClipId,
        changes: Mapping[str, Any],
        who: str,
        why: str,
        *,
        approval: str = "",
        via: str = "",
    ) -> CaseVersion:
        """A new version of a clip's case data, where `changes` (fields of `CaseData`) change
        anything; the newest version.

        Another retention class needs an `approval`, and there is none while a hold stands: a held
        clip keeps its class. Raises `UsageError` for what cannot be and for missing words,
        `WrongState` for an unknown clip and a held one.
        """
        said = {"who": words("by", who), "why": words("why", why, WHY_LIMIT)}
        approval = words("approval", approval, needed=False)
        with self._writing():
            seq = self._seq(clip)
            newest = self.case_of(clip)
            before = newest.case if newest else CaseData()
            after = changed(before, changes)
            self._check_class(clip, before, after, approval)
            if newest and after == before:
                return newest
            number = newest.version + 1 if newest else 1
            self._keep_case(seq, number, after, **said)
            told = _difference(before, after, first=newest is None)
            extra = _given(approval=approval, via=via)
            what = {"version": number, "why": said["why"], **told, **extra}
            self._enter(Kind.ANNOTATED, clip=clip, who=said["who"], **what)
            return self._insist_case(clip)

    def hold(
        self, clip: ClipId, reason: HoldReason, note: str, who: str, approval: str, *, via: str = ""
    ) -> Hold:
        """From here on the clip is neither cleared nor due, whatever its class is.

        A hold never waits for papers: `approval` may be empty. `HoldReason.OTHER` needs a note.
        Raises `UsageError`, and `WrongState` for an unknown clip.
        """
        who = words("by", who)
        note = words("note", note, WHY_LIMIT, needed=reason is HoldReason.OTHER)
        approval = words("approval", approval, needed=False)
        with self._writing():
            columns = {"reason": reason.value, "note": note, "approval": approval}
            seq = self._seq(clip)
            number = self._insert("hold", clip=seq, who=who, at=self._now(), **columns)
            self._hurry(seq)
            extra = _given(via=via)
            self._enter(Kind.HELD, clip=clip, who=who, hold=number, **columns, **extra)
            return next(each for each in self.holds(clip) if each.number == number)

    def lift(
        self, clip: ClipId, number: int, who: str, why: str, approval: str, *, via: str = ""
    ) -> Hold:
        """A hold stands no more. Raises `UsageError` unless there are a name, a reason and the
        reference of an approval, `WrongState` where no such hold stands on the clip."""
        who, why = words("by", who), words("why", why, WHY_LIMIT)
        approval = words("approval", approval)
        with self._writing():
            self._seq(clip)
            if number not in {each.number for each in self.holds(clip)}:
                raise WrongState(f"no hold {number} stands on clip {clip[:12]}")
            self._database.change(
                """UPDATE hold SET lifted_at = ?, lifted_by = ?, lifted_why = ?,
                    lifted_approval = ? WHERE id = ? AND lifted_at IS NULL""",
                [self._now(), who, why, approval, number],
            )
            told = {"hold": number, "why": why, "approval": approval}
            self._enter(Kind.LIFTED, clip=clip, who=who, **told, **_given(via=via))
            return next(each for each in self.holds(clip, lifted=True) if each.number == number)

    def _see(self, sighting: Sighting) -> bool:
        """Whose a clip is, is settled in the transaction that first sees it, and for good."""
        is_new = super()._see(sighting)
        if is_new and sighting.owned:
            case, why = fitting(sighting.owned.case), sighting.owned.why
            self._keep_case(self._seq(sighting.clip), 1, case, who=AGENT, why=why)
            told: dict[str, Any] = _difference(CaseData(), case, first=True)
            self._enter(Kind.ANNOTATED, clip=sighting.clip, version=1, why=why, **told)
        return is_new

    def _keep_case(self, seq: int, number: int, case: CaseData, *, who: str, why: str) -> None:
        said = {"at": self._now(), "who": who, "why": why}
        self._insert("case_version", clip=seq, version=number, **said, fields=case_text(case))
        columns = {"version": number, **case_columns(case)}
        names, values = ", ".join(columns), ", ".join(f":{name}" for name in columns)
        sets = ", ".join(f"{name} = excluded.{name}" for name in columns)
        sql = f"""INSERT INTO case_now (clip, {names}) VALUES (:clip, {values})
            ON CONFLICT DO UPDATE SET {sets}"""  # noqa: S608, names of our own
        self._database.change(sql, {**columns, "clip": seq})
        if case.retention or case.importance:
            self._hurry(seq)

    def _hurry(self, seq: int) -> None:
        """On the uplink it goes before others; where it is not archived already."""
        self._database.change(
            """INSERT INTO urgent SELECT seq FROM clip WHERE seq = ?
                AND state NOT IN ('receipted', 'released') ON CONFLICT DO NOTHING""",
            [seq],
        )

    def _check_class(self, clip: ClipId, before: CaseData, after: CaseData, approval: str) -> None:
        if after.retention == before.retention:
            return
        if self.holds(clip):
            raise WrongState(
                f"clip {clip[:12]} is held and keeps its retention class", do="lift its holds first"
            )
        if not approval:
            raise UsageError("another retention class needs an approval", do="name it: --approval")

    def _seq(self, clip: ClipId) -> int:
        seq = self._database.value("SELECT seq FROM clip WHERE id = ?", [clip])
        if seq is None:
            raise WrongState(f"the ledger knows no clip {clip[:64]}")
        return int(seq)

    def _insist_case(self, clip: ClipId) -> CaseVersion:
        if (found := self.case_of(clip)) is None:
            raise LedgerBroken(f"the case data of clip {clip} vanished from the ledger")
        return found


def _difference(before: CaseData, after: CaseData, *, first: bool) -> dict[str, dict[str, Any]]:
    """The fields that changed, as the custody log tells them."""
    old, new = asdict(before), asdict(after)
    names = [name for name in new if new[name] != old[name]]
    return {
        "before": {} if first else {name: old[name] for name in names},
        "after": {name: new[name] for name in names},
    }


def _given(**words: str) -> dict[str, str]:
    return {name: value for name, value in words.items() if value}
