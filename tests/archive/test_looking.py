"""Looking clips up: search, what falls due, and what docks found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.archive.catalogue import Catalogue
from agent.archive.dossier import dossier
from agent.archive.due import DueClip, Verdict, due_by, ends
from agent.archive.findings import findings
from agent.archive.search import Asked, find
from agent.clock import from_text
from agent.config import Retained
from agent.config.retention import classes
from agent.custody.envelopes import seal
from agent.log_entry import Kind
from agent.model import Clip
from agent.wire.contract import OFFER_TYPE, Manifest
from agent.wire.facts import CaseFacts, RecorderFacts, RetentionFacts, TimeFacts, ToldFacts

from .docks import manifest_of, secret_key
from .logs import annotated, entry, held, lifted, tell
from .test_catalogue import receipt_of

KEY = secret_key()


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with Catalogue(tmp_path / "catalogue.db", archive="county", epoch="e") as opened:
        yield opened


def time_of(day: str) -> TimeFacts:
    return TimeFacts(
        local=f"{day}T10:00:00",
        source="name",
        zone_offset=28_800.0,
        earliest=f"{day}T02:00:00.000Z",
        latest=f"{day}T02:00:06.000Z",
    )


def deliver(
    catalogue: Catalogue, data: bytes, *, day: str = "", officer: str = "", **changes: Any
) -> str:
    told = ToldFacts(officer=officer, time=time_of(day) if day else None)
    manifest = manifest_of(data, **({"facts": told} | changes))
    envelope = seal(OFFER_TYPE, manifest.encode(), KEY)
    catalogue.record(manifest, envelope, receipt_of(manifest), b"receipt")
    return manifest.clip


def found(catalogue: Catalogue, **asked: Any) -> list[str]:
    return [each.clip for each in find(catalogue, Asked(**asked), 10)]


def test_clips_are_found_by_each_field_of_article_17_and_the_others(catalogue: Catalogue) -> None:
    recorder = RecorderFacts(maker="A", model="1", serial="S-9", firmware="1")
    other = deliver(catalogue, b"other", day="2026-08-01")
    clip = deliver(catalogue, b"one", day="2026-08-04", recorder=recorder, dock="d2")
    fields: dict[str, Any] = {
        "name": "夜间巡查一",
        "officer": "100201",
        "officer_name": "李四",
        "unit": "Patrol 2",
        "used_from": "2026-07-01T00:00:00.000Z",
        "used_until": "2026-07-02T00:00:00.000Z",
        "party": "张三、王五",
        "cause": "无证经营",
        "case_number": "2026-17",
        "business": "market",
        "importance": 4,
        "retention": "evidence",
    }
    tell(catalogue, "d2", annotated(1, clip, 1, **fields), held(2, clip, 1))
    asked: list[dict[str, Any]] = [
        {"name": "巡查"},
        {"recorder": "S-9"},
        {"officer": "100201"},
        {"officer": "李四"},
        {"since": "2026-08-02T00:00:00.000Z"},
        {"until": "2026-07-15T00:00:00.000Z"},
        {"party": "王五"},
        {"cause": "经营"},
        {"unit": "Patrol 2"},
        {"case": "2026-17"},
        {"business": "market"},
        {"keep": "evidence"},
        {"held": True},
        {"importance": 4},
        {"dock": "d2"},
        {"party": "张三", "officer": "100201", "held": True, "recorder": "S-9"},
    ]
    assert {str(each): found(catalogue, **each) for each in asked} == {
        str(each): [clip] for each in asked
    }
    for each in ({"importance": 5}, {"party": "%"}, {"unit": "Patrol"}, {"name": "' or 1 --"}):
        assert found(catalogue, **each) == []
    assert set(found(catalogue)) == {clip, other}
    assert found(catalogue, disputed=True) == []


def test_an_officer_is_found_by_what_the_recorder_and_the_name_tell(catalogue: Catalogue) -> None:
    clip = deliver(catalogue, b"one", officer="7")
    assert found(catalogue, officer="7") == [clip]
    (one,) = find(catalogue, Asked(officer="7"), 10)
    assert (one.officer, one.holds, one.deliveries) == ("7", 0, 1)


def test_a_clip_of_several_deliveries_is_found_once(catalogue: Catalogue) -> None:
    clip = deliver(catalogue, b"one")
    deliver(catalogue, b"one", dock="d2")
    deliver(catalogue, b"two", dock="d2", clip=clip)
    (one,) = find(catalogue, Asked(recorder="S-1"), 10)
    assert (one.clip, one.deliveries) == (clip, 3)
    assert len(find(catalogue, Asked(), 10)) == 1


def test_a_class_of_the_manifest_counts_until_somebody_sets_another(catalogue: Catalogue) -> None:
    keep = RetentionFacts(name="long-term", months=120)
    clip = deliver(catalogue, b"one", retention=keep)
    assert found(catalogue, keep="long-term") == [clip]
    tell(catalogue, "d1", annotated(1, clip, 1, retention="permanent"))
    assert found(catalogue, keep="long-term") == []
    assert found(catalogue, keep="permanent") == [clip]


def test_all_that_is_known_of_a_clip_is_one_document(catalogue: Catalogue) -> None:
    clip = deliver(catalogue, b"one", case=CaseFacts(version=1, officer="7"))
    tell(catalogue, "d1", annotated(1, clip, 1, officer="7"), held(2, clip, 1))
    tell(catalogue, "d2", lifted(3, clip, 1))
    known = dossier(catalogue, clip)
    (delivery,) = known["deliveries"]
    assert delivery["manifest"]["case"]["officer"] == "7"
    assert delivery["receipt"] is None, "this one is no envelope"
    assert delivery["stored_as"].startswith("objects/")
    assert [(row["dock"], row["entry"]["kind"]) for row in known["custody"]] == [
        ("d1", "annotated"),
        ("d1", "held"),
        ("d2", "lifted"),
    ]
    assert [hold["stands"] for hold in known["holds"]] == [True]
    assert known["case"]["officer"] == "7"


# What falls due.


def due(catalogue: Catalogue, until: str, *more: Retained) -> dict[str, DueClip]:
    moment = from_text(f"{until}T00:00:00Z")
    return {each.clip: each for each in due_by(catalogue, classes(more), moment)}


def test_routine_footage_is_due_six_months_after_it_was_recorded(catalogue: Catalogue) -> None:
    clip = deliver(catalogue, b"one", day="2026-08-31")
    assert due(catalogue, "2027-02-28") == {}
    (one,) = due(catalogue, "2027-03-01").values()
    assert (one.clip, one.verdict, one.keep) == (clip, Verdict.DUE, "routine")
    assert one.due == "2027-02-28T02:00:06.000Z"


def test_where_no_time_is_known_the_receipt_counts(catalogue: Catalogue) -> None:
    deliver(catalogue, b"one")
    (one,) = due(catalogue, "2028-01-01").values()
    assert one.due == "2027-05-23T08:00:01.000Z"


def test_a_held_clip_never_falls_due_and_says_so(catalogue: Catalogue) -> None:
    clip = deliver(catalogue, b"one", day="2020-01-01")
    tell(catalogue, "d1", held(1, clip, 1), held(2, clip, 2, reason="evidence"))
    (one,) = due(catalogue, "2030-01-01").values()
    assert (one.verdict, one.holds) == (Verdict.HELD, ("dispute", "evidence"))
    tell(catalogue, "d1", lifted(3, clip, 1), lifted(4, clip, 2))
    assert [each.verdict for each in due(catalogue, "2030-01-01").values()] == [Verdict.DUE]


def test_evidence_needs_a_person_and_permanent_is_never_due(catalogue: Catalogue) -> None:
    facts = [("evidence", "case", None), ("permanent", "ever", None), ("moon", "date", None)]
    clips = [
        deliver(
            catalogue,
            name.encode(),
            retention=RetentionFacts(name=name, until=until, months=months),  # type: ignore[arg-type]
        )
        for name, until, months in facts
    ]
    known = due(catalogue, "2026-11-24")
    assert known[clips[0]].verdict is Verdict.CASE
    assert clips[1] not in known
    assert known[clips[2]].verdict is Verdict.UNKNOWN
    own = Retained(name="moon", months=1)
    assert clips[2] not in due(catalogue, "2026-11-24", own)
    assert due(catalogue, "2026-12-24", own)[clips[2]].verdict is Verdict.DUE


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(1, 1200),
)
def test_months_end_on_the_same_day_or_the_last(start: datetime, months: int) -> None:
    end = from_text(ends(start.isoformat(), months))
    assert (end.year * 12 + end.month) - (start.year * 12 + start.month) == months
    assert end.day == start.day or (end.day < start.day and end.day >= 28)
    assert end.timetz().replace(microsecond=0) == start.timetz().replace(microsecond=0)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-08-04", "9999-12-31T00:00:00Z"])
def test_what_is_no_moment_ends_never(text: str) -> None:
    assert ends(text, 6) == ""


# Findings.


def vanished(n: int, serial: str, clip: Clip) -> str:
    about = [[clip.path, clip.size, clip.recorded, "this dock never had it"]]
    what: dict[str, Any] = {
        "contact": 1,
        "serial": serial,
        "bay": "3",
        "before": "x",
        "after": "y",
        "number": 1,
    }
    return entry(n, Kind.FINDING, finding="vanished", about=about, **what)


def test_what_vanished_here_and_was_cleared_there_says_so(catalogue: Catalogue) -> None:
    clip = Clip("", "DCIM/1.MP4", 5, "20260804T100000")
    tell(catalogue, "d1", vanished(1, "S-1", clip), vanished(2, "S-2", clip))
    tell(catalogue, "d2", entry(1, Kind.CLEARED, clip.id_on("S-1"), contact=4))
    first, second = findings(catalogue)
    assert [(e.dock, e.cleared, e.clip) for e in first.elsewhere] == [
        ("d2", True, clip.id_on("S-1"))
    ]
    assert second.elsewhere == ()
    assert "footage that was never pulled" in first.words
    assert len(list(findings(catalogue, recorder="S-2"))) == 1
    assert list(findings(catalogue, dock="d2")) == []
    assert [e.kind for e in findings(catalogue, dock="d2", cleared=True)] == ["cleared"]


def test_a_finding_of_a_form_that_nobody_knows_is_shown_all_the_same(
    catalogue: Catalogue,
) -> None:
    odd: list[Any] = [7, [1], ["p", "five", ""], ["p", 5, None]]
    tell(catalogue, "d1", entry(1, Kind.FINDING, finding="vanished", about=odd, number="many"))
    tell(catalogue, "d1", entry(2, Kind.FINDING, finding="odd", about="x"))
    assert [(each.kind, each.number) for each in findings(catalogue)] == [
        ("vanished", 1),
        ("odd", 1),
    ]


def test_a_manifest_in_the_archive_accounts_for_a_clip_that_vanished(
    catalogue: Catalogue,
) -> None:
    clip = Clip("", "DCIM/1.MP4", 3, "20260804T100000")
    manifest: Manifest = manifest_of(b"one", clip=clip.id_on("S-1"), dock="d2")
    catalogue.record(manifest, b"offer", receipt_of(manifest), b"receipt")
    tell(catalogue, "d1", vanished(1, "S-1", clip))
    (one,) = findings(catalogue)
    assert [(e.dock, e.cleared) for e in one.elsewhere] == [("d2", False)]
