"""A dock that asks its archive for proofs: the real ledger and spool, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from blake3 import blake3

from agent.clock import to_text
from agent.custody.envelopes import seal, unseal
from agent.custody.keys import SecretKey
from agent.errors import ReceiptRejected, Untrusted
from agent.log_entry import Kind
from agent.model import Clip, ClipId, Identity
from agent.spool.clearance import Clearance
from agent.spool.entry import ReceiptRecord, Sighting
from agent.spool.files import Spool
from agent.spool.ledger import Ledger
from agent.spool.states import State
from agent.uplink.challenger import ARCHIVES, EPOCHS, PLACES, Challenger
from agent.wire.contract import Presence, decode, up
from agent.wire.evidence import CHALLENGE_TYPE, OTHER_FORM, PROOF_TYPE, Challenge, Proof

from .world import ARCHIVE_KEY, DOCK, DOCK_KEY, NEXT_KEY, START, STRANGER, ManualClock, content

WHO = Identity("maker", "model", "R1", "1.0")
SIZE = 300_000


class Desk:
    """A dock with receipted clips, whose challenges come to `asked`, oldest first."""

    def __init__(self, folder: Path, ledger: Ledger, clock: ManualClock, clips: int) -> None:
        self.clock, self.ledger = clock, ledger
        self.spool = Spool(
            folder / "spool",
            ledger,
            quota=2**30,
            floor=0,
            digests=frozenset({"sha256"}),
            hold_seconds=3600.0,
            random=Random(1),
        )
        self.asked: list[Challenge] = []
        contact = ledger.begin_contact("3", WHO, None, None)
        self.data: dict[ClipId, bytes] = {}
        for number in range(1, clips + 1):
            self.data[self._take_in(number, contact)] = content(number, SIZE)
        self.clips = list(self.data)
        self.again()

    def again(self) -> None:
        """As after a restart."""
        self.challenger = Challenger(
            dock=DOCK,
            books=self.ledger,
            spool=self.spool,
            key=DOCK_KEY,
            pinned=(ARCHIVE_KEY.public, NEXT_KEY.public),
            clock=self.clock,
            random=Random(1),
            wake=lambda: None,
        )

    def run(self, until: Callable[[], object] = lambda: False, seconds: float = 5.0) -> bool:
        """Tick, in virtual time; the thread that reads our copies lives in real time."""
        end = self.clock.monotonic() + seconds
        while not until() and self.clock.monotonic() < end:
            self.challenger.tick(self.clock.monotonic(), self._post)
            self._join()
            self.challenger.tick(self.clock.monotonic(), self._post)
            self.clock.advance(0.5)
        return bool(until())

    def answer(self, challenge: Challenge, key: SecretKey = ARCHIVE_KEY, **changes: Any) -> str:
        data = self.data[ClipId(challenge.clip)]
        facts = {
            "archive": "archive-1",
            "epoch": "epoch-1",
            "receiver": "receiver-1",
            **{name: getattr(challenge, name) for name in ("dock", "clip", "size", "blake3")},
            "nonce": challenge.nonce,
            "keyed": blake3(data, key=bytes.fromhex(challenge.nonce)).hexdigest(),
            "proved_at": to_text(START),
        }
        proof = Proof.model_validate(facts | changes)
        envelope = seal(PROOF_TYPE, proof.encode(), key)
        return self.challenger.on_message("challenge", envelope)

    def state(self, clip: ClipId) -> State:
        entry = self.ledger.find(clip)
        assert entry is not None
        return entry.state

    def clearance(self, clip: ClipId) -> Clearance | None:
        clearing = self.ledger.clearing_of(clip)
        return clearing.state if clearing else None

    def kinds(self, clip: ClipId) -> list[Kind]:
        return [entry.kind for entry in self.ledger.journal.of(clip)]

    def _take_in(self, number: int, contact: int) -> ClipId:
        listed = Clip("1", f"DCIM/{number}.MP4", SIZE, "20260804T100000")
        clip = listed.id_on(WHO.serial)
        self.ledger.see(
            Sighting(clip, contact, WHO, "3", "1", listed.path, SIZE, listed.recorded, marked=False)
        )
        intake = self.spool.intake(clip, SIZE)
        intake.write(content(number, SIZE))
        self.ledger.spooled(intake.finish())
        self.ledger.offered(clip)
        self.receipt(clip)
        return clip

    def receipt(self, clip: ClipId, epoch: str = "epoch-1") -> None:
        said = f"receipt {clip} {epoch} {self.clock.monotonic()}"
        record = ReceiptRecord(said, "archive-1", "receiver-1", epoch, START, "objects/x")
        self.ledger.receipted(clip, record)
        self.ledger.want_proof(clip)

    def _post(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        assert (topic, retain) == (up(DOCK, "challenge"), False)
        challenge = unseal(CHALLENGE_TYPE, payload, [DOCK_KEY.public])
        self.asked.append(decode(Challenge, challenge))
        return True

    def _join(self) -> None:
        import threading

        for thread in threading.enumerate():
            if thread.name == "own copy":
                thread.join(10)


Open = Callable[[int], Desk]


@pytest.fixture
def open_desk(tmp_path: Path) -> Iterator[Open]:
    clock = ManualClock()
    with closing(Ledger(tmp_path / "ledger.db", clock)) as ledger:
        opened: list[Desk] = []

        def make(clips: int) -> Desk:
            opened.append(Desk(tmp_path, ledger, clock, clips))
            return opened[-1]

        yield make
        for desk in opened:
            desk.spool.close()


@pytest.fixture
def desk(open_desk: Open) -> Desk:
    return open_desk(1)


def test_a_clip_is_proved_by_the_archive_s_answer_to_a_fresh_nonce(desk: Desk) -> None:
    (clip,) = desk.clips
    assert desk.run(lambda: desk.asked)
    (asked,) = desk.asked
    entry = desk.ledger.find(clip)
    assert entry is not None
    assert entry.receipt is not None
    assert (asked.dock, asked.clip, asked.size) == (DOCK, clip, SIZE)
    assert asked.receipt == entry.receipt.envelope
    assert desk.answer(asked) == ""
    clearing = desk.ledger.clearing_of(clip)
    assert clearing is not None
    assert (clearing.state, clearing.epoch) == (Clearance.PROVED, "epoch-1")
    assert decode(Proof, unseal(PROOF_TYPE, clearing.proof.encode(), [ARCHIVE_KEY.public]))
    assert Kind.PROVED in desk.kinds(clip)
    assert desk.answer(asked)  # the same once more answers nothing


def test_silence_is_asked_again_for_ever_with_the_same_nonce(desk: Desk) -> None:
    assert not desk.run(seconds=4 * 3600)
    assert len({asked.nonce for asked in desk.asked}) == 1
    assert 4 * 3600 / 600 <= len(desk.asked) < 80
    assert desk.answer(desk.asked[0]) == ""
    assert desk.clearance(desk.clips[0]) is Clearance.PROVED


def test_after_a_lost_connection_or_a_restart_only_a_new_nonce_counts(desk: Desk) -> None:
    desk.run(lambda: desk.asked)
    desk.challenger.lost()
    assert desk.answer(desk.asked[0])
    desk.run(lambda: len(desk.asked) == 2)
    desk.again()
    assert desk.answer(desk.asked[1])
    desk.run(lambda: len(desk.asked) == 3)
    assert len({asked.nonce for asked in desk.asked}) == 3
    with pytest.raises(ReceiptRejected):
        desk.answer(desk.asked[0])
    assert desk.clearance(desk.clips[0]) is Clearance.WANTED
    assert desk.answer(desk.asked[2]) == ""


@pytest.mark.parametrize("said", [{"lost": "its file is gone", "keyed": ""}, {"keyed": "0" * 64}])
def test_what_the_archive_lost_is_sent_again_and_not_cleared(
    desk: Desk, said: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    (clip,) = desk.clips
    desk.run(lambda: desk.asked)
    entry = desk.ledger.find(clip)
    assert entry is not None
    assert entry.receipt is not None
    assert desk.answer(desk.asked[0], **said) == ""
    assert (desk.state(clip), desk.clearance(clip)) == (State.SPOOLED, None)
    assert any(record.levelname == "CRITICAL" for record in caplog.records)
    assert desk.ledger.disproved(clip) == [entry.receipt.envelope]
    assert [each.clip for each in desk.ledger.to_send(START, 9)] == [clip]
    desk.run(seconds=3600)
    assert len(desk.asked) == 1


WRONG: dict[str, dict[str, Any]] = {
    "dock": {"dock": "dock-2"},
    "clip": {"clip": "0" * 64},
    "nonce": {"nonce": "0" * 64},
    "size": {"size": 1},
    "bytes": {"blake3": "0" * 64},
    "archive": {"archive": "archive-2"},
    "epoch": {"epoch": ""},
    "time": {"proved_at": ""},
}


@pytest.mark.parametrize("lost", ["", "its file is gone", OTHER_FORM])
@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())
def test_an_answer_that_does_not_fit_changes_nothing_good_or_bad(
    desk: Desk, changes: dict[str, Any], lost: str
) -> None:
    desk.run(lambda: desk.asked)
    before = desk.ledger.journal.size
    try:
        ignored = desk.answer(desk.asked[0], **{"lost": lost, **changes})
    except Exception as error:  # noqa: BLE001, of whatever kind
        ignored = str(error)
    assert ignored
    for key in (STRANGER, DOCK_KEY):
        with pytest.raises(Untrusted):
            desk.answer(desk.asked[0], key=key, lost=lost)
    assert desk.ledger.journal.size == before
    assert desk.answer(desk.asked[0]) == ""


def test_a_receiver_of_another_archive_proves_nothing(desk: Desk) -> None:
    desk.run(lambda: desk.asked)
    other = Presence(archive="archive-2", receiver="receiver-1", online=True, epoch="e")
    desk.challenger.on_presence(other)
    with pytest.raises(ReceiptRejected):
        desk.answer(desk.asked[0])


def test_a_damaged_copy_of_our_own_is_put_aside_and_nothing_is_asked(desk: Desk) -> None:
    (clip,) = desk.clips
    path = desk.spool.layout.clip(clip)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    desk.run(seconds=10)
    assert desk.asked == []
    assert not path.exists()
    assert desk.state(clip) is State.RELEASED


def test_a_form_that_cannot_be_proved_is_kept_and_neither_asked_nor_sent_for_ever(
    desk: Desk,
) -> None:
    (clip,) = desk.clips
    desk.run(lambda: desk.asked)
    assert desk.answer(desk.asked[0], lost=OTHER_FORM, keyed="") == ""
    assert (desk.state(clip), desk.clearance(clip)) == (State.RECEIPTED, None)
    entry = desk.ledger.find(clip)
    assert entry is not None
    assert OTHER_FORM in entry.reason
    desk.run(seconds=3600)
    assert len(desk.asked) == 1


def test_such_a_form_is_receipted_anew_once_in_a_new_epoch(desk: Desk) -> None:
    (clip,) = desk.clips
    desk.run(lambda: desk.asked)
    desk.answer(desk.asked[0], lost=OTHER_FORM, keyed="", epoch="epoch-2")
    assert desk.state(clip) is State.SPOOLED
    desk.receipt(clip, "epoch-2")
    desk.run(lambda: len(desk.asked) == 2)
    desk.answer(desk.asked[1], lost=OTHER_FORM, keyed="", epoch="epoch-2")
    assert desk.state(clip) is State.RECEIPTED


def test_such_a_form_is_receipted_anew_once_after_an_epoch_came_back(desk: Desk) -> None:
    """Till then it might be lost: its copy here is not given up for the receipt that it has."""
    (clip,) = desk.clips
    for epoch in ("epoch-1", "epoch-2", "epoch-1"):
        desk.ledger.epoch_seen("archive-1", epoch)
    desk.run(lambda: desk.asked)
    desk.answer(desk.asked[0], lost=OTHER_FORM, keyed="")
    assert desk.state(clip) is State.SPOOLED
    desk.receipt(clip)
    desk.run(lambda: len(desk.asked) == 2)
    desk.answer(desk.asked[1], lost=OTHER_FORM, keyed="")
    assert (desk.state(clip), desk.clearance(clip)) == (State.RECEIPTED, None)


def test_a_few_clips_are_asked_for_at_once_and_all_in_the_end(open_desk: Open) -> None:
    desk = open_desk(7)
    desk.run(seconds=10)
    assert len({asked.clip for asked in desk.asked}) == PLACES
    for asked in list(desk.asked):
        desk.answer(asked)
    done = 0
    while done < len(desk.asked):
        asked, done = desk.asked[done], done + 1
        desk.answer(asked)
        desk.run(seconds=3)
    assert {desk.clearance(clip) for clip in desk.clips} == {Clearance.PROVED}


def test_a_clip_without_an_answer_makes_way_for_others(open_desk: Open) -> None:
    desk = open_desk(5)
    deaf = set(desk.clips[:2])

    def rest_proved() -> bool:
        for asked in desk.asked:
            if asked.clip not in deaf and desk.clearance(ClipId(asked.clip)) is Clearance.WANTED:
                desk.answer(asked)
        return all(desk.clearance(clip) is Clearance.PROVED for clip in desk.clips[2:])

    assert desk.run(rest_proved, seconds=3600)


def test_a_proof_in_another_epoch_freezes_all_that_was_proved_in_the_old_one(
    open_desk: Open,
) -> None:
    desk = open_desk(2)
    first, second = desk.clips
    desk.run(lambda: len(desk.asked) == 2)
    desk.answer(desk.asked[0])
    assert desk.clearance(first) is Clearance.PROVED
    desk.answer(desk.asked[1], epoch="epoch-2")
    assert desk.clearance(second) is Clearance.PROVED
    assert desk.clearance(first) is Clearance.WANTED
    assert desk.ledger.epoch_of("archive-1") == "epoch-2"


def presence(epoch: str, **changes: object) -> Presence:
    facts = {"archive": "archive-1", "receiver": "receiver-1", "online": True, "epoch": epoch}
    return Presence.model_validate(facts | changes)


def test_a_receiver_that_tells_another_epoch_freezes_clearing_at_once(desk: Desk) -> None:
    (clip,) = desk.clips
    desk.run(lambda: desk.asked)
    desk.answer(desk.asked[0])
    desk.challenger.on_presence(presence("epoch-9", online=False))  # a will of earlier
    desk.challenger.on_presence(presence("epoch-9", keys=[STRANGER.public.text]))
    desk.run(seconds=3)
    assert desk.clearance(clip) is Clearance.PROVED
    desk.challenger.on_presence(presence("epoch-2", keys=[ARCHIVE_KEY.public.text]))
    desk.challenger.tick(desk.clock.monotonic(), lambda *_, **__: True)
    assert desk.clearance(clip) is Clearance.WANTED
    desk.run(lambda: len(desk.asked) == 2)
    desk.answer(desk.asked[1], epoch="epoch-2")
    assert desk.clearance(clip) is Clearance.PROVED


def test_unsigned_epochs_cannot_fill_the_custody_log(desk: Desk) -> None:
    desk.run(lambda: desk.asked)
    before = desk.ledger.journal.size
    for number in range(1000):
        desk.challenger.on_presence(presence(f"epoch-{number}"))
        desk.challenger.on_presence(presence("e", archive=f"archive-{number}"))
        desk.challenger.tick(desk.clock.monotonic(), lambda *_, **__: True)
    assert desk.ledger.journal.size - before <= EPOCHS * ARCHIVES
