"""What docks and the archive said of a clip's case data and holds, folded into what stands. Pure.

Statements come from custody logs, from the archive's own journal and, until the log has them too,
from manifests. The result depends on what was said and never on the order in which it arrived, so
that everything folded can be made anew at any time.

- Every version stays. Of each field the newest *change* stands, so that a remark written at a dock
  takes nothing from a case party that the archive knows.
- Within one log the order of its entries counts, whatever its clock says; between origins, time.
- A field is disputed where somebody changed it without knowing what another origin had said of it;
  whoever changes it next, knowing, settles that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import timedelta
from typing import Any

from blake3 import blake3

from agent.archive.plain import is_number
from agent.clock import from_text
from agent.errors import Malformed
from agent.log_entry import Kind
from agent.model import CaseData, Hold, HoldReason, framed
from agent.wire.contract import Manifest

FOLDED = (Kind.ANNOTATED, Kind.HELD, Kind.LIFTED)
"""What these statements are made of."""
ARCHIVE = ""
"""The origin of what was said at the archive itself."""
FROM_MANIFEST = -1
"""The number of a statement that no log has told yet."""
_TEXT_LIMIT = 4096
_SAME = timedelta(seconds=5)
"""A hold in a manifest and one in the log of the same words are one where they are no farther
apart."""


@dataclass(frozen=True, slots=True)
class Said:
    """One statement: entry `n` of the log `log` of `origin`, a dock or `ARCHIVE`."""

    origin: str
    log: int
    n: int
    kind: Kind
    at: str
    who: str
    what: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a clip's case data: `data` whole, `before` and `after` of what it changed.
    `since` is when it counts from, never earlier than the versions before it."""

    origin: str
    log: int
    version: int
    n: int
    at: str
    who: str
    why: str
    data: CaseData | None
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    since: str = ""


@dataclass(frozen=True, slots=True)
class HoldSaid:
    """A hold and who set it."""

    origin: str
    log: int
    hold: Hold


@dataclass(frozen=True, slots=True)
class Folded:
    """What stands of one clip. `disputed` has, by field, the origins and values that contradict."""

    versions: tuple[Version, ...] = ()
    holds: tuple[HoldSaid, ...] = ()
    now: CaseData | None = None
    disputed: Mapping[str, tuple[tuple[str, Any], ...]] = field(default_factory=dict)

    @property
    def at(self) -> str:
        """When the newest version began to count; empty without any."""
        return self.versions[-1].since if self.versions else ""


def fold(said: Iterable[Said], manifests: Iterable[Manifest] = ()) -> Folded:
    """Everything said of one clip, in any order, repeated or not. What breaks its form is left
    out: the log itself still has it."""
    each = sorted(
        {(one.origin, one.log, one.n): one for one in said}.values(),
        key=lambda one: (one.origin, one.log, one.n),
    )
    given = sorted(manifests, key=lambda one: (one.dock, one.spooled_at, one.encode()))
    versions = _versions(each, given)
    now, disputed = _merge(versions)
    return Folded(tuple(versions), tuple(_holds(each, given)), now, disputed)


def case_data(parts: Mapping[str, Any]) -> CaseData:
    """Case data from JSON. Raises `Malformed` for a value of a wrong type, length or range."""
    known: dict[str, Any] = {}
    for each in fields(CaseData):
        value = parts.get(each.name, each.default)
        if each.name == "importance":
            if type(value) is not int or not 0 <= value <= 9:
                raise Malformed("case data: importance is a number from 0 to 9")
        elif not isinstance(value, str) or len(value) > _TEXT_LIMIT:
            raise Malformed(f"case data: {each.name} is no text of at most {_TEXT_LIMIT}")
        known[each.name] = value
    return CaseData(**known)


# Versions.


def _versions(said: Sequence[Said], manifests: Sequence[Manifest]) -> list[Version]:
    """All versions, in the order in which they count; those of manifests where no log has them."""
    chains: dict[str, list[Version]] = {}
    for one in said:
        if one.kind is Kind.ANNOTATED and (version := _told(one)) is not None:
            chains.setdefault(one.origin, []).append(version)
    known = {_same(one) for chain in chains.values() for one in _linked(chain)}
    for manifest in manifests:
        if manifest.case is not None:
            chain = chains.setdefault(manifest.dock, [])
            sent = _sent(manifest, max((one.log for one in chain), default=0))
            if _same(sent) not in known:
                known.add(_same(sent))
                chain.append(sent)
    linked = [one for chain in chains.values() for one in _linked(chain)]
    return sorted(linked, key=_rank)


def _rank(one: Version) -> tuple[object, ...]:
    """At the same moment the archive's own comes last: whoever wrote it saw the others."""
    return (one.since, one.origin == ARCHIVE, one.origin, one.log, one.version, one.n)


def _told(one: Said) -> Version | None:
    """A version as the log tells it; its data follow from those before it."""
    version, after, why = (one.what.get(name) for name in ("version", "after", "why"))
    if not is_number(version) or not isinstance(after, dict):
        return None
    since = one.what.get("counts_from") if one.origin == ARCHIVE else None
    return Version(
        origin=one.origin,
        log=one.log,
        version=version,
        n=one.n,
        at=one.at,
        who=one.who,
        why=why if isinstance(why, str) else "",
        data=None,
        before=_known(one.what.get("before")),
        after=_known(after),
        since=since if isinstance(since, str) else one.at,
    )


def _known(values: object) -> dict[str, Any]:
    """Fields of case data alone."""
    names = {each.name for each in fields(CaseData)}
    pairs = values.items() if isinstance(values, dict) else ()
    return {name: value for name, value in pairs if name in names}


def _sent(manifest: Manifest, log: int) -> Version:
    """The version that a manifest carries; who set it, and why, only the log tells."""
    case = manifest.case.model_dump() if manifest.case else {"version": 0}
    version, at = case.pop("version"), manifest.spooled_at
    data = CaseData(**case)
    return Version(manifest.dock, log, version, FROM_MANIFEST, at, "", "", data, since=at)


def _linked(chain: list[Version]) -> Iterator[Version]:
    """One origin's versions in their own order, each with its data whole: it changed what it says,
    and counts no earlier than the one before it."""
    last = CaseData()
    since, log = "", 0
    for one in sorted(chain, key=lambda each: (each.log, each.version, each.n)):
        old = last if one.log == log and one.version > 1 else CaseData()
        data = one.data or _changed(old, one.after)
        if data is None:
            continue
        after = _difference(old, data) if one.data else one.after
        before = {**{name: getattr(old, name) for name in after}, **one.before}
        since, log, last = max(one.since, since), one.log, data
        yield replace(one, data=data, before=before, after=after, since=since)


def _same(one: Version) -> tuple[object, ...]:
    """Equal for the same version by a log and by a manifest."""
    return (one.origin, one.log, one.version, one.data)


def _changed(old: CaseData, after: Mapping[str, Any]) -> CaseData | None:
    try:
        return case_data({**asdict(old), **after})
    except Malformed:
        return None


def _difference(old: CaseData, new: CaseData) -> dict[str, Any]:
    was, now = asdict(old), asdict(new)
    return {name: now[name] for name in now if was[name] != now[name]}


def _merge(
    versions: Sequence[Version],
) -> tuple[CaseData | None, dict[str, tuple[tuple[str, Any], ...]]]:
    """What stands of each field, and which are disputed."""
    now: dict[str, Any] = {}
    by: dict[str, str] = {}
    disputed: dict[str, tuple[tuple[str, Any], ...]] = {}
    empty = CaseData()
    for one in versions:
        for name, value in one.after.items():
            before, stood = one.before.get(name), now.get(name, getattr(empty, name))
            if value == stood or before == stood or by.get(name, one.origin) == one.origin:
                disputed.pop(name, None)
            else:
                disputed[name] = ((by[name], stood), (one.origin, value))
            now[name], by[name] = value, one.origin
    return (CaseData(**now) if versions else None), disputed


# Holds.


def _holds(said: Sequence[Said], manifests: Sequence[Manifest]) -> list[HoldSaid]:
    """All holds, lifted or not, by origin and number."""
    found: dict[tuple[str, int, int], HoldSaid] = {}
    for one in said:
        number = one.what.get("hold")
        if not is_number(number):
            continue
        key = (one.origin, one.log, number)
        if one.kind is Kind.HELD and key not in found:
            found[key] = HoldSaid(one.origin, one.log, _held(one, number))
        elif one.kind is Kind.LIFTED and key in found and found[key].hold.stands:
            found[key] = replace(found[key], hold=_lifted(found[key].hold, one))
    for manifest in manifests:
        told = [each.hold for each in found.values() if each.origin == manifest.dock]
        for hold in _sent_holds(manifest):
            if not any(_same_hold(hold, each) for each in told):
                found.setdefault((manifest.dock, 0, hold.number), HoldSaid(manifest.dock, 0, hold))
    return [found[key] for key in sorted(found)]


def _held(one: Said, number: int) -> Hold:
    """A reason that this program does not know holds all the same."""
    reason, note, approval = (_text(one.what, name) for name in ("reason", "note", "approval"))
    known = {each.value for each in HoldReason}
    if reason not in known:
        reason, note = HoldReason.OTHER.value, f"{reason} {note}".strip()
    return Hold(number, HoldReason(reason), note, one.who, approval, one.at)


def _lifted(hold: Hold, one: Said) -> Hold:
    why, approval = _text(one.what, "why"), _text(one.what, "approval")
    return replace(
        hold, lifted_at=one.at, lifted_by=one.who, lifted_why=why, lifted_approval=approval
    )


def _sent_holds(manifest: Manifest) -> Iterator[Hold]:
    for each in manifest.holds or ():
        words = [each.reason, each.note, each.who, each.approval, each.at]
        number = -1 - int(blake3(framed(words)).hexdigest()[:12], 16)
        what = {"reason": each.reason, "note": each.note, "approval": each.approval}
        yield _held(
            Said(manifest.dock, 0, FROM_MANIFEST, Kind.HELD, each.at, each.who, what), number
        )


def _same_hold(one: Hold, other: Hold) -> bool:
    words = (one.reason, one.note, one.who, one.approval)
    if words != (other.reason, other.note, other.who, other.approval) or other.number < 0:
        return one.number == other.number
    try:
        return abs(from_text(one.at) - from_text(other.at)) <= _SAME
    except (ValueError, OverflowError):
        return one.at == other.at


def _text(what: Mapping[str, Any], name: str) -> str:
    value = what.get(name, "")
    return value if isinstance(value, str) else ""
