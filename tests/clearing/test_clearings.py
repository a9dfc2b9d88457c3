"""The ledger's verbs of clearing, each alone: what they change, write and refuse."""

from __future__ import annotations

from hashlib import sha256
from itertools import product
from pathlib import Path

import pytest

from agent.errors import WrongState
from agent.log_entry import Kind, LogEntry
from agent.model import ClipId
from agent.spool.clearance import DOUBTED, NEXT, Clearance, Step, check_step, stage
from agent.spool.states import State
from tests.spool.places import IDENTITY, RECEIPT

from .docks import ARCHIVE, EPOCH, TrustedPlace

HOLD = 3600.0
NONCE, PROOF = "ab" * 32, '{"proof":1}'


@pytest.fixture
def place(tmp_path: Path) -> TrustedPlace:
    return TrustedPlace(tmp_path)


def receipted(place: TrustedPlace, path: str = "A.MP4") -> ClipId:
    clip = place.take_in(b"data", path).clip
    place.ledger.receipted(clip, RECEIPT)
    return clip


def proved(place: TrustedPlace, path: str = "A.MP4") -> ClipId:
    clip = receipted(place, path)
    place.ledger.want_proof(clip)
    place.ledger.proved(clip, ARCHIVE, EPOCH, NONCE, PROOF)
    return clip


def clearing(place: TrustedPlace, path: str = "A.MP4") -> ClipId:
    clip = proved(place, path)
    place.ledger.begin_clearing(clip, contact(place), lambda: True, '[["SD"]]')
    return clip


def cleared(place: TrustedPlace, path: str = "A.MP4") -> ClipId:
    clip = clearing(place, path)
    place.ledger.cleared(clip, contact(place))
    return clip


def contact(place: TrustedPlace) -> int:
    return place.ledger.begin_contact("3", IDENTITY, None, None)


def step(place: TrustedPlace, clip: ClipId) -> Step:
    found = place.ledger.clearing_of(clip)
    return found.state if found else None


def last(place: TrustedPlace, clip: ClipId) -> LogEntry:
    return place.ledger.journal.of(clip)[-1]


MAKERS = {
    None: receipted,
    Clearance.PROVED: proved,
    Clearance.CLEARING: clearing,
    Clearance.CLEARED: cleared,
}


def test_the_table() -> None:
    ways = {
        (None, "wanted"), ("wanted", "proved"), ("wanted", None), ("proved", "wanted"),
        ("proved", "clearing"), ("proved", None), ("clearing", "cleared"), ("clearing", "proved"),
        ("clearing", "wanted"), ("clearing", None), ("cleared", "proved"), ("cleared", "wanted"),
        ("cleared", None),
    }  # fmt: skip
    found = {(a and a.value, b and b.value) for a in NEXT for b in NEXT[a]}
    assert found == ways
    for now, to in product(NEXT, NEXT):
        if to in NEXT[now]:
            check_step(now, to)
        else:
            words = [
                each.value if each else "not on its way off its recorder" for each in (now, to)
            ]
            with pytest.raises(WrongState, match=" cannot become ".join(words)):
                check_step(now, to)


def test_both_tables_are_one_way() -> None:
    assert stage(State.RECEIPTED, None) == "receipted"
    assert stage(State.RECEIPTED, Clearance.WANTED) == "receipted"
    assert stage(State.RECEIPTED, Clearance.PROVED) == "proved"
    assert stage(State.RECEIPTED, Clearance.CLEARING) == "clearing"
    assert stage(State.RECEIPTED, Clearance.CLEARED) == "cleared"
    for state in set(State) - {State.RECEIPTED}:
        assert stage(state, Clearance.CLEARED) == state.value


def test_a_proof_is_wanted_once(place: TrustedPlace) -> None:
    clip = receipted(place)
    assert place.ledger.proof_wanted(9) == []
    place.ledger.want_proof(clip)
    since = place.ledger.clearing_of(clip)
    place.clock.advance(5)
    place.ledger.want_proof(clip)
    assert place.ledger.clearing_of(clip) == since
    assert since
    assert since.wanted_from == pytest.approx(place.ledger.running - 5)
    assert [each.clip for each in place.ledger.proof_wanted(9)] == [clip]


def test_no_proof_is_wanted_without_a_receipt(place: TrustedPlace) -> None:
    clip = place.take_in(b"data").clip
    with pytest.raises(WrongState, match="not receipted"):
        place.ledger.want_proof(clip)
    assert step(place, clip) is None


def test_a_proof(place: TrustedPlace) -> None:
    clip = proved(place)
    found = place.ledger.clearing_of(clip)
    assert found
    assert (found.state, found.archive, found.epoch, found.proof) == (
        Clearance.PROVED,
        ARCHIVE,
        EPOCH,
        PROOF,
    )
    assert found.proved_from == pytest.approx(place.ledger.running)
    entry = last(place, clip)
    assert entry.kind is Kind.PROVED
    assert entry.what == {
        "archive": ARCHIVE,
        "epoch": EPOCH,
        "nonce": NONCE,
        "envelope_sha256": sha256(PROOF.encode()).hexdigest(),
    }
    assert place.ledger.proof_wanted(9) == []
    assert place.ledger.epoch_of(ARCHIVE) == EPOCH, "the receipt's, where none was heard"


def test_an_old_proof_is_wanted_anew(place: TrustedPlace) -> None:
    clip = proved(place)
    place.ledger.want_proof(clip)
    found = place.ledger.clearing_of(clip)
    assert found
    assert (found.state, found.proof, found.epoch, found.archive, found.proved_from) == (
        Clearance.WANTED,
        "",
        "",
        "",
        None,
    )
    assert [each.clip for each in place.ledger.proof_wanted(9)] == [clip]


def test_a_second_proof_takes_the_place_of_the_first(place: TrustedPlace) -> None:
    clip = proved(place)
    place.clock.advance(9)
    place.ledger.proved(clip, ARCHIVE, EPOCH, NONCE, "{}")
    found = place.ledger.clearing_of(clip)
    assert found
    assert (found.state, found.proof) == (Clearance.PROVED, "{}")
    assert found.proved_from == pytest.approx(place.ledger.running)


def test_proofs_that_do_not_count(place: TrustedPlace) -> None:
    ledger, clip = place.ledger, receipted(place)
    with pytest.raises(WrongState, match="cannot become"):
        _prove(place, clip)
    ledger.want_proof(clip)
    with pytest.raises(WrongState, match="the proof of another"):
        _prove(place, clip, archive="archive-2")
    with pytest.raises(WrongState, match="epoch"):
        _prove(place, clip, epoch="e0")
    assert step(place, clip) is Clearance.WANTED
    assert last(place, clip).kind is Kind.RECEIPTED
    assert ledger.epoch_of(ARCHIVE) is None, "what is refused leaves nothing behind"
    _prove(place, clip)
    ledger.begin_clearing(clip, contact(place), lambda: True)
    with pytest.raises(WrongState):
        _prove(place, clip)


def test_no_proof_for_a_clip_without_a_copy(place: TrustedPlace) -> None:
    clip = receipted(place)
    place.ledger.want_proof(clip)
    place.ledger.released(clip, "lost")
    with pytest.raises(WrongState):
        _prove(place, clip)


def test_the_intent(place: TrustedPlace) -> None:
    clip = proved(place)
    number = contact(place)
    place.ledger.begin_clearing(clip, number, lambda: True, '[["SD"]]')
    found = place.ledger.clearing_of(clip)
    assert found
    assert (found.state, found.contact, found.note) == (Clearance.CLEARING, number, '[["SD"]]')
    assert (found.proof, found.kept) == (PROOF, 0)
    entry = last(place, clip)
    assert entry.kind is Kind.CLEARING
    assert entry.what == {
        "contact": number,
        "archive": ARCHIVE,
        "epoch": EPOCH,
        "proof_sha256": sha256(PROOF.encode()).hexdigest(),
    }


@pytest.mark.parametrize("now", [None, Clearance.CLEARING, Clearance.CLEARED])
def test_no_intent_but_from_proved(place: TrustedPlace, now: Step) -> None:
    clip = MAKERS[now](place)
    with pytest.raises(WrongState):
        place.ledger.begin_clearing(clip, contact(place), lambda: True)
    assert step(place, clip) is now


def test_no_intent_where_the_rule_says_no_within_it(place: TrustedPlace) -> None:
    clip = proved(place)
    with pytest.raises(WrongState, match="may not be cleared"):
        place.ledger.begin_clearing(clip, contact(place), lambda: False)
    assert step(place, clip) is Clearance.PROVED
    assert last(place, clip).kind is Kind.PROVED


def test_cleared(place: TrustedPlace) -> None:
    clip = cleared(place)
    found = place.ledger.clearing_of(clip)
    assert found
    assert found.state is Clearance.CLEARED
    assert found.cleared_from == pytest.approx(place.ledger.running)
    entry = last(place, clip)
    assert (entry.kind, entry.what) == (Kind.CLEARED, {"contact": found.contact and 3})


@pytest.mark.parametrize("now", [None, Clearance.PROVED, Clearance.CLEARED])
def test_cleared_only_after_an_intent(place: TrustedPlace, now: Step) -> None:
    clip = MAKERS[now](place)
    with pytest.raises(WrongState):
        place.ledger.cleared(clip, contact(place))
    assert step(place, clip) is now


@pytest.mark.parametrize("now", [Clearance.CLEARING, Clearance.CLEARED])
@pytest.mark.parametrize("was", ["proved", "doubted", "lost"])
def test_kept_falls_back_to_what_is_proved(place: TrustedPlace, now: Step, was: str) -> None:
    clip = MAKERS[now](place)
    if was == "doubted":
        place.ledger.epoch_seen(ARCHIVE, "e2")
    if was == "lost":
        place.ledger.released(clip, "its file is gone")
    number = contact(place)
    place.ledger.kept(clip, number, "still\x00there")
    wanted = {"proved": Clearance.PROVED, "doubted": Clearance.WANTED, "lost": None}[was]
    assert step(place, clip) is wanted
    entry = last(place, clip)
    assert entry.kind is Kind.KEPT
    assert entry.what == {"contact": number, "reason": "still\x00there"}
    found = place.ledger.clearing_of(clip)
    if found:
        note = DOUBTED if was == "doubted" else ""
        assert (found.kept, found.contact, found.cleared_from, found.note) == (1, None, None, note)


def test_kept_is_counted(place: TrustedPlace) -> None:
    clip = proved(place)
    for times in range(1, 4):
        place.ledger.begin_clearing(clip, contact(place), lambda: True)
        place.ledger.kept(clip, contact(place), "x" * 9999)
        found = place.ledger.clearing_of(clip)
        assert found
        assert found.kept == times
    assert len(last(place, clip).what["reason"]) == 4096


@pytest.mark.parametrize("now", [None, Clearance.PROVED])
def test_kept_only_after_an_intent(place: TrustedPlace, now: Step) -> None:
    clip = MAKERS[now](place)
    with pytest.raises(WrongState):
        place.ledger.kept(clip, contact(place), "why")
    assert step(place, clip) is now


@pytest.mark.parametrize("now", [Clearance.CLEARING, Clearance.CLEARED])
def test_no_proof_is_wanted_of_what_was_begun(place: TrustedPlace, now: Step) -> None:
    clip = MAKERS[now](place)
    with pytest.raises(WrongState, match="only a listing"):
        place.ledger.want_proof(clip)
    assert step(place, clip) is now


def test_drop(place: TrustedPlace) -> None:
    clip = proved(place)
    place.ledger.drop(clip)
    assert step(place, clip) is None
    place.ledger.drop(clip)
    place.ledger.want_proof(clip)
    place.ledger.drop(clip)
    assert step(place, clip) is None


@pytest.mark.parametrize("now", [Clearance.CLEARING, Clearance.CLEARED])
def test_what_only_a_listing_can_change_is_not_dropped(place: TrustedPlace, now: Step) -> None:
    clip = MAKERS[now](place)
    with pytest.raises(WrongState):
        place.ledger.drop(clip)
    assert step(place, clip) is now


@pytest.mark.parametrize("now", list(MAKERS))
def test_an_archive_that_lost_it_gets_it_again(place: TrustedPlace, now: Step) -> None:
    clip = MAKERS[now](place)
    place.ledger.postpone(clip, place.clock.now(), "x")
    place.ledger.unproved(clip, "the object is not there")
    entry = place.entry(clip)
    assert (entry.state, entry.receipt, entry.receipted_at) == (State.SPOOLED, None, None)
    assert (entry.reason, entry.due, entry.attempts) == ("the object is not there", None, 0)
    assert [each.clip for each in place.ledger.to_send(place.clock.now(), 9)] == [clip]
    assert place.ledger.safety_of(clip).held_from is None
    said = last(place, clip)
    assert said.kind is Kind.UNPROVED
    assert said.what == {"reason": "the object is not there", "receipt": RECEIPT.envelope}
    gone = now in {Clearance.CLEARING, Clearance.CLEARED}
    assert step(place, clip) is (now if gone else None)
    found = place.ledger.clearing_of(clip)
    assert not found or (found.proof, found.epoch, found.proved_from) == ("", "", None)
    place.ledger.receipted(clip, RECEIPT)
    place.clock.advance(2 * HOLD)
    assert bool(place.ledger.releasable(HOLD, 9)) is (not gone)
    assert bool(place.ledger.proof_wanted(9)) is (now is Clearance.CLEARED)


def test_a_copy_that_was_given_up_is_wanted_from_its_recorder(place: TrustedPlace) -> None:
    clip = receipted(place)
    place.ledger.released(clip)
    place.ledger.unproved(clip, "lost")
    assert place.entry(clip).state is State.DAMAGED
    assert place.ledger.wanting(IDENTITY.serial) == 1


def test_nothing_is_unproved_without_a_receipt(place: TrustedPlace) -> None:
    clip = place.take_in(b"data").clip
    with pytest.raises(WrongState):
        place.ledger.unproved(clip, "x")
    assert place.entry(clip).state is State.SPOOLED


def test_the_first_epoch_changes_nothing(place: TrustedPlace) -> None:
    clip = proved(place)
    size = place.ledger.journal.size
    assert not place.ledger.epoch_seen(ARCHIVE, EPOCH)
    assert place.ledger.journal.size == size
    assert not place.ledger.epoch_seen("archive-2", "e9")
    assert place.ledger.epoch_of("archive-2") == "e9"
    assert step(place, clip) is Clearance.PROVED
    [entry] = list(place.ledger.journal.lines(size))
    assert '"what":{"archive":"archive-2","before":"","after":"e9"}' in entry


def test_a_changed_epoch_makes_every_proof_worthless(place: TrustedPlace) -> None:
    ledger = place.ledger
    clips = {now: MAKERS[now](place, f"{now}.MP4") for now in MAKERS}
    spooled = place.take_in(b"other", "S.MP4").clip
    other = receipted_elsewhere(place)
    size = ledger.journal.size
    assert ledger.epoch_seen(ARCHIVE, "e2")
    assert ledger.epoch_of(ARCHIVE) == "e2"
    [entry] = list(ledger.journal.lines(size))
    assert '"kind":"epoch"' in entry
    assert f'"what":{{"archive":"{ARCHIVE}","before":"{EPOCH}","after":"e2"}}' in entry
    for now, clip in clips.items():
        wanted = {None: Clearance.WANTED, Clearance.PROVED: Clearance.WANTED}
        assert step(place, clip) is wanted.get(now, now)
        found = ledger.clearing_of(clip)
        assert found
        assert (found.proof, found.epoch, found.archive) == ("", "", "")
        assert found.proved_from is None
    assert step(place, spooled) is None
    assert step(place, other) is Clearance.PROVED, "another archive's"
    wanted_now = {each.clip for each in ledger.proof_wanted(9)}
    assert wanted_now == set(clips.values()) - {clips[Clearance.CLEARING]}
    fresh = ledger.clearing_of(clips[None])
    assert fresh
    assert fresh.wanted_from == pytest.approx(ledger.running)


def receipted_elsewhere(place: TrustedPlace) -> ClipId:
    from dataclasses import replace

    clip = place.take_in(b"elsewhere", "E.MP4").clip
    place.ledger.receipted(clip, replace(RECEIPT, archive="archive-2"))
    place.ledger.want_proof(clip)
    place.ledger.proved(clip, "archive-2", EPOCH, NONCE, PROOF)
    return clip


def test_a_receipt_of_an_epoch_that_is_over(place: TrustedPlace) -> None:
    """It comes late: what it says may not be true any more."""
    place.ledger.epoch_seen(ARCHIVE, "e2")
    clip = receipted(place)
    assert step(place, clip) is Clearance.WANTED
    place.clock.advance(2 * HOLD)
    assert place.ledger.releasable(HOLD, 9) == []
    _prove(place, clip, epoch="e2")
    assert len(place.ledger.releasable(HOLD, 9)) == 1


def test_a_receipt_of_the_present_epoch_is_enough(place: TrustedPlace) -> None:
    place.ledger.epoch_seen(ARCHIVE, EPOCH)
    assert step(place, receipted(place)) is None


def test_a_cleared_copy_stays_until_it_is_proved_again(place: TrustedPlace) -> None:
    clip = cleared(place)
    place.ledger.epoch_seen(ARCHIVE, "e2")
    place.clock.advance(2 * HOLD)
    assert place.ledger.releasable(HOLD, 9) == []
    place.ledger.epoch_seen(ARCHIVE, EPOCH)
    assert place.ledger.releasable(HOLD, 9) == [], "an epoch that comes back proves nothing"
    place.ledger.proved(clip, ARCHIVE, EPOCH, NONCE, PROOF)
    assert step(place, clip) is Clearance.CLEARED
    assert [each.clip for each in place.ledger.releasable(HOLD, 9)] == [clip]


@pytest.mark.parametrize("begun", [False, True])
def test_an_epoch_that_comes_back_proves_nothing_of_what_was_never_cleared(
    place: TrustedPlace, begun: bool
) -> None:
    """ "Forgot the custody log", and its own epoch again: the receipt's epoch is the present one,
    and yet nobody knows whether what it speaks of is there."""
    place.ledger.epoch_seen(ARCHIVE, EPOCH)
    clip = clearing(place) if begun else receipted(place)
    for epoch in ("e2", EPOCH):
        place.ledger.epoch_seen(ARCHIVE, epoch)
        if begun and epoch == EPOCH:
            place.ledger.kept(clip, contact(place), "it is there still")
        place.clock.advance(2 * HOLD)
        waits = Clearance.CLEARING if begun and epoch == "e2" else Clearance.WANTED
        assert step(place, clip) is waits
        assert place.ledger.releasable(HOLD, 9) == []
    _prove(place, clip)
    place.clock.advance(2 * HOLD)
    assert [each.clip for each in place.ledger.releasable(HOLD, 9)] == [clip]
    place.ledger.want_proof(clip)  # the old one is too old: no doubt
    place.clock.advance(2 * HOLD)
    assert [each.clip for each in place.ledger.releasable(HOLD, 9)] == [clip]


def test_what_is_released_and_in_which_order(place: TrustedPlace) -> None:
    """Cleared ones first; then the oldest. One that set out stays for the hold time anew, one of
    which nobody knows what became of its deletion for ever."""
    first, wanted, going = receipted(place, "1"), receipted(place, "2"), clearing(place, "3")
    done = cleared(place, "4")
    place.clock.advance(HOLD)
    place.ledger.want_proof(wanted)
    assert [each.clip for each in place.ledger.releasable(HOLD, 9)] == [done, first]
    assert [each.clip for each in place.ledger.releasable(HOLD, 1)] == [done]
    assert [each.clip for each in place.ledger.releasable(HOLD, 2)] == [done, first]
    assert place.ledger.releasable(HOLD + 1, 9) == []
    place.clock.advance(HOLD)
    found = [each.clip for each in place.ledger.releasable(HOLD, 9)]
    assert found == [done, first, wanted]
    place.clock.advance(1e7)
    assert going not in {each.clip for each in place.ledger.releasable(HOLD, 9)}


def test_a_release_ends_the_way_and_waits_for_a_deletion(place: TrustedPlace) -> None:
    clip, going, done = proved(place, "1"), clearing(place, "2"), cleared(place, "3")
    place.ledger.released(clip)
    assert step(place, clip) is None
    with pytest.raises(WrongState, match="being cleared"):
        place.ledger.released(going)
    assert place.entry(going).state is State.RECEIPTED
    place.ledger.released(going, "its file is gone")
    assert step(place, going) is Clearance.CLEARING
    place.ledger.released(done)
    assert step(place, done) is Clearance.CLEARED


def test_a_release_in_the_moment_of_an_intent_gives_way(
    place: TrustedPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = clearing(place)
    found = [place.entry(clip)]
    monkeypatch.setattr(place.ledger, "releasable", lambda *_: [found.pop()] if found else [])
    place.spool.room._quota = 10
    assert place.spool.make_room(10) == 0
    assert place.file(clip).exists()


def test_the_newest_proof_of_a_recorder(place: TrustedPlace) -> None:
    serial = IDENTITY.serial
    assert place.ledger.newest_proof(serial) == 0.0
    proved(place, "1")
    before = place.ledger.newest_proof(serial)
    place.clock.advance(7)
    clip = proved(place, "2")
    assert place.ledger.newest_proof(serial) == pytest.approx(before + 7)
    assert place.ledger.newest_proof("S0002") == 0.0
    place.ledger.begin_clearing(clip, contact(place), lambda: True)
    assert place.ledger.newest_proof(serial) == before
    assert [each.clip for each in place.ledger.unsettled(serial)] == [clip]
    assert place.ledger.unsettled("S0002") == []


def test_a_finding_of_what_went_too(place: TrustedPlace) -> None:
    clip = clearing(place)
    place.ledger.erred(contact(place), clip, "B.MP4")
    [finding] = place.ledger.findings()
    assert finding.change.kind == "cleared-other"
    assert (finding.change.before, finding.change.after) == (clip, "B.MP4")
    assert "took something else" in finding.change.words


def _prove(
    place: TrustedPlace, clip: ClipId, *, archive: str = ARCHIVE, epoch: str = EPOCH
) -> None:
    place.ledger.proved(clip, archive, epoch, NONCE, PROOF)


def test_the_word_that_stands_in_ledgers() -> None:
    assert DOUBTED == "doubted"
