"""What a manifest tells of a clip's case, its holds and its retention."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from agent.custody.envelopes import unseal
from agent.custody.keys import SecretKey
from agent.errors import Malformed
from agent.model import HoldReason
from agent.uplink.case_facts import HOLDS_TOLD, NO_CLASSES, case_told
from agent.uplink.offers import signed_offer
from agent.wire.contract import OFFER_TYPE, Manifest, decode
from tests.cases.books import OWNED, ledger_in, seen, spooled


def test_the_newest_case_the_standing_holds_and_the_class(tmp_path: Path) -> None:
    key = SecretKey.load_or_make(tmp_path / "key.pem")
    with closing(ledger_in(tmp_path)) as ledger:
        clip = spooled(ledger, 1)
        ledger.annotate(
            clip, {"party": "王某", "retention": "evidence"}, "赵队", "立案", approval="1"
        )
        lifted = ledger.hold(clip, HoldReason.OTHER, "误", "赵队", "")
        ledger.hold(clip, HoldReason.EVIDENCE, "立案", "赵队", "京2026-1")
        ledger.lift(clip, lifted.number, "钱局", "误", "京2026-2")
        entry = ledger.find(clip)
        assert entry is not None
        envelope = signed_offer(entry, "d1", key, partial(case_told, ledger, clip, NO_CLASSES))
    manifest = decode(Manifest, unseal(OFFER_TYPE, envelope, [key.public]))
    assert manifest.case is not None
    assert (manifest.case.version, manifest.case.officer_name) == (2, OWNED.case.officer_name)
    assert manifest.case.party == "王某"
    (hold,) = manifest.holds or []
    assert (hold.reason, hold.note, hold.approval) == ("evidence", "立案", "京2026-1")
    assert manifest.retention is not None
    assert (manifest.retention.name, manifest.retention.until) == ("evidence", "case")


def test_where_nothing_was_said_it_is_routine_for_six_months(tmp_path: Path) -> None:
    with closing(ledger_in(tmp_path)) as ledger:
        told = case_told(ledger, seen(ledger, owned=None), NO_CLASSES)
    assert (told.case, list(told.holds)) == (None, [])
    assert (told.retention.name, told.retention.months) == ("routine", 6)


def test_a_class_that_the_office_names_no_more_is_kept_for_ever(tmp_path: Path) -> None:
    with closing(ledger_in(tmp_path)) as ledger:
        clip = seen(ledger)
        ledger.annotate(clip, {"retention": "旧类"}, "赵队", "立案", approval="1")
        assert case_told(ledger, clip, NO_CLASSES).retention.until == "ever"


def test_a_hold_that_cannot_be_read_still_holds(tmp_path: Path) -> None:
    with closing(ledger_in(tmp_path)) as ledger:
        clip = seen(ledger)
        for _ in range(HOLDS_TOLD + 1):
            ledger.hold(clip, HoldReason.EVIDENCE, "", "赵队", "")
        assert len(case_told(ledger, clip, NO_CLASSES).holds) == HOLDS_TOLD
        ledger._database.change("UPDATE hold SET reason = 'gone' WHERE id = 1")
        with pytest.raises(Malformed, match="hold 1"):
            ledger.holds(clip)
        assert ledger.safety_of(clip).holds == HOLDS_TOLD + 1
