"""The session alone, message by message and second by second."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from agent.errors import Malformed
from agent.model import CHUNK_BYTES, ClipId
from agent.spool.entry import Entry
from agent.uplink.actions import Action, Offer, Postpone, Progressed, Send
from agent.uplink.delivery import Stage
from agent.uplink.session import Session
from agent.uplink.settings import UplinkSettings
from agent.wire.contract import Answer, Grant, Presence, Progress

from .world import START, content, entry_of

CHUNK = CHUNK_BYTES
SETTINGS = UplinkSettings()


class Talk:
    """A session that is connected, knows receiver R1, and was given clips of some sizes."""

    def __init__(self, *sizes: int, troubled: bool = False) -> None:
        self.now = 100.0
        self.session = Session(SETTINGS, Random(1))
        self.entries = [entry_of(n, content(n, size)) for n, size in enumerate(sizes, 1)]
        if troubled:
            due = START - timedelta(hours=1)
            self.entries = [replace(entry, attempts=4, due=due) for entry in self.entries]
        self.session.connected(self.now)
        self.presence()
        self.session.take(self.entries, self.now)
        assert self.session.actions() == [Offer(entry) for entry in self.entries]

    def presence(self, receiver: str = "R1", *, online: bool = True, since: str = "") -> None:
        said = Presence(archive="A", receiver=receiver, online=online, epoch="1", since=since)
        self.session.presence(said, self.now)

    def grant(self, entry: Entry, **changes: object) -> str:
        assert entry.sealed is not None
        facts = {
            "clip": entry.clip,
            "blake3": entry.sealed.digests.blake3,
            "receiver": "R1",
            "answer": Answer.GO,
            "window": 64 * CHUNK,
        }
        return self.session.grant(Grant.model_validate(facts | changes), self.now)

    def progress(self, entry: Entry, *chunks: int, receiver: str = "R1", bad: int = -1) -> str:
        assert entry.sealed is not None
        size = entry.sealed.size
        have = [(n * CHUNK, min(size, (n + 1) * CHUNK)) for n in chunks]
        refused = [bad * CHUNK] if bad >= 0 else []
        said = Progress(clip=entry.clip, receiver=receiver, have=have, bad=refused)
        return self.session.progress(said, self.now)

    def sends(self, limit: int = 1000) -> list[tuple[ClipId, int]]:
        """The chunks that go now."""
        found: list[tuple[ClipId, int]] = []
        while len(found) < limit and (send := self.session.next_chunk(self.now)):
            assert isinstance(send, Send)
            found.append((send.entry.clip, send.index))
        return found

    def wait(self, seconds: float) -> list[Action]:
        self.now += seconds
        self.session.tick(self.now)
        return self.session.actions()

    def stage(self, entry: Entry) -> Stage:
        return next(one.stage for one in self.session.deliveries() if one.clip == entry.clip)


def test_a_grant_for_other_bytes_or_another_clip_is_ignored() -> None:
    talk = Talk(CHUNK)
    (entry,) = talk.entries
    assert talk.grant(entry, blake3="0" * 64)
    assert talk.grant(entry, clip="0" * 64)
    assert talk.sends() == []
    assert talk.grant(entry) == ""
    assert talk.sends() == [(entry.clip, 0)]


def test_a_grant_by_a_receiver_of_whom_nothing_was_heard_is_ignored() -> None:
    talk = Talk(CHUNK)
    assert "R9" in talk.grant(talk.entries[0], receiver="R9")
    assert talk.grant(talk.entries[0], receiver="R9", answer=Answer.NEVER)
    assert (talk.sends(), talk.session.actions()) == ([], [])


def test_the_first_of_two_receivers_takes_the_clip() -> None:
    talk = Talk(3 * CHUNK)
    (entry,) = talk.entries
    talk.presence("R2")
    talk.session.actions()
    assert talk.grant(entry, receiver="R2") == ""
    assert talk.grant(entry) != ""
    send = talk.session.next_chunk(talk.now)
    assert send is not None
    assert send.receiver == "R2"
    assert talk.progress(entry, 0, receiver="R1") != ""
    assert talk.session.deliveries()[0].pieces.stored_bytes == 0


def test_a_replayed_grant_sends_nothing_again() -> None:
    talk = Talk(3 * CHUNK)
    (entry,) = talk.entries
    talk.grant(entry)
    assert len(talk.sends()) == 3
    assert talk.grant(entry) != ""
    assert talk.sends() == []


def test_a_grant_after_everything_was_sent_begins_anew() -> None:
    """The archive put the bytes together, they did not fit, and it asks for all of them again."""
    talk = Talk(2 * CHUNK)
    (entry,) = talk.entries
    talk.grant(entry)
    talk.sends()
    talk.progress(entry, 0, 1)
    assert talk.stage(entry) is Stage.SENT
    assert talk.grant(entry) == ""
    assert len(talk.sends()) == 2


def test_after_a_loss_everything_is_offered_again_at_once() -> None:
    talk = Talk(9 * CHUNK)
    talk.grant(talk.entries[0])
    talk.sends()
    talk.session.lost()
    assert talk.session.wants(talk.now) == 0
    assert talk.sends() == []
    talk.session.connected(talk.now)
    talk.presence()
    assert talk.session.wants(talk.now) == SETTINGS.clips
    talk.session.take(talk.entries, talk.now)
    assert talk.session.actions() == [Offer(talk.entries[0])]
    assert talk.session.deliveries()[0].pieces.flying_bytes == 0


def test_progress_counts_once_and_frees_the_window() -> None:
    talk = Talk(6 * CHUNK)
    (entry,) = talk.entries
    talk.grant(entry, window=2 * CHUNK)
    assert len(talk.sends()) == 2
    for _ in range(3):
        talk.progress(entry, 0)
    assert len(talk.sends()) == 1
    talk.progress(entry, 1, 2)
    talk.progress(entry, 0)
    assert len(talk.sends()) == 2


def test_a_chunk_that_was_overtaken_is_lost_however_much_comes_after_it() -> None:
    talk = Talk(CHUNK, 100 * CHUNK)
    first, long = talk.entries
    for entry in (first, long):
        talk.grant(entry, window=2 * CHUNK)
    assert talk.sends(1) == [(first.clip, 0)]
    offered_again = 0.0
    for n in range(40):
        talk.sends(1)
        talk.session.moving(talk.now)
        talk.progress(long, n)
        if Offer(first) in talk.wait(1.0):
            offered_again = n
            break
    assert SETTINGS.progress_silence - 2 <= offered_again <= SETTINGS.progress_silence + 2


def test_a_chunk_that_waits_behind_others_is_not_lost() -> None:
    talk = Talk(60 * CHUNK, CHUNK)
    long, last = talk.entries
    talk.grant(long)
    talk.grant(last)
    assert talk.sends()[-1] == (last.clip, 0)
    for n in range(60):
        talk.progress(long, n)
        assert talk.wait(5.0) == []
    talk.progress(last, 0)
    assert talk.stage(last) is Stage.SENT


def test_a_slow_link_that_moves_is_not_silent_and_one_that_does_not_is() -> None:
    talk = Talk(60 * CHUNK)
    talk.grant(talk.entries[0])
    talk.sends()
    for _ in range(20):
        talk.session.moving(talk.now)
        assert talk.wait(SETTINGS.progress_silence - 1) == []
    assert talk.wait(1) == [Offer(talk.entries[0])]


def test_a_grant_that_nobody_used_for_long_is_asked_for_again() -> None:
    talk = Talk(60 * CHUNK, CHUNK)
    long, small = talk.entries
    talk.grant(long, window=60 * CHUNK)
    talk.grant(small, window=60 * CHUNK)
    assert len(talk.sends()) == 60
    for n in range(59):
        talk.progress(long, n)
        talk.wait(1.0)
    assert talk.sends() == []
    assert talk.session.actions() == [Offer(small)]
    talk.grant(small)
    assert talk.sends() == [(small.clip, 0)]


def test_progress_after_trouble_is_told_to_the_ledger_once() -> None:
    talk = Talk(9 * CHUNK, troubled=True)
    (entry,) = talk.entries
    talk.grant(entry)
    talk.sends()
    talk.progress(entry, 0)
    talk.progress(entry, 1)
    assert talk.session.actions() == [Progressed(entry.clip)]


def test_what_only_grants_confirm_is_progress_too() -> None:
    talk = Talk(40 * CHUNK)
    (entry,) = talk.entries
    for n in range(1, 10):
        assert talk.grant(entry, window=CHUNK, have=[(0, n * CHUNK)]) == ""
        assert talk.sends() == [(entry.clip, n)]
        assert talk.wait(SETTINGS.progress_silence) == [Offer(entry)]


def test_grants_without_progress_lead_to_growing_pauses() -> None:
    talk = Talk(40 * CHUNK, troubled=True)
    (entry,) = talk.entries
    for _ in range(SETTINGS.tries - 1):
        talk.grant(entry)
        talk.sends()
        assert talk.wait(SETTINGS.progress_silence) == [Offer(entry)]
    talk.now += 1
    talk.grant(entry)
    (postponed,) = talk.wait(SETTINGS.progress_silence)
    assert isinstance(postponed, Postpone)
    assert 80 <= postponed.seconds <= 160


def test_one_later_leaves_one_clip_asking_and_a_go_lets_all_go() -> None:
    talk = Talk(CHUNK, CHUNK)
    first, second = talk.entries
    talk.grant(first, answer=Answer.LATER, reason="full")
    (postponed,) = talk.session.actions()
    assert isinstance(postponed, Postpone)
    assert "full" in postponed.reason
    talk.now += 2
    assert talk.session.wants(talk.now) == 0
    talk.grant(second)
    assert talk.session.wants(talk.now) == SETTINGS.clips - 1


def test_a_clip_that_asks_alone_and_gets_no_answer_does_not_keep_the_others_waiting() -> None:
    talk = Talk(CHUNK, CHUNK)
    talk.grant(talk.entries[0], answer=Answer.LATER)
    talk.now += 2
    assert talk.session.wants(talk.now) == 0
    for _ in range(SETTINGS.tries):
        talk.wait(SETTINGS.longest_silence)
    assert talk.session.wants(talk.now) > 0


@pytest.mark.parametrize("have", [[(0, CHUNK + 1)], [(5, 5)]])
def test_messages_that_contradict_the_clip_are_malformed(have: list[tuple[int, int]]) -> None:
    talk = Talk(CHUNK)
    (entry,) = talk.entries
    with pytest.raises(Malformed):
        talk.grant(entry, have=have)
    assert talk.stage(entry) is Stage.OFFERED
    talk.grant(entry)
    with pytest.raises(Malformed):
        talk.session.progress(Progress(clip=entry.clip, receiver="R1", have=have), talk.now)


def test_a_refused_chunk_goes_again_and_a_repeated_refusal_counts_once() -> None:
    talk = Talk(3 * CHUNK)
    (entry,) = talk.entries
    talk.grant(entry)
    talk.sends()
    for _ in range(5):
        talk.progress(entry, bad=1)
    assert talk.sends() == [(entry.clip, 1)]
    assert talk.session.actions() == []
