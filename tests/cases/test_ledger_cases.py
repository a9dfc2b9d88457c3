"""Case data and holds in the ledger: versions are never lost, a held clip stays as it is."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import BodydockError, UsageError, WrongState
from agent.log_entry import Kind
from agent.model import CaseData, ClipId, HoldReason
from agent.spool.case_queries import Wanted
from agent.spool.case_rows import FIELDS, REMARK_LIMIT, WORD_LIMIT
from agent.spool.entry import Owned
from agent.spool.ledger import Ledger
from tests.spool.places import RECEIPT

from .books import IDENTITY, OWNED, clip_id, ledger_in, moment, seen, sighting, spooled


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(ledger_in(tmp_path)) as ledger:
        yield ledger


def kinds(ledger: Ledger, clip: ClipId) -> list[Kind]:
    return [each.kind for each in ledger.journal.of(clip)]


def test_whose_a_clip_is_stands_from_its_first_sight(ledger: Ledger) -> None:
    clip = seen(ledger)
    first = ledger.case_of(clip)
    assert first is not None
    assert (first.version, first.who, first.why) == (1, "bodydock", "register of recorders")
    assert first.case == OWNED.case
    found, annotated = ledger.journal.of(clip)
    assert (found.kind, annotated.kind) == (Kind.FOUND, Kind.ANNOTATED)
    assert annotated.what == {
        "version": 1,
        "why": "register of recorders",
        "before": {},
        "after": {name: v for name, v in asdict(OWNED.case).items() if v},
    }


def test_moving_an_officer_moves_no_old_clip(ledger: Ledger) -> None:
    clip = seen(ledger)
    moved = Owned(replace(OWNED.case, officer="999999"), "register of recorders")
    seen(ledger, owned=moved)
    newest = ledger.case_of(clip)
    assert newest is not None
    assert newest.case == OWNED.case
    assert len(ledger.case_versions(clip)) == 1


def test_a_clip_that_was_known_without_an_owner_gets_none_later(ledger: Ledger) -> None:
    clip = seen(ledger, owned=None)
    seen(ledger, owned=OWNED)
    assert ledger.case_of(clip) is None
    assert ledger.annotate(clip, {"officer": "1"}, "赵队", "补录").version == 1


def test_each_change_is_a_version_with_who_when_and_why(ledger: Ledger) -> None:
    clip = seen(ledger)
    made = ledger.annotate(clip, {"party": " 王某 ", "importance": 3}, "赵队", "补录", via="uid 7")
    assert (made.version, made.who, made.why) == (2, "赵队", "补录")
    assert made.case == replace(OWNED.case, party="王某", importance=3)
    told = ledger.journal.of(clip)[-1]
    assert (told.kind, told.who) == (Kind.ANNOTATED, "赵队")
    assert told.what == {
        "version": 2,
        "why": "补录",
        "before": {"party": "", "importance": 0},
        "after": {"party": "王某", "importance": 3},
        "via": "uid 7",
    }
    assert [each.version for each in ledger.case_versions(clip)] == [1, 2]


def test_what_changes_nothing_is_no_version(ledger: Ledger) -> None:
    clip = seen(ledger)
    assert ledger.annotate(clip, {"officer": "110101"}, "赵队", "再查").version == 1
    assert kinds(ledger, clip) == [Kind.FOUND, Kind.ANNOTATED]


WRONG: dict[str, dict[str, Any]] = {
    "an unknown field": {"colour": "red"},
    "no text": {"party": 5},
    "too long": {"party": "x" * (WORD_LIMIT + 1)},
    "a remark too long": {"remark": "x" * (REMARK_LIMIT + 1)},
    "control characters": {"party": "a\x1b[2Jb"},
    "half a character": {"party": "\ud800"},
    "no number": {"importance": "5"},
    "a truth": {"importance": True},
    "too important": {"importance": 10},
    "no zone": {"used_from": "2026-08-04T10:00:00"},
    "no moment": {"used_until": "yesterday"},
    "an end before its beginning": {
        "used_from": "2026-08-04T10:00:00Z",
        "used_until": "2026-08-04T09:00:00Z",
    },
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_is_refused_and_changes_nothing(
    ledger: Ledger, changes: dict[str, Any]
) -> None:
    clip = seen(ledger)
    with pytest.raises(UsageError):
        ledger.annotate(clip, {"officer": "7", **changes}, "赵队", "补录")
    assert len(ledger.case_versions(clip)) == 1
    assert len(ledger.journal.of(clip)) == 2


def test_moments_are_kept_in_utc_and_chinese_spaces_are_no_control(ledger: Ledger) -> None:
    clip = seen(ledger)
    changes = {"used_from": "2026-08-04T10:00:00+08:00", "remark": "第一行\n\u3000第二行"}
    case = ledger.annotate(clip, changes, "赵队", "补录").case
    assert (case.used_from, case.remark) == ("2026-08-04T02:00:00.000Z", changes["remark"])


def test_the_longest_words_fit_the_custody_log(ledger: Ledger) -> None:
    clip = seen(ledger)
    for glyph in ("警", "\U0001f46e"):
        long = {name: glyph * WORD_LIMIT for name in FIELDS if name not in TYPED}
        long["remark"] = glyph * REMARK_LIMIT
        ledger.annotate(clip, long, "赵" * 255, glyph * 1024)
    assert len(ledger.case_versions(clip)) == 3


TYPED = {"importance", "used_from", "used_until", "retention"}


@pytest.mark.parametrize(("who", "why"), [("", "w"), (" ", "w"), ("w", ""), ("w", " \n")])
def test_nobody_and_no_reason_change_nothing(ledger: Ledger, who: str, why: str) -> None:
    clip = seen(ledger)
    with pytest.raises(UsageError, match="is needed"):
        ledger.annotate(clip, {"party": "x"}, who, why)


def test_an_unknown_clip_is_said(ledger: Ledger) -> None:
    for act in (
        lambda: ledger.annotate(clip_id(7), {"party": "x"}, "a", "b"),
        lambda: ledger.hold(clip_id(7), HoldReason.EVIDENCE, "", "a", ""),
        lambda: ledger.lift(clip_id(7), 1, "a", "b", "c"),
    ):
        with pytest.raises(WrongState, match="knows no clip"):
            act()


def test_a_hold_stands_until_it_is_lifted_and_stays_known(ledger: Ledger) -> None:
    clip = seen(ledger)
    made = ledger.hold(clip, HoldReason.DISPUTE, "投诉", "赵队", "")
    assert ledger.holds(clip) == [made]
    assert ledger.safety_of(clip).holds == 1
    lifted = ledger.lift(clip, made.number, "钱局", "已结案", "京2026-1")
    assert not lifted.stands
    assert (lifted.lifted_by, lifted.lifted_why, lifted.lifted_approval) == (
        "钱局", "已结案", "京2026-1",
    )  # fmt: skip
    assert ledger.holds(clip) == []
    assert ledger.holds(clip, lifted=True) == [lifted]
    assert kinds(ledger, clip)[-2:] == [Kind.HELD, Kind.LIFTED]
    with pytest.raises(WrongState, match="no hold"):
        ledger.lift(clip, made.number, "钱局", "再来", "京2026-1")


@pytest.mark.parametrize("missing", range(3))
def test_lifting_needs_a_name_a_reason_and_an_approval(ledger: Ledger, missing: int) -> None:
    clip = seen(ledger)
    made = ledger.hold(clip, HoldReason.OBSTRUCTION, "", "赵队", "")
    words = ["钱局", "已结案", "京2026-1"]
    words[missing] = " "
    with pytest.raises(UsageError, match="is needed"):
        ledger.lift(clip, made.number, *words)
    assert ledger.holds(clip) == [made]


def test_another_reason_says_which(ledger: Ledger) -> None:
    clip = seen(ledger)
    with pytest.raises(UsageError, match="note is needed"):
        ledger.hold(clip, HoldReason.OTHER, "", "赵队", "")


def test_a_hold_of_another_clip_is_not_lifted(ledger: Ledger) -> None:
    one, other = seen(ledger, 1), seen(ledger, 2)
    made = ledger.hold(one, HoldReason.EVIDENCE, "", "赵队", "")
    with pytest.raises(WrongState):
        ledger.lift(other, made.number, "钱局", "已结案", "京2026-1")
    assert ledger.holds(one) == [made]


def test_a_retention_class_needs_an_approval_and_a_held_clip_keeps_its_own(ledger: Ledger) -> None:
    clip = seen(ledger)
    with pytest.raises(UsageError, match="approval"):
        ledger.annotate(clip, {"retention": "evidence"}, "赵队", "立案")
    made = ledger.annotate(clip, {"retention": "evidence"}, "赵队", "立案", approval="京2026-2")
    assert ledger.journal.of(clip)[-1].what["approval"] == "京2026-2"
    hold = ledger.hold(clip, HoldReason.EVIDENCE, "", "赵队", "")
    with pytest.raises(WrongState, match="keeps its retention class"):
        ledger.annotate(clip, {"retention": "routine"}, "赵队", "撤案", approval="京2026-3")
    assert ledger.annotate(clip, {"party": "王某"}, "赵队", "补录").version == made.version + 1
    ledger.lift(clip, hold.number, "钱局", "撤案", "京2026-3")
    ledger.annotate(clip, {"retention": "routine"}, "赵队", "撤案", approval="京2026-3")


def test_held_and_evidence_go_to_the_archive_first(ledger: Ledger) -> None:
    for number in range(1, 9):
        spooled(ledger, number)
    ledger.hold(clip_id(7), HoldReason.EVIDENCE, "", "赵队", "")
    ledger.annotate(clip_id(5), {"retention": "evidence"}, "赵队", "立案", approval="1")
    now = moment("2026-08-04T03:00:00Z")
    assert numbers(ledger.to_send(now, 4)) == [5, 7, 1, 2]
    assert numbers(ledger.to_send(now, 1)) == [5]
    assert numbers(ledger.to_send(now, 99)) == [5, 7, 1, 2, 3, 4, 6, 8]
    assert [each.urgent for each in ledger.to_send(now, 3)] == [True, True, False]


def test_what_arrived_is_urgent_no_more(ledger: Ledger) -> None:
    clip = spooled(ledger, 1)
    ledger.hold(clip, HoldReason.EVIDENCE, "", "赵队", "")
    ledger.receipted(clip, RECEIPT)
    ledger.hold(clip, HoldReason.DISPUTE, "", "赵队", "")
    entry = ledger.find(clip)
    assert entry is not None
    assert not entry.urgent


def test_clips_are_found_by_the_fields_of_article_17(ledger: Ledger) -> None:
    case = replace(
        OWNED.case,
        used_from="2026-08-04T02:00:00.000Z",
        used_until="2026-08-04T02:00:09.000Z",
        party="王某某",
        cause="违章停车",
        case_number="京公2026-77",
    )
    one = seen(ledger, 1, Owned(case, "x"))
    seen(ledger, 2, Owned(replace(case, officer="2", officer_name="李四", unit="西城"), "x"))
    other = CaseData(name="b", used_from="2026-08-05T02:00:00.000Z")
    seen(ledger, 3, Owned(other, "x"))
    seen(ledger, 4, None)
    ledger.hold(one, HoldReason.DISPUTE, "", "赵队", "")
    asked: dict[Wanted, list[int]] = {
        Wanted(): [1, 2, 3, 4],
        Wanted(officer="110101"): [1],
        Wanted(officer="李四"): [2],
        Wanted(officer="110"): [],
        Wanted(unit="西城"): [2],
        Wanted(party="王某"): [1, 2],
        Wanted(party="王某", officer="张三"): [1],
        Wanted(cause="停车"): [1, 2],
        Wanted(name="a.mp"): [1, 2],
        Wanted(case_number="京公2026-77", held=True): [1],
        Wanted(case_number=""): [],
        Wanted(held=True): [1],
        Wanted(since=moment("2026-08-04T02:00:09Z")): [1, 2],
        Wanted(since=moment("2026-08-04T02:00:10Z")): [],
        Wanted(until=moment("2026-08-04T02:00:00Z")): [],
        Wanted(until=moment("2026-08-04T02:00:01Z")): [1, 2],
        Wanted(recorder=IDENTITY.serial, prefix="00"): [1, 2, 3, 4],
        Wanted(recorder="S2"): [],
        Wanted(party="%' OR 1=1 --"): [],
    }
    for wanted, expected in asked.items():
        assert sorted(numbers(ledger.search(wanted))) == expected, wanted


def numbers(entries: list[Any]) -> list[int]:
    return [int(each.clip, 16) for each in entries]


TEXTS = st.text(max_size=300)
CHANGES = st.dictionaries(
    st.sampled_from([*FIELDS, "colour"]), TEXTS | st.integers(-2, 12), max_size=4
)
ACTS: st.SearchStrategy[Any] = st.one_of(
    st.tuples(st.just("annotate"), st.integers(1, 3), CHANGES, TEXTS),
    st.tuples(st.just("see"), st.integers(1, 3), st.just({}), TEXTS),
    st.tuples(st.just("hold"), st.integers(1, 3), st.just({}), TEXTS),
    st.tuples(st.just("lift"), st.integers(1, 3), st.just({}), TEXTS),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTS, max_size=12))
def test_no_version_is_ever_lost_and_the_log_tells_them_all(acts: list[Any]) -> None:
    """Whatever people do in whatever order: what was there stays, and the log gives it again."""
    with tempfile.TemporaryDirectory() as folder, closing(ledger_in(Path(folder))) as ledger:
        before: dict[int, list[Any]] = {}
        for action, number, changes, text in acts:
            _do(ledger, action, number, changes, text)
            for each in range(1, 4):
                versions = ledger.case_versions(clip_id(each))
                assert versions[: len(before.get(each, []))] == before.get(each, [])
                assert [one.version for one in versions] == list(range(1, len(versions) + 1))
                before[each] = versions
                assert _told(ledger, clip_id(each)) == [one.case for one in versions]
                if versions:
                    assert versions[0].case.officer == OWNED.case.officer
                    assert ledger.case_of(clip_id(each)) == versions[-1]


def _do(ledger: Ledger, action: str, number: int, changes: dict[str, Any], text: str) -> None:
    clip, size = clip_id(number), ledger.journal.size
    try:
        match action:
            case "annotate":
                ledger.annotate(clip, changes, "赵队", "补录", approval=text)
            case "see":
                case = replace(OWNED.case, party=text, remark=text)
                ledger.see(sighting(ledger, number, Owned(case, "x")))
            case "hold":
                ledger.hold(clip, HoldReason.OTHER, text, "赵队", "")
            case _:
                standing = ledger.holds(clip)
                ledger.lift(clip, standing[0].number if standing else 1, "赵队", "完", text)
    except BodydockError:
        assert ledger.journal.size == size, "what was refused left nothing"


def _told(ledger: Ledger, clip: ClipId) -> list[CaseData]:
    """The versions as an archive makes them again from the custody log alone."""
    found = [CaseData()]
    for each in ledger.journal.of(clip):
        if each.kind is Kind.ANNOTATED:
            before, after = each.what["before"], each.what["after"]
            assert all(getattr(found[-1], name) == value for name, value in before.items())
            found.append(replace(found[-1], **after))
    return found[1:]
