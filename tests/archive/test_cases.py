"""Case data and holds in the catalogue: from logs, manifests and people, and orders to docks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.archive.catalogue import Catalogue
from agent.archive.dossier import dossier
from agent.archive.errands import REPEAT_S, Errands
from agent.archive.findings import findings
from agent.archive.trust import Trust
from agent.custody.envelopes import seal, unseal
from agent.custody.keys import SecretKey
from agent.custody.orders import Order
from agent.errors import Malformed, UsageError
from agent.log_entry import Kind
from agent.model import CaseData
from agent.wire.contract import OFFER_TYPE, Manifest, decode
from agent.wire.evidence import COMMAND_TYPE, RESULT_TYPE, Command, Result
from agent.wire.facts import CaseFacts, HoldFacts, RetentionFacts

from .docks import Watch, manifest_of, secret_key
from .logs import annotated, entry, held, lifted, tell
from .test_catalogue import receipt_of

NOW = "2026-11-23T09:00:00.000Z"
KEY = secret_key()
DOCK_KEY = secret_key()


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with Catalogue(tmp_path / "catalogue.db", archive="county", epoch="e") as opened:
        yield opened


def deliver(catalogue: Catalogue, data: bytes = b"one", **changes: Any) -> Manifest:
    manifest = manifest_of(data, **changes)
    envelope = seal(OFFER_TYPE, manifest.encode(), DOCK_KEY)
    catalogue.record(manifest, envelope, receipt_of(manifest), b"receipt")
    return manifest


def order(action: str, clip: str, *, approval: str = "", why: str = "asked", **what: Any) -> Order:
    return Order(action, clip, "chen", why, approval, what, "uid 7")


def folded(catalogue: Catalogue, clip: str) -> tuple[Any, ...]:
    holds = catalogue.holds_on(clip)
    return catalogue.case_now(clip), catalogue.case_versions(clip), holds


def test_what_a_manifest_carries_is_found_at_once(catalogue: Catalogue) -> None:
    hold = HoldFacts(reason="evidence", who="li", approval="A", at=NOW)
    keep = RetentionFacts(name="evidence", until="case")
    case = CaseFacts(version=1, officer="7", unit="Patrol 2")
    clip = deliver(catalogue, case=case, holds=[hold], retention=keep).clip
    assert catalogue.case_now(clip) == CaseData(officer="7", unit="Patrol 2")
    assert catalogue.is_held(clip)
    assert catalogue.class_of(clip) == "evidence"
    assert catalogue.class_of("ab" * 32) == "routine"


def test_what_a_log_says_before_or_after_the_delivery_is_the_same(tmp_path: Path) -> None:
    manifest = manifest_of(b"one", case=CaseFacts(version=1, officer="7"))
    texts = [
        annotated(1, manifest.clip, 1, officer="7"),
        annotated(2, manifest.clip, 2, party="Zhang"),
        held(3, manifest.clip, 1),
    ]
    results = []
    for name, first in (("a", True), ("b", False)):
        with Catalogue(tmp_path / name, archive="county", epoch="e") as catalogue:
            if first:
                tell(catalogue, "d1", *texts)
            deliver(catalogue, case=CaseFacts(version=1, officer="7"))
            if not first:
                tell(catalogue, "d1", texts[0])
                tell(catalogue, "d1", *texts[1:])
            catalogue.fold_clip(manifest.clip)
            results.append(folded(catalogue, manifest.clip))
    assert results[0] == results[1]
    assert len(results[0][1]) == 2


def test_what_fails_in_the_transaction_of_the_log_folds_nothing(catalogue: Catalogue) -> None:
    clip = deliver(catalogue).clip

    def fail() -> None:
        with catalogue.writing("keep"):
            tell(catalogue, "d1", held(1, clip, 1))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert catalogue.holds_on(clip) == []
    assert catalogue.custody_of(clip) == []


def test_docks_that_contradict_each_other_are_shown(catalogue: Catalogue) -> None:
    clip = deliver(catalogue).clip
    tell(catalogue, "d1", annotated(1, clip, 1, party="Li"))
    tell(catalogue, "d2", annotated(2, clip, 1, party="Zhang"))
    assert catalogue.disputed(clip) == {"party": [["d1", "Li"], ["d2", "Zhang"]]}
    catalogue.annotate(order("annotate", clip, party="Zhang"), NOW)
    assert catalogue.disputed(clip) == {}
    assert len(catalogue.case_versions(clip)) == 3


def test_an_annotation_here_is_journalled_and_counts_after_all_before(
    catalogue: Catalogue,
) -> None:
    clip = deliver(catalogue).clip
    tell(catalogue, "d1", annotated(1, clip, 1, at="2099-01-01T00:00:00.000Z", party="Li"))
    made = catalogue.annotate(order("annotate", clip, party="Zhang", importance=3), NOW)
    assert made["version"] == 1
    assert catalogue.case_now(clip) == CaseData(party="Zhang", importance=3)
    (line,) = catalogue.journal_of(clip)
    assert (line["who"], line["kind"], line["at"]) == ("chen", "annotated", NOW)
    assert line["what"]["before"] == {"party": "Li", "importance": 0}
    assert (line["what"]["why"], line["what"]["via"]) == ("asked", "uid 7")


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({}, "nothing to annotate"),
        ({"colour": "red"}, "no field"),
        ({"importance": 99}, "0 to 9"),
        ({"party": 5}, "no text"),
        ({"used_from": "yesterday"}, "used_from"),
        ({"party": ""}, "already"),
        ({"retention": "permanent"}, "approval"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    catalogue: Catalogue, what: dict[str, Any], words: str
) -> None:
    clip = deliver(catalogue).clip
    with pytest.raises(UsageError, match=words):
        catalogue.annotate(order("annotate", clip, **what), NOW)
    assert catalogue.journal_of(clip) == []


def test_a_class_changes_with_an_approval_and_not_while_a_hold_stands(
    catalogue: Catalogue,
) -> None:
    clip = deliver(catalogue).clip
    catalogue.annotate(order("annotate", clip, approval="B-1", retention="permanent"), NOW)
    assert catalogue.class_of(clip) == "permanent"
    catalogue.hold(order("hold", clip, reason="dispute"), NOW)
    with pytest.raises(UsageError, match="is held"):
        catalogue.annotate(order("annotate", clip, approval="B-2", retention="routine"), NOW)


def test_orders_about_unknown_clips_and_by_nobody_are_refused(catalogue: Catalogue) -> None:
    clip = deliver(catalogue).clip
    with pytest.raises(UsageError, match="knows no clip"):
        catalogue.hold(order("hold", "ab" * 32, reason="dispute"), NOW)
    with pytest.raises(Malformed, match="reason"):
        catalogue.hold(order("hold", clip, reason="boredom"), NOW)
    for who in ("", " ", "bodydock"):
        with pytest.raises(UsageError):
            catalogue.hold(Order("hold", clip, who, "", "", {"reason": "dispute"}), NOW)


def test_lifting_needs_name_reason_and_approval(catalogue: Catalogue) -> None:
    clip = deliver(catalogue).clip
    catalogue.hold(order("hold", clip, reason="dispute"), NOW)
    for missing in (order("lift", clip, hold=1), order("lift", clip, approval="B", why="", hold=1)):
        with pytest.raises(UsageError):
            catalogue.lift(missing, NOW)
    with pytest.raises(UsageError, match="no such hold"):
        catalogue.lift(order("lift", clip, approval="B", hold=2), NOW)
    assert catalogue.is_held(clip)
    catalogue.lift(order("lift", clip, approval="B", hold=1), NOW)
    assert not catalogue.is_held(clip)
    assert [line["kind"] for line in catalogue.journal_of(clip)] == ["held", "lifted"]
    catalogue.hold(order("hold", clip, reason="dispute"), NOW)
    assert [one.hold.number for one in catalogue.holds_on(clip)] == [1, 2]


# Orders to docks.


class Post:
    """What the archive sends to docks, opened."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.clock = Watch()
        self.sent: list[tuple[str, Command]] = []
        docks = {"d1": DOCK_KEY.public, "d2": DOCK_KEY.public}
        self._parts = (catalogue, Trust(docks, catalogue, self.clock), KEY, self._take, self.clock)
        self.errands = Errands(*self._parts)

    def restart(self) -> None:
        self.errands = Errands(*self._parts)

    def tick(self, seconds: float = 0.0) -> list[Command]:
        self.clock.seconds += seconds
        self.sent = []
        self.errands.tick()
        return [command for _, command in self.sent]

    def answer(
        self, command: Command, *, done: bool = True, dock: str = "d1", key: SecretKey = DOCK_KEY
    ) -> None:
        result = Result(id=command.id, dock=dock, done=done, words="so")
        self.errands.result(dock, seal(RESULT_TYPE, result.encode(), key))

    def _take(self, topic: str, payload: bytes) -> None:
        self.sent.append((topic, decode(Command, unseal(COMMAND_TYPE, payload, [KEY.public]))))


@pytest.fixture
def post(catalogue: Catalogue) -> Post:
    return Post(catalogue)


def test_a_hold_goes_to_every_dock_until_it_answers(catalogue: Catalogue, post: Post) -> None:
    clip = deliver(catalogue).clip
    deliver(catalogue, dock="d2")
    assert catalogue.hold(order("hold", clip, reason="dispute"), NOW)["docks"] == ["d1", "d2"]
    first = {command.dock: command for command in post.tick()}
    assert [topic for topic, _ in post.sent] == [f"bodydock/1/dock/d{n}/down/command" for n in "12"]
    one = first["d1"]
    assert (one.action, one.clip, one.who, one.why) == ("hold", clip, "chen", "asked")
    assert one.what == {"reason": "dispute", "note": "asked"}
    assert post.tick(REPEAT_S - 1) == []
    post.answer(one)
    assert [command.id for command in post.tick(1)] == [first["d2"].id]
    post.restart()
    assert [command.id for command in post.tick()] == [first["d2"].id]
    post.answer(first["d2"], dock="d2", done=False)
    assert post.tick(10 * REPEAT_S) == []
    assert [(e.dock, e.done) for e in catalogue.errands_of(clip)] == [("d1", 1), ("d2", 0)]


def test_a_result_counts_from_its_own_dock_alone(catalogue: Catalogue, post: Post) -> None:
    clip = deliver(catalogue).clip
    catalogue.hold(order("hold", clip, reason="dispute"), NOW)
    (command,) = post.tick()
    post.answer(command, key=secret_key())
    post.answer(command, dock="d2")
    with pytest.raises(Malformed):
        post.errands.result("d1", b"{}")
    result = Result(id=command.id, dock="d1", done=True)
    with pytest.raises(Malformed, match="names dock d1"):
        post.errands.result("d2", seal(RESULT_TYPE, result.encode(), DOCK_KEY))
    assert len(catalogue.open_errands()) == 1


def test_lifting_waits_until_it_knows_the_docks_own_number(
    catalogue: Catalogue, post: Post
) -> None:
    clip = deliver(catalogue).clip
    catalogue.hold(order("hold", clip, reason="dispute", approval="A-1"), NOW)
    (hold,) = post.tick()
    post.answer(hold)
    catalogue.lift(order("lift", clip, approval="B-1", hold=1), NOW)
    assert post.tick(REPEAT_S) == []
    tell(catalogue, "d1", held(5, clip, 42, who="chen", note="asked"))
    assert catalogue.is_held(clip), "the dock holds it still"
    (lift,) = post.tick(REPEAT_S)
    assert (lift.action, lift.what, lift.approval) == ("lift", {"hold": 42}, "B-1")
    tell(catalogue, "d1", lifted(6, clip, 42, who="chen"))
    assert not catalogue.is_held(clip)
    assert post.tick(REPEAT_S) == []
    assert catalogue.open_errands() == []


def test_what_a_dock_refused_to_hold_need_not_be_lifted_there(
    catalogue: Catalogue, post: Post
) -> None:
    clip = deliver(catalogue).clip
    catalogue.hold(order("hold", clip, reason="dispute"), NOW)
    (hold,) = post.tick()
    post.answer(hold, done=False)
    catalogue.lift(order("lift", clip, approval="B-1", hold=1), NOW)
    assert post.tick(REPEAT_S) == []
    assert catalogue.open_errands() == []


def test_a_docks_own_hold_stands_until_its_log_says_that_it_was_lifted(
    catalogue: Catalogue, post: Post
) -> None:
    clip = deliver(catalogue).clip
    tell(catalogue, "d1", held(5, clip, 9))
    made = catalogue.lift(order("lift", clip, approval="B-1", hold=9, dock="d1"), NOW)
    assert (made["lifted"], catalogue.is_held(clip)) == (False, True)
    (lift,) = post.tick()
    assert lift.what == {"hold": 9}
    tell(catalogue, "d1", lifted(6, clip, 9))
    assert not catalogue.is_held(clip)


@pytest.mark.parametrize("value", ["\ud800", 2**70, -1, 1.5, None, [], {"a": "\udfff"}, "x" * 9000])
def test_whatever_a_dock_writes_the_archive_goes_on(catalogue: Catalogue, value: object) -> None:
    clip = deliver(catalogue).clip
    odd: list[tuple[Kind, dict[str, object]]] = [
        (Kind.ANNOTATED, {"version": value, "why": value, "before": value, "after": value}),
        (Kind.ANNOTATED, {"version": 1, "after": {"party": value, "importance": value}}),
        (Kind.HELD, {"hold": value, "reason": value}),
        (Kind.HELD, {"hold": 1, "reason": value, "note": value, "approval": value}),
        (Kind.LIFTED, {"hold": value, "why": value}),
        (Kind.FINDING, {"finding": value, "serial": value, "about": [[value] * 4]}),
    ]
    for number, (kind, what) in enumerate(odd):
        parts = json.loads(entry(number, kind, clip)) | {"what": what}
        tell(catalogue, "d1", json.dumps(parts))
    assert catalogue.is_held(clip), "hold 1 stands, however odd its reason is"
    known = [dossier(catalogue, clip), [one.document() for one in findings(catalogue)]]
    json.dumps(known, ensure_ascii=False).encode()


def test_an_entry_of_another_kind_folds_nothing(catalogue: Catalogue) -> None:
    clip = deliver(catalogue).clip
    tell(catalogue, "d1", entry(1, Kind.PROVED, clip), entry(2, Kind.STARTED))
    assert folded(catalogue, clip) == (None, [], [])
    assert len(catalogue.custody_of(clip)) == 1
