"""The uplink against an archive that keeps the contract: order, window, answers, silence."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from agent.custody.envelopes import peek
from agent.model import CHUNK_BYTES
from agent.spool.states import State
from agent.uplink.settings import UplinkSettings
from agent.wire.contract import Answer, DockStatus, decode, down, up

from .archive import PlayedArchive
from .world import DOCK, DOCK_KEY, Dock, content, entry_of

CHUNK = CHUNK_BYTES


def together(dock: Dock, window: int = 16 * 1024 * 1024) -> PlayedArchive:
    """Dock and archive on one broker that loses nothing."""
    archive = PlayedArchive(dock.link.arrive, window=window)
    dock.link.network = archive.receive
    dock.link.connect()
    dock.link.arrive(*archive.presence(), retained=True)
    return archive


def test_every_clip_arrives_and_is_receipted_oldest_first() -> None:
    dock = Dock([3 * CHUNK, 0, 1, 10 * CHUNK + 7, CHUNK, 2 * CHUNK])
    archive = together(dock)
    assert dock.run(60, lambda: dock.done)
    for clip, data in dock.data.items():
        assert archive.stored[clip].data == data
        assert dock.entry(clip).receipt is not None
    assert archive.offers == dock.clips
    firsts = list(dict.fromkeys(clip for clip, _ in archive.arrivals))
    assert firsts == [clip for clip in dock.clips if dock.data[clip]]
    assert len(archive.arrivals) == len(set(archive.arrivals)), "nothing is sent twice"


def test_birth_and_death_are_retained_at_the_dock() -> None:
    dock = Dock([])
    archive = together(dock)
    dock.run(1)
    birth = decode(DockStatus, archive.others[up(DOCK, "status")][0])
    assert (birth.dock, birth.online, birth.key) == (DOCK, True, DOCK_KEY.public.text)
    assert dock.link.will is not None
    assert not decode(DockStatus, dock.link.will[1]).online


def test_what_the_archive_has_is_not_sent_again() -> None:
    dock = Dock([4 * CHUNK])
    archive = together(dock)
    clip = dock.clips[0]
    archive.window = 2 * CHUNK
    dock.run(60, lambda: len(archive.arrivals) >= 2)
    dock.link.lose()
    dock.run(5)
    held = len(archive.holdings[clip].parts)
    dock.link.connect()
    dock.link.arrive(*archive.presence(), retained=True)
    assert dock.run(60, lambda: dock.done)
    assert len(archive.arrivals) == 4
    assert 2 <= held < 4


def test_the_window_of_the_newest_grant_is_never_exceeded() -> None:
    dock = Dock([6 * CHUNK, 6 * CHUNK])
    archive = together(dock, window=3 * CHUNK + 5)
    archive.mute = True
    sent: list[tuple[str, int]] = []

    def keep(topic: str, payload: bytes) -> None:
        if "/chunk/" in topic:
            sent.append((topic, len(payload)))
        else:
            archive.receive(topic, payload)

    dock.link.network = keep
    archive.mute = False
    dock.run(15)
    assert len(sent) == 3
    archive.window = CHUNK
    manifest = archive.holdings[dock.clips[1]].manifest
    dock.run(100, lambda: archive.offers.count(dock.clips[1]) > 1)
    archive.grant(manifest)
    before = len(sent)
    dock.run(5)
    assert len(sent) - before <= 1


def test_our_own_bound_holds_whatever_is_granted() -> None:
    dock = Dock([100 * CHUNK])
    archive = together(dock, window=2**40)
    archive.quiet = True
    dock.run(10)
    assert len(archive.arrivals) == UplinkSettings().window // CHUNK == 64


def test_no_more_clips_are_opened_than_allowed() -> None:
    dock = Dock([CHUNK] * 20)
    archive = together(dock, window=0)
    dock.run(3)
    assert archive.offers == dock.clips[:8]
    assert len(dock.uplink.snapshot()["clips"]) == 8


def test_a_big_clip_keeps_others_back_only_as_long_as_it_fills_the_window() -> None:
    dock = Dock([200 * CHUNK, CHUNK, CHUNK])
    archive = together(dock, window=0)
    dock.run(3)
    assert archive.offers == dock.clips[:1]


def test_control_messages_go_before_chunks() -> None:
    dock = Dock([40 * CHUNK, CHUNK])
    archive = together(dock)
    order: list[str] = []

    def note(topic: str, payload: bytes) -> None:
        order.append(topic.split("/")[5])
        archive.receive(topic, payload)

    dock.link.network = note
    dock.run(10, lambda: dock.done)
    assert order[:3] == ["status", "offer", "offer"]


def test_chunks_wait_while_the_broker_does_not_acknowledge() -> None:
    dock = Dock([40 * CHUNK])
    archive = together(dock)
    chunks: list[str] = []

    def slow(topic: str, payload: bytes) -> None:
        if "/chunk/" in topic:
            chunks.append(topic)
            dock.link.unacknowledged += 1
        else:
            archive.receive(topic, payload)

    dock.link.network = slow
    dock.run(15)
    assert len(chunks) == UplinkSettings().messages


def test_later_is_asked_again_with_growing_pauses_and_one_clip_at_a_time() -> None:
    dock = Dock([CHUNK] * 3)
    archive = together(dock)
    archive.answer = Answer.LATER
    dock.run(3600)
    asked = len(archive.offers)
    assert 40 < asked < 200
    assert all("so it is" in dock.entry(clip).reason for clip in dock.clips)
    assert dock.entry(dock.clips[0]).attempts > 5
    archive.answer = Answer.GO
    assert dock.run(400, lambda: dock.done)
    assert dock.books.clips_in(State.RECEIPTED) == dock.clips


def test_never_refuses_for_a_day() -> None:
    dock = Dock([CHUNK, CHUNK])
    archive = together(dock)
    archive.answer = Answer.NEVER
    dock.run(60)
    assert archive.offers == dock.clips
    for clip in dock.clips:
        entry = dock.entry(clip)
        assert entry.state is State.REFUSED
        assert entry.due is not None
        assert entry.due - dock.clock.now() > timedelta(hours=23)
    archive.answer = Answer.GO
    assert not dock.run(22 * 3600, lambda: dock.done)
    assert dock.run(3 * 3600, lambda: dock.done)


def test_an_archive_that_takes_smaller_chunks_gets_nothing_and_the_reason_is_kept() -> None:
    dock = Dock([CHUNK])
    archive = together(dock)
    archive.chunk_limit = 128 * 1024
    dock.link.arrive(*archive.presence(since="later"), retained=True)
    dock.run(30)
    assert not archive.arrivals
    assert "131072" in dock.entry(dock.clips[0]).reason


def test_a_broker_that_takes_no_chunk_gets_no_offer() -> None:
    dock = Dock([CHUNK])
    archive = PlayedArchive(dock.link.arrive)
    dock.link.network = archive.receive
    dock.link.connect(packet_limit=100_000)
    dock.link.arrive(*archive.presence(), retained=True)
    dock.run(60)
    assert not archive.offers
    assert "100000" in dock.uplink.snapshot()["error"]


def test_a_silent_archive_is_asked_again_for_ever_with_growing_pauses() -> None:
    dock = Dock([CHUNK] * 20)
    archive = together(dock)
    archive.mute = True
    offers: list[float] = []
    dock.link.network = lambda topic, _: (
        offers.append(dock.clock.monotonic()) if topic.endswith("offer") else None
    )
    dock.run(1)
    dock.link.arrive(*archive.presence(online=False))
    dock.run(24 * 3600)
    assert dock.books.writes == 8, "silence costs the ledger nothing"
    assert 8 * 280 < len(offers) < 8 * 600
    assert offers[8] - offers[0] >= 5
    dock.link.network = archive.receive
    archive.mute = False
    dock.link.arrive(*archive.presence())
    assert dock.run(1, lambda: dock.done)
    assert list(dict.fromkeys(archive.offers)) == dock.clips


def test_silence_about_one_clip_gives_its_place_to_others() -> None:
    dock = Dock([CHUNK] * 10, settings=UplinkSettings(clips=2))
    archive = together(dock)
    shy = dock.clips[0]
    dock.link.network = lambda topic, payload: (
        None
        if topic.endswith("offer") and shy.encode() in peek(payload)
        else archive.receive(topic, payload)
    )
    assert dock.run(10, lambda: len(dock.books.clips_in(State.RECEIPTED)) == 9)
    assert dock.run(3600, lambda: dock.entry(shy).attempts > 0)
    assert dock.entry(shy).due is not None


def test_clips_that_are_never_answered_do_not_hold_the_others_up_for_ever() -> None:
    dock = Dock([CHUNK] * 10, settings=UplinkSettings(clips=2))
    archive = together(dock)
    dock.link.network = lambda topic, payload: (
        None
        if topic.endswith("offer") and any(c.encode() in peek(payload) for c in dock.clips[:2])
        else archive.receive(topic, payload)
    )
    assert dock.run(3600, lambda: len(dock.books.clips_in(State.RECEIPTED)) == 8)


def test_lost_chunks_are_found_by_silence_and_only_they_are_sent_again() -> None:
    dock = Dock([8 * CHUNK])
    archive = together(dock)
    seen: list[str] = []

    def lossy(topic: str, payload: bytes) -> None:
        if "/chunk/" in topic:
            seen.append(topic)
            if len(seen) in (2, 5):
                return
        archive.receive(topic, payload)

    dock.link.network = lossy
    assert dock.run(60, lambda: dock.done)
    assert len(seen) == 10


def test_a_lost_receipt_is_asked_for_again() -> None:
    dock = Dock([CHUNK])
    archive = together(dock)
    lost: list[bytes] = []

    def say(topic: str, payload: bytes) -> None:
        if topic == down(DOCK, "receipt") and not lost:
            lost.append(payload)
        else:
            dock.link.arrive(topic, payload)

    archive.say = say
    assert dock.run(60, lambda: dock.done)
    assert lost
    assert len(archive.arrivals) == 1


def test_a_receiver_that_comes_back_is_offered_at_once() -> None:
    dock = Dock([20 * CHUNK])
    archive = together(dock, window=4 * CHUNK)
    dock.run(30, lambda: len(archive.arrivals) >= 6)
    archive.mute = True
    dock.run(400)
    archive.mute = False
    archive.window = 16 * CHUNK
    dock.link.arrive(*archive.presence(since="afterwards"))
    assert dock.run(2, lambda: dock.done)


def test_a_receiver_that_goes_makes_room_for_another() -> None:
    dock = Dock([20 * CHUNK])
    archive = together(dock, window=CHUNK)
    dock.run(30, lambda: len(archive.arrivals) >= 3)
    offers = len(archive.offers)
    dock.link.arrive(*archive.presence(online=False))
    dock.run(1)
    assert len(archive.offers) == offers + 1


def test_without_word_of_a_receiver_one_offer_tries_its_luck() -> None:
    dock = Dock([CHUNK] * 5)
    offers: list[str] = []
    dock.link.network = lambda topic, _: offers.append(topic)
    dock.link.connect()
    dock.run(6)
    assert [topic.endswith("offer") for topic in offers] == [False, True]


@pytest.mark.parametrize("sound", [True, False])
def test_a_chunk_that_is_refused_three_times_makes_us_read_the_whole_clip(sound: bool) -> None:
    dock = Dock([3 * CHUNK, CHUNK])
    archive = together(dock)
    clip = dock.clips[0]
    if sound:
        honest = archive.receive

        def picky(topic: str, payload: bytes) -> None:
            if topic.endswith(clip) and payload[4:12] == CHUNK.to_bytes(8, "big"):
                archive.arrivals.append((clip, CHUNK))
                archive.progress(clip, [CHUNK])
            else:
                honest(topic, payload)

        dock.link.network = picky
    else:
        dock.copies.rotten[clip] = 1
    dock.run(60, lambda: dock.entry(clip).attempts > 0)
    if not sound:
        assert dock.run_beside_a_thread(lambda: dock.entry(clip).state is State.DAMAGED)
    assert archive.arrivals.count((clip, CHUNK)) == 3
    assert dock.copies.quarantined == ([] if sound else [clip])
    assert dock.run(60, lambda: dock.entry(dock.clips[1]).state is State.RECEIPTED)
    if sound:
        assert dock.entry(clip).state is State.OFFERED
        assert "chunk 1" in dock.entry(clip).reason
        dock.link.network = archive.receive
        assert dock.run(600, lambda: dock.done)


def test_a_clip_whose_file_is_gone_is_damaged_and_the_others_go_on() -> None:
    dock = Dock([CHUNK, CHUNK])
    together(dock)
    gone = dock.clips[0]
    del dock.copies.clips[gone]
    dock.run(30)
    assert dock.entry(gone).state is State.DAMAGED
    assert dock.entry(dock.clips[1]).state is State.RECEIPTED


def test_a_clip_that_was_pulled_anew_goes_with_its_new_digests() -> None:
    dock = Dock([3 * CHUNK])
    archive = together(dock, window=CHUNK)
    dock.run(30, lambda: len(archive.arrivals) >= 1)
    dock.link.lose()
    archive.holdings.clear()
    new = content(99, 3 * CHUNK)
    (clip,) = dock.clips
    sealed = entry_of(1, new).sealed
    dock.books.entries[clip] = replace(dock.entry(clip), sealed=sealed, state=State.SPOOLED)
    dock.copies.clips[clip] = new
    dock.link.connect()
    dock.link.arrive(*archive.presence(), retained=True)
    assert dock.run(30, lambda: dock.done)
    assert archive.stored[clip].data == new
    assert dock.entry(clip).attempts == 0


def test_a_clip_that_fits_no_manifest_does_not_stop_the_others() -> None:
    dock = Dock([CHUNK, CHUNK])
    together(dock)
    entry = dock.entry(dock.clips[0])
    dock.books.entries[entry.clip] = replace(
        entry, sighting=replace(entry.sighting, path="x" * 5000)
    )
    dock.run(30)
    assert "no manifest" in dock.entry(dock.clips[0]).reason
    assert dock.entry(dock.clips[1]).state is State.RECEIPTED


def test_no_event_is_lost_among_many() -> None:
    dock = Dock([])
    births: list[str] = []
    dock.link.network = lambda topic, _: births.append(topic)
    for _ in range(500):
        dock.link.connect()
    dock.run(2)
    assert births == [up(DOCK, "status")] * 500


def test_the_snapshot_says_what_is_going_on() -> None:
    dock = Dock([4 * CHUNK])
    archive = together(dock, window=2 * CHUNK)
    archive.quiet = True
    dock.run(3)
    shown = json.loads(json.dumps(dock.uplink.snapshot()))
    assert shown["connected"] is True
    assert shown["archive"] == ["archive-1"]
    assert shown["in_flight"] == 2 * CHUNK
    assert shown["clips"][0]["path"] == "DCIM/0001.MP4"
    assert shown["clips"][0]["size"] == 4 * CHUNK
    dock.link.lose()
    dock.run(2)
    assert dock.uplink.snapshot()["connected"] is False
    assert "cut" in dock.uplink.snapshot()["error"]
