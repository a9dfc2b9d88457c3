"""What was said of a clip folds into one result, in whatever order and however often it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.archive.folding import ARCHIVE, Folded, Said, case_data, fold
from agent.errors import Malformed
from agent.log_entry import Kind
from agent.model import CaseData, HoldReason
from agent.wire.contract import Manifest
from agent.wire.facts import CaseFacts, HoldFacts

from .docks import manifest_of


def at(minute: int) -> str:
    return f"2026-11-23T08:{minute:02}:00.000Z"


def said(
    origin: str, n: int, kind: Kind, what: Mapping[str, Any], minute: int = -1, log: int = 0
) -> Said:
    return Said(origin, log, n, kind, at(n if minute < 0 else minute), f"p{n}", what)


def version(
    origin: str, n: int, number: int, minute: int = -1, /, log: int = 0, **after: Any
) -> Said:
    what = {"version": number, "why": "w", "before": {}, "after": after}
    return said(origin, n, Kind.ANNOTATED, what, minute, log)


def now(folded: Folded) -> CaseData:
    assert folded.now is not None
    return folded.now


def test_nothing_said_is_nothing_known() -> None:
    assert fold([]) == Folded()
    assert fold([], [manifest_of(b"one")]) == Folded()


def test_every_version_stays_with_who_when_and_why() -> None:
    folded = fold([version("d1", 3, 1, officer="7"), version("d1", 9, 2, party="Zhang")])
    found = [(v.origin, v.version, v.n, v.who, v.why, v.at) for v in folded.versions]
    assert found == [("d1", 1, 3, "p3", "w", at(3)), ("d1", 2, 9, "p9", "w", at(9))]
    assert now(folded) == CaseData(officer="7", party="Zhang")
    assert folded.versions[0].data == CaseData(officer="7")


def test_a_remark_at_one_dock_takes_nothing_from_what_another_said() -> None:
    folded = fold(
        [version("d1", 1, 1, party="Zhang"), version("d2", 2, 1, remark="night", officer="7")]
    )
    assert now(folded) == CaseData(party="Zhang", remark="night", officer="7")
    assert folded.disputed == {}


def test_two_who_did_not_know_of_each_other_are_shown_and_the_later_stands() -> None:
    folded = fold([version("d1", 5, 1, party="Li"), version("d2", 1, 1, 6, party="Zhang")])
    assert now(folded).party == "Zhang"
    assert folded.disputed == {"party": (("d1", "Li"), ("d2", "Zhang"))}


def test_whoever_knows_what_stood_settles_it() -> None:
    what = {"version": 1, "why": "", "before": {"party": "Zhang"}, "after": {"party": "Wang"}}
    folded = fold(
        [
            version("d1", 5, 1, party="Li"),
            version("d2", 1, 1, 6, party="Zhang"),
            said(ARCHIVE, 1, Kind.ANNOTATED, what, 7),
        ]
    )
    assert (now(folded).party, folded.disputed) == ("Wang", {})


def test_within_a_log_its_order_counts_and_not_its_clock() -> None:
    folded = fold([version("d1", 1, 1, 30, party="Li"), version("d1", 2, 2, 10, party="Zhang")])
    assert now(folded).party == "Zhang"
    assert folded.at == at(30)


def test_a_log_that_began_anew_comes_after_the_old_one() -> None:
    folded = fold(
        [version("d1", 7, 5, 50, party="Li"), version("d1", 1, 1, 20, log=1, party="Zhang")]
    )
    assert now(folded).party == "Zhang"
    assert len(folded.versions) == 2


def case_manifest(**changes: Any) -> Manifest:
    return manifest_of(b"one", case=CaseFacts(version=2, officer="7", party="Li"), **changes)


def test_a_manifest_tells_until_the_log_does() -> None:
    alone = fold([], [case_manifest()])
    assert now(alone) == CaseData(officer="7", party="Li")
    assert [(v.origin, v.version, v.who) for v in alone.versions] == [("d1", 2, "")]
    told = [version("d1", 1, 1, officer="7"), version("d1", 2, 2, party="Li")]
    both = fold(told, [case_manifest(), case_manifest(spooled_at=at(59))])
    assert both == fold(told)


def test_what_breaks_its_form_is_left_out() -> None:
    broken: list[Mapping[str, Any]] = [
        {},
        {"version": True, "after": {}},
        {"version": 1, "after": []},
        {"version": 1, "after": {"importance": "high"}},
        {"version": 1, "after": {"party": 7}},
        {"version": 1, "after": {"party": "x" * 5000}},
    ]
    said_ = [said("d1", n, Kind.ANNOTATED, what) for n, what in enumerate(broken)]
    said_ += [said("d1", 10, Kind.HELD, {"hold": "1"}), said("d1", 11, Kind.LIFTED, {})]
    assert fold(said_) == Folded()
    unknown = version("d1", 1, 1, colour="red", party="Li")
    assert now(fold([unknown])) == CaseData(party="Li")


@pytest.mark.parametrize("value", [-1, 10, True, 1.0, None])
def test_importance_is_a_number_from_0_to_9(value: object) -> None:
    with pytest.raises(Malformed, match="importance"):
        case_data({"importance": value})


# Holds.


def held(origin: str, n: int, number: int, **what: Any) -> Said:
    facts = {"hold": number, "reason": "dispute", "note": "x", "approval": "A"} | what
    return said(origin, n, Kind.HELD, facts)


def lifted(origin: str, n: int, number: int) -> Said:
    return said(origin, n, Kind.LIFTED, {"hold": number, "why": "over", "approval": "B"})


def test_a_hold_stands_until_it_is_lifted_and_stays_with_who_did() -> None:
    (one,) = fold([held("d1", 1, 4)]).holds
    assert one.hold.stands
    (one,) = fold([held("d1", 1, 4), lifted("d1", 2, 4)]).holds
    assert not one.hold.stands
    assert (one.hold.lifted_by, one.hold.lifted_why, one.hold.lifted_approval) == (
        "p2",
        "over",
        "B",
    )


def test_another_docks_lifting_lifts_nothing() -> None:
    folded = fold([held("d1", 1, 4), lifted("d2", 2, 4), lifted("d1", 3, 5)])
    assert [one.hold.stands for one in folded.holds] == [True]


def test_a_lifting_before_its_hold_lifts_nothing() -> None:
    assert [one.hold.stands for one in fold([lifted("d1", 1, 4), held("d1", 2, 4)]).holds] == [True]


def test_a_reason_that_nobody_knows_holds_all_the_same() -> None:
    (one,) = fold([held("d1", 1, 1, reason="comet")]).holds
    assert (one.hold.reason, one.hold.note, one.hold.stands) == (HoldReason.OTHER, "comet x", True)


def test_a_hold_in_a_manifest_is_the_one_of_the_log() -> None:
    facts = HoldFacts(reason="dispute", note="x", who="p1", approval="A", at=at(1))
    manifest = manifest_of(b"one", holds=[facts])
    (one,) = fold([], [manifest, manifest]).holds
    assert one.hold.stands
    assert one.hold.number < 0
    both = fold([held("d1", 1, 4), lifted("d1", 2, 4)], [manifest])
    assert [each.hold.stands for each in both.holds] == [False]


_WORDS = st.sampled_from(["", "Li", "Zhang"])
_SAID = st.one_of(
    st.builds(
        version,
        st.sampled_from(["", "d1", "d2"]),
        st.integers(0, 6),
        st.integers(1, 3),
        st.integers(0, 9),
        party=_WORDS,
        remark=_WORDS,
    ),
    st.builds(held, st.sampled_from(["", "d1"]), st.integers(0, 6), st.integers(1, 2)),
    st.builds(lifted, st.sampled_from(["", "d1"]), st.integers(0, 6), st.integers(1, 2)),
)
_SENT = st.sampled_from([case_manifest(), case_manifest(spooled_at=at(3)), manifest_of(b"one")])


def one_of_each(many: list[Said]) -> list[Said]:
    """A log has one entry of each number."""
    return list({(each.origin, each.n): each for each in many}.values())


@given(st.lists(_SAID, max_size=12), st.lists(_SENT, max_size=3), st.randoms())
def test_order_and_repetition_change_nothing(
    many: list[Said], sent: list[Manifest], random: Any
) -> None:
    once = one_of_each(many)
    again, sent_again = once * 2, sent * 2
    random.shuffle(again)
    random.shuffle(sent_again)
    first, second = fold(once, sent), fold(again, sent_again)
    assert first == second
    assert len(first.versions) >= len({(v.origin, v.n) for v in first.versions if v.n >= 0})
    if first.now is not None:
        assert set(asdict(first.now)) == set(asdict(CaseData()))


@given(st.lists(_SAID, max_size=12))
def test_a_hold_that_nobody_lifted_stands(many: list[Said]) -> None:
    once = one_of_each(many)
    liftings = {(e.origin, e.what["hold"]) for e in once if e.kind is Kind.LIFTED}
    for each in fold(once).holds:
        if (each.origin, each.hold.number) not in liftings:
            assert each.hold.stands
