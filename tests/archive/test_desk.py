"""What a receiver answers to docks that are honest, forgetful, broken or hostile."""

from __future__ import annotations

import os
from hashlib import new as hashlib_new

import pytest
from blake3 import blake3

from agent.archive.intake import IDLE_S, OPEN_PER_DOCK, TAKE_OVER_S
from agent.archive.settings import MIB
from agent.custody.envelopes import seal
from agent.wire.chunk import Chunk
from agent.wire.contract import OFFER_TYPE, Answer, DockStatus, down, up

from .conftest import Open
from .docks import CHUNK, RECEIVER, Far, cut, manifest_of, secret_key

DATA = bytes(range(256)) * 50  # 12,800 bytes: three chunks and a piece
OTHER = DATA[::-1]


def test_a_clip_becomes_an_object_and_a_receipt(far: Far) -> None:
    dock, manifest = far.dock(), manifest_of(DATA)
    dock.offer(manifest)
    assert (dock.answers, dock.grants[0].have) == ([Answer.GO], [])
    assert dock.grants[0].window == 64 * CHUNK
    dock.chunks(manifest, DATA)
    assert dock.receipts(far.key.public) == []
    far.work()
    (receipt,) = dock.receipts(far.key.public)
    assert (receipt.clip, receipt.blake3, receipt.size) == (
        manifest.clip,
        manifest.blake3,
        manifest.size,
    )
    assert (receipt.sha256, receipt.sm3, receipt.epoch) == (manifest.sha256, manifest.sm3, "e1")
    assert (receipt.dock, receipt.archive, receipt.recorder) == ("d1", "county", "S-1")
    (stored,) = far.objects()
    assert stored == far.settings.root / receipt.stored_as
    assert stored.read_bytes() == DATA
    assert stored.stat().st_mode & 0o777 == 0o444
    assert list((far.settings.root / "partial").iterdir()) == []


@pytest.mark.parametrize("data", [b"", b"x", DATA[:CHUNK], DATA[: 2 * CHUNK], DATA])
def test_clips_of_every_shape(far: Far, data: bytes) -> None:
    dock, manifest = far.dock(), manifest_of(data)
    dock.offer(manifest)
    dock.chunks(manifest, data)
    far.work()
    assert [receipt.size for receipt in dock.receipts(far.key.public)] == [len(data)]


def test_no_name_of_a_recorder_becomes_a_path(far: Far) -> None:
    dock, manifest = far.dock(), manifest_of(DATA, path="../" * 9 + "etc/passwd\0", bay="/")
    dock.offer(manifest)
    dock.chunks(manifest, DATA)
    far.work()
    assert far.objects() == [far.store.object_path(manifest.blake3)]


def test_an_offer_of_a_stored_clip_gets_the_same_receipt_at_once(far: Far) -> None:
    dock, manifest = far.dock(), manifest_of(DATA)
    for _ in range(3):
        dock.offer(manifest)
        dock.chunks(manifest, DATA)
        far.work()
    receipts = [payload for what, payload in dock.told if what == "receipt"]
    assert len(receipts) == 3
    assert len(set(receipts)) == 1
    assert len(far.objects()) == 1


def test_digests_that_a_later_offer_wants_are_computed_and_receipted(far: Far) -> None:
    dock = far.dock()
    first = manifest_of(DATA, sha256=None, sm3=None)
    dock.offer(first)
    dock.chunks(first, DATA)
    far.work()
    dock.offer(manifest_of(DATA))
    assert len(dock.receipts(far.key.public)) == 1  # not at once: it takes reading the object
    far.work()
    receipt = dock.receipts(far.key.public)[-1]
    assert (receipt.sha256, receipt.sm3) == (manifest_of(DATA).sha256, manifest_of(DATA).sm3)


def test_a_receipt_of_another_epoch_or_key_is_made_anew_from_the_object(open_far: Open) -> None:
    far = open_far()
    dock, manifest = far.dock(), manifest_of(DATA)
    dock.offer(manifest)
    dock.chunks(manifest, DATA)
    far.work()
    far.catalogue._db.table("meta").update("epoch", {"value": "e2"})
    far = open_far()
    dock = far.dock(key=dock.key)
    dock.offer(manifest)
    far.work()
    assert [receipt.epoch for receipt in dock.receipts(far.key.public)] == ["e2"]
    root = far.settings.root
    far.close()
    far = Far(root, secret_key())
    dock = far.dock(key=dock.key)
    dock.offer(manifest)
    far.work()
    assert len(dock.receipts(far.key.public)) == 1
    far.close()


def test_a_lost_object_is_wanted_again(far: Far) -> None:
    dock, manifest = far.dock(), manifest_of(DATA)
    dock.offer(manifest)
    dock.chunks(manifest, DATA)
    far.work()
    far.objects()[0].unlink()
    dock.offer(manifest)
    assert dock.grants[-1].answer is Answer.GO
    dock.chunks(manifest, DATA)
    far.work()
    assert far.objects()[0].read_bytes() == DATA
    assert len(dock.receipts(far.key.public)) == 2


def test_two_docks_with_one_clip_get_a_receipt_each_and_there_is_one_object(far: Far) -> None:
    first, second = far.dock("d1"), far.dock("d2")
    mine, theirs = manifest_of(DATA), manifest_of(DATA, dock="d2")
    first.offer(mine)
    second.offer(theirs)
    assert second.answers == [Answer.LATER]
    first.chunks(mine, DATA)
    far.work()
    second.offer(theirs)
    far.work()
    assert [receipt.dock for receipt in first.receipts(far.key.public)] == ["d1"]
    assert [receipt.dock for receipt in second.receipts(far.key.public)] == ["d2"]
    assert len(far.objects()) == 1
    assert {row.dock for row in far.catalogue.versions(mine.clip)} == {"d1", "d2"}


def test_another_dock_goes_on_with_a_clip_once_the_first_fell_silent(far: Far) -> None:
    first, second = far.dock("d1"), far.dock("d2")
    mine, theirs = manifest_of(DATA), manifest_of(DATA, dock="d2")
    first.offer(mine)
    first.chunk(mine, cut(DATA)[0])
    far.clock.seconds += TAKE_OVER_S
    second.offer(theirs)
    far.work()
    assert second.grants[-1].have == [(0, CHUNK)]
    first.chunk(mine, cut(DATA)[1])  # no longer its turn
    for chunk in cut(DATA)[2:]:
        second.chunk(theirs, chunk)
    assert not far.later.jobs
    second.chunk(theirs, cut(DATA)[1])
    far.work()
    assert len(second.receipts(far.key.public)) == 1
    assert first.receipts(far.key.public) == []


def test_the_same_clip_id_with_other_bytes_is_a_second_version(far: Far) -> None:
    dock = far.dock()
    for data in (DATA, OTHER):
        manifest = manifest_of(data, clip="ab" * 32)
        dock.offer(manifest)
        dock.chunks(manifest, data)
        far.work()
    versions = {row.blake3 for row in far.catalogue.versions("ab" * 32)}
    assert versions == {blake3(DATA).hexdigest(), blake3(OTHER).hexdigest()}
    assert len(far.objects()) == len(dock.receipts(far.key.public)) == 2


# What does not fit, at each level.


def test_a_chunk_that_is_not_what_its_digest_says_is_told_and_not_stored(far: Far) -> None:
    dock, manifest = far.dock(), manifest_of(DATA)
    good = cut(DATA)
    dock.offer(manifest)
    dock.chunk(manifest, Chunk(CHUNK, good[1].digest, OTHER[:CHUNK]))
    for wrong in (
        Chunk(1, good[0].digest, good[0].data),  # not where a chunk begins
        Chunk(0, good[3].digest, good[3].data),  # too short for its place
        Chunk(4 * CHUNK, good[0].digest, good[0].data),  # past the end
        Chunk(3 * CHUNK, good[0].digest, good[0].data),  # too long for the last
        Chunk(2**62 // CHUNK * CHUNK, good[0].digest, good[0].data),
    ):
        dock.chunk(manifest, wrong)
    far.clock.seconds += 1
    far.desk.intake.flush()
    assert dock.progress[-1].have == []
    assert dock.progress[-1].bad[:3] == [CHUNK, 1, 0]
    dock.chunks(manifest, DATA)
    far.work()
    assert len(dock.receipts(far.key.public)) == 1


LIES = {
    "BLAKE3": {"blake3": blake3(OTHER).hexdigest()},
    "chunk list": {"chunks": blake3(OTHER).hexdigest()},
    "SHA-256": {"sha256": hashlib_new("sha256", OTHER).hexdigest()},
    "SM3": {"sm3": hashlib_new("sm3", OTHER).hexdigest()},
}


@pytest.mark.parametrize("level", LIES)
def test_a_clip_that_never_fits_is_sent_three_times_and_then_refused(far: Far, level: str) -> None:
    dock, manifest = far.dock(), manifest_of(DATA, **LIES[level])
    dock.offer(manifest)
    for _ in range(3):
        assert (dock.grants[-1].answer, dock.grants[-1].have) == (Answer.GO, [])
        dock.chunks(manifest, DATA)
        far.work()
    assert dock.answers == [Answer.GO] * 3 + [Answer.NEVER]
    assert level in dock.grants[-1].reason
    dock.offer(manifest)
    assert dock.answers[4:] == [Answer.NEVER]
    assert (far.objects(), dock.receipts(far.key.public)) == ([], [])
    assert len(far.quarantined()) == 3
    assert far.catalogue.clips() == []
    far.clock.seconds += 24 * 3600  # the dock's daily try
    dock.offer(manifest)
    assert dock.answers[5:] == [Answer.GO]


@pytest.mark.parametrize("size", [len(DATA) - 1, len(DATA) + 1, 0, 2 * CHUNK])
def test_a_wrong_size_is_never_receipted(far: Far, size: int) -> None:
    dock, manifest = far.dock(), manifest_of(DATA, size=size)
    dock.offer(manifest)
    for _ in range(3):
        dock.chunks(manifest, DATA)
        far.work()
    assert (far.objects(), dock.receipts(far.key.public)) == ([], [])


@pytest.mark.parametrize("level", ["chunk list", "SHA-256", "SM3", "size"])
def test_a_lie_about_a_stored_object_is_refused_and_the_object_stays(far: Far, level: str) -> None:
    dock, manifest = far.dock(), manifest_of(DATA)
    dock.offer(manifest)
    dock.chunks(manifest, DATA)
    far.work()
    dock.offer(manifest_of(DATA, clip="cd" * 32, **LIES.get(level, {"size": 5})))
    far.work()
    assert dock.grants[-1].answer is Answer.NEVER
    assert level in dock.grants[-1].reason
    assert far.objects()[0].read_bytes() == DATA
    assert len(dock.receipts(far.key.public)) == 1


def test_a_damaged_object_is_found_when_it_is_offered_again_and_replaced(far: Far) -> None:
    first, second = far.dock("d1"), far.dock("d2")
    mine, theirs = manifest_of(DATA), manifest_of(DATA, dock="d2")
    first.offer(mine)
    first.chunks(mine, DATA)
    far.work()
    (stored,) = far.objects()
    stored.chmod(0o644)
    stored.write_bytes(b"!" + DATA[1:])
    second.offer(theirs)
    far.work()
    assert second.answers == [Answer.GO]
    assert far.quarantined() == ["000001-object"]
    second.chunks(theirs, DATA)
    far.work()
    assert stored.read_bytes() == DATA
    assert len(second.receipts(far.key.public)) == 1


# Whose word counts.


def test_a_key_is_pinned_at_first_sight_and_another_is_refused(open_far: Open) -> None:
    far = open_far()
    honest = far.dock()
    honest.offer(manifest_of(DATA))
    far = open_far()  # the pin outlives a restart
    forger = far.dock(key=secret_key())
    forger.offer(manifest_of(OTHER))
    assert forger.answers == [Answer.LATER]
    assert far.catalogue.pins() == {"d1": honest.key.public}


def test_configured_keys_win(open_far: Open) -> None:
    key = secret_key()
    far = open_far(docks={"d1": key.public})
    dock = far.dock(key=key)
    dock.announce(secret_key().public)
    dock.offer(manifest_of(DATA), signed_by=secret_key())
    dock.offer(manifest_of(DATA))
    assert dock.answers == [Answer.LATER, Answer.GO]
    assert far.catalogue.pins() == {}


def test_a_configured_key_wins_over_a_pinned_one(open_far: Open) -> None:
    far = open_far()
    old = far.dock()
    old.offer(manifest_of(DATA))
    new = secret_key()
    far = open_far(docks={"d1": new.public})
    dock = far.dock(key=new)
    dock.offer(manifest_of(OTHER), signed_by=old.key)
    dock.offer(manifest_of(OTHER))
    assert dock.answers == [Answer.LATER, Answer.GO]


def test_an_offer_before_the_docks_key_is_known_waits(far: Far) -> None:
    dock = far.dock()
    far.trust._announced.clear()
    dock.offer(manifest_of(DATA))
    dock.announce()
    dock.offer(manifest_of(DATA), signed_by=secret_key())
    dock.offer(manifest_of(DATA))
    assert dock.answers == [Answer.LATER, Answer.LATER, Answer.GO]


def test_an_offer_in_another_docks_name_is_dropped(far: Far) -> None:
    dock, other = far.dock("d1"), far.dock("d2")
    dock.offer(manifest_of(DATA, dock="d2"))
    assert (dock.told, other.told) == ([], [])


def test_a_dock_touches_only_what_it_offered(far: Far) -> None:
    dock, thief = far.dock("d1"), far.dock("d2")
    manifest = manifest_of(DATA)
    dock.offer(manifest)
    thief.chunks(manifest, DATA)
    far.work()
    assert thief.told == []
    dock.offer(manifest)
    assert dock.grants[-1].have == []


def test_an_offer_of_other_bytes_replaces_the_one_under_way(far: Far) -> None:
    dock = far.dock()
    old, new = (manifest_of(data, clip="ab" * 32) for data in (DATA, OTHER))
    dock.offer(old)
    dock.chunk(old, cut(DATA)[0])
    dock.offer(new)
    assert dock.grants[-1].have == []
    dock.chunks(new, OTHER)
    far.work()
    assert [receipt.blake3 for receipt in dock.receipts(far.key.public)] == [new.blake3]


# Bounds.


def test_a_full_store_asks_to_come_later(open_far: Open) -> None:
    dock = open_far(floor=2**62).dock()
    dock.offer(manifest_of(DATA))
    assert dock.answers == [Answer.LATER]
    assert "kept" in dock.grants[0].reason


def test_a_claimed_size_costs_nothing(far: Far) -> None:
    dock = far.dock()
    dock.offer(manifest_of(DATA, size=2**62))
    dock.offer(manifest_of(OTHER, size=2**42))
    assert dock.answers == [Answer.NEVER, Answer.NEVER]
    dock.offer(manifest_of(DATA, size=2**50, chunk_bytes=MIB, clip="cd" * 32))
    dock.offer(manifest_of(DATA, size=2**39, chunk_bytes=MIB, clip="ef" * 32))
    assert dock.answers[2:] == [Answer.NEVER, Answer.LATER]
    assert list((far.settings.root / "partial").iterdir()) == []


@pytest.mark.parametrize("lie", [{}, LIES["BLAKE3"]])
def test_no_descriptor_outlives_its_upload(far: Far, lie: dict[str, str]) -> None:
    dock, manifest = far.dock(), manifest_of(DATA, **lie)
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208 - of this moment, not lazily
    dock.offer(manifest)
    for _ in range(3):
        dock.chunks(manifest, DATA)
        far.work()
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_open_clips_are_bounded_and_silent_ones_make_way(open_far: Open) -> None:
    far = open_far(open_limit=2)
    dock = far.dock()
    clips = [manifest_of(DATA, clip=f"{n:064x}") for n in range(3)]
    for manifest in clips:
        dock.offer(manifest)
    assert dock.answers == [Answer.GO, Answer.GO, Answer.LATER]
    far.clock.seconds += TAKE_OVER_S
    dock.chunk(clips[1], cut(DATA)[0])
    dock.offer(clips[2])
    assert dock.answers[-1] is Answer.GO
    dock.chunk(clips[0], cut(DATA)[0])  # its place is gone; a look on disk finds no free one
    assert set(far.desk.intake.uploads) == {far.desk.intake.topic(one) for one in clips[1:]}


def test_one_dock_cannot_take_all_places(far: Far) -> None:
    dock = far.dock()
    for n in range(OPEN_PER_DOCK + 1):
        dock.offer(manifest_of(DATA, clip=f"{n:064x}"))
    assert dock.answers == [Answer.GO] * OPEN_PER_DOCK + [Answer.LATER]


def test_credit_is_shared_out_and_comes_back(open_far: Open) -> None:
    far = open_far(window=2 * MIB, credit=4 * MIB)
    docks = [far.dock(f"d{n}") for n in range(1, 6)]
    manifests = [manifest_of(DATA, dock=dock.name, chunk_bytes=MIB) for dock in docks]
    manifests = [one.model_copy(update={"clip": one.dock[1] * 64}) for one in manifests]
    for dock, manifest in zip(docks, manifests, strict=True):
        dock.offer(manifest)
    assert [dock.answers[-1] for dock in docks] == [Answer.GO] * 2 + [Answer.LATER] * 3
    far.clock.seconds += IDLE_S
    far.desk.intake.tick()
    docks[4].offer(manifests[4])
    assert docks[4].answers[-1] is Answer.GO


def test_progress_is_told_by_steps_and_when_the_dock_pauses(far: Far) -> None:
    data = DATA * 400  # 5,120,000 bytes
    dock, manifest = far.dock(), manifest_of(data, chunk_bytes=65536)
    dock.offer(manifest)
    chunks = cut(data, 65536)
    for chunk in chunks[:40]:
        dock.chunk(manifest, chunk)
    assert [one.have for one in dock.progress] == [[(0, MIB)], [(0, 2 * MIB)]]
    far.desk.intake.flush()
    assert len(dock.progress) == 2
    far.clock.seconds += 0.01
    far.desk.intake.flush()
    assert dock.progress[-1].have == [(0, 40 * 65536)]
    assert not far.desk.intake.due


def test_repeated_chunks_are_confirmed_and_not_written_again(far: Far) -> None:
    dock, manifest = far.dock(), manifest_of(DATA)
    dock.offer(manifest)
    for _ in range(100):
        dock.chunk(manifest, cut(DATA)[2])
    far.clock.seconds += 1
    far.desk.intake.flush()
    assert dock.progress[-1].have == [(2 * CHUNK, 3 * CHUNK)]


# Restarts.


def test_a_restart_keeps_what_is_held_and_tells_a_dock_that_goes_on(open_far: Open) -> None:
    far = open_far()
    dock, manifest = far.dock(), manifest_of(DATA)
    dock.offer(manifest)
    dock.chunk(manifest, cut(DATA)[0])
    dock.chunk(manifest, cut(DATA)[3])
    key = dock.key
    far = open_far()
    dock = far.dock(key=key)
    dock.chunk(manifest, cut(DATA)[1])  # no offer since the restart
    far.work()
    assert dock.progress[-1].have == [(0, CHUNK), (3 * CHUNK, len(DATA))]
    dock.chunk(manifest, cut(DATA)[1])
    dock.chunk(manifest, cut(DATA)[2])
    far.work()
    assert len(dock.receipts(far.key.public)) == 1


def test_an_offer_while_a_partial_is_hashed_gets_its_grant(open_far: Open) -> None:
    far = open_far()
    dock, manifest = far.dock(), manifest_of(DATA)
    dock.offer(manifest)
    dock.chunk(manifest, cut(DATA)[0])
    far = open_far()
    dock = far.dock(key=dock.key)
    dock.chunk(manifest, cut(DATA)[1])
    dock.offer(manifest)
    far.work()
    assert (dock.answers, dock.progress) == ([Answer.GO], [])
    assert dock.grants[0].have == [(0, CHUNK)]


def test_what_a_crash_damaged_is_not_held(open_far: Open) -> None:
    far = open_far()
    dock, manifest = far.dock(), manifest_of(DATA)
    dock.offer(manifest)
    for chunk in cut(DATA)[:3]:
        dock.chunk(manifest, chunk)
    folder = far.store.partial_folder(manifest)
    data = bytearray((folder / "data").read_bytes())
    data[CHUNK] ^= 1
    (folder / "data").write_bytes(data)
    key = dock.key
    far = open_far()
    dock = far.dock(key=key)
    dock.offer(manifest)
    assert dock.told == []  # nothing is promised before it was hashed
    far.work()
    assert dock.grants[0].have == [(0, CHUNK), (2 * CHUNK, 3 * CHUNK)]


def test_chunks_of_an_unknown_clip_are_dropped(far: Far) -> None:
    dock = far.dock()
    dock.chunks(manifest_of(DATA), DATA)
    assert (dock.told, far.later.jobs) == ([], type(far.later.jobs)())


MALFORMED = {
    "offer": [b"", b"{}", b"[" * 100_000, b"\xff" * 99, b"x" * 300_000],
    "status": [b"", b"null", b'{"v":1,"dock":"d1","online":true,"key":"ed25519:zz"}'],
    f"chunk/{RECEIVER}/{'0' * 64}": [b"", b"\1", b"\2" * 100],
    "chunk/../../x": [b"x"],
    "recorder/x/state": [b"x"],
}


@pytest.mark.parametrize("topic", MALFORMED)
def test_malformed_messages_are_dropped(far: Far, topic: str) -> None:
    dock = far.dock()
    for payload in MALFORMED[topic]:
        far.desk.handle(up("d1", *topic.split("/")), payload)
    far.desk.handle("bodydock/2/dock/d1/up/offer", b"x")
    far.desk.handle(down("d1", "grant"), b"x")
    status = DockStatus(dock="d2", online=True, key=dock.key.public.text)
    far.desk.handle(up("d1", "status"), status.encode())
    far.desk.handle(up("d1", "offer"), seal(OFFER_TYPE, b'{"v":1}', dock.key))
    assert dock.told == []
    dock.offer(manifest_of(DATA))
    assert dock.answers == [Answer.GO]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_an_envelope_in_another_encoding_is_dropped(far: Far, encoding: str) -> None:
    dock = far.dock()
    envelope = seal(OFFER_TYPE, manifest_of(DATA).encode(), dock.key).decode().encode(encoding)
    far.desk.handle(up("d1", "offer"), envelope)
    assert dock.told == []


def test_a_malformed_chunk_of_an_open_clip_is_dropped(far: Far) -> None:
    dock, manifest = far.dock(), manifest_of(DATA)
    dock.offer(manifest)
    for payload in MALFORMED[f"chunk/{RECEIVER}/{'0' * 64}"]:
        far.desk.handle(up("d1", "chunk", RECEIVER, manifest.clip), payload)
    dock.chunks(manifest, DATA)
    far.work()
    assert len(dock.receipts(far.key.public)) == 1
