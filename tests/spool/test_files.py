"""The spool as bays and uplink use it: reading, proving, making room, releasing, quarantine."""

from __future__ import annotations

import errno
import os
import threading
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from blake3 import blake3

from agent.errors import ClipDamaged, SpoolBroken, SpoolFull, WrongState
from agent.model import CHUNK_BYTES, ClipId
from agent.spool import sidecar
from agent.spool.files import Spool
from agent.spool.readers import OPEN_FILES
from agent.spool.states import State

from .age import FORMS, cipher_for
from .places import IDENTITY, RECEIPT, Place

CONTENT = Random(20260804).randbytes(2 * CHUNK_BYTES + 777)
NEED = len(CONTENT) + sidecar.length(len(CONTENT))


@pytest.fixture(params=FORMS)
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    return Place(tmp_path, cipher=cipher_for(request.param))


def receipted(place: Place, path: str, data: bytes = CONTENT) -> ClipId:
    clip = place.take_in(data, path).clip
    place.ledger.receipted(clip, RECEIPT)
    return clip


def rot(path: Path, at: int = 100) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# Reading.


def test_chunks_and_their_digests_fit(place: Place) -> None:
    clip = place.take_in(CONTENT).clip
    chunks = [place.spool.read_chunk(clip, index) for index in range(3)]
    assert place.plain(b"".join(chunks)) == CONTENT
    assert place.spool.chunk_digests(clip) == tuple(blake3(c).digest() for c in chunks)
    with pytest.raises(ClipDamaged, match="no chunk 3"):
        place.spool.read_chunk(clip, 3)


def test_an_empty_clip_is_a_clip(place: Place) -> None:
    clip = place.take_in(b"").clip
    assert len(place.spool.chunk_digests(clip)) == (1 if place.cipher else 0)
    assert place.content(clip) == b""
    place.spool.verify(clip)


def test_few_files_stay_open_and_all_can_be_read(place: Place) -> None:
    clips = [place.take_in(bytes([n]) * 10, f"{n}.MP4").clip for n in range(3 * OPEN_FILES)]
    before = open_files()
    for _ in range(2):
        for number, clip in enumerate(clips):
            assert place.plain(place.spool.read_chunk(clip, 0)) == bytes([number]) * 10
    assert open_files() - before <= OPEN_FILES
    place.close()
    assert open_files() <= before


def test_a_clip_that_is_not_in_the_spool_cannot_be_read(place: Place) -> None:
    clip = place.see(CONTENT)
    for ask in (place.spool.chunk_digests, place.spool.verify):
        with pytest.raises(WrongState):
            ask(clip)
    with pytest.raises(WrongState):
        place.spool.read_chunk(clip, 0)


def test_a_missing_or_shortened_file_is_damage(place: Place) -> None:
    gone, short = place.take_in(CONTENT, "A").clip, place.take_in(CONTENT, "B").clip
    place.file(gone).unlink()
    os.truncate(place.file(short), 1000)
    for clip in (gone, short):
        with pytest.raises(ClipDamaged):
            place.spool.read_chunk(clip, 0)
        with pytest.raises(ClipDamaged):
            place.spool.verify(clip)


@pytest.mark.parametrize(("code", "error"), [(errno.EIO, ClipDamaged), (errno.EMFILE, SpoolBroken)])
def test_one_unreadable_clip_is_damage_and_all_else_is_the_disks(
    place: Place, monkeypatch: pytest.MonkeyPatch, code: int, error: type[Exception]
) -> None:
    clip = place.take_in(CONTENT).clip

    def fail(*_: object) -> bytes:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "pread", fail)
    with pytest.raises(error):
        place.spool.read_chunk(clip, 0)


@pytest.mark.parametrize("at", [0, CHUNK_BYTES, len(CONTENT) - 1])
def test_one_changed_bit_is_found(place: Place, at: int) -> None:
    clip = place.take_in(CONTENT).clip
    place.spool.verify(clip)
    rot(place.file(clip), at)
    with pytest.raises(ClipDamaged, match="no longer has the bytes"):
        place.spool.verify(clip)


@pytest.mark.parametrize("how", ["rotten", "missing", "torn", "another clip's"])
def test_a_bad_sidecar_is_made_anew_from_a_good_clip(place: Place, how: str) -> None:
    clip = place.take_in(CONTENT).clip
    sums = place.sums(clip)
    good, digests = sums.read_bytes(), place.spool.chunk_digests(clip)
    if how == "rotten":
        rot(sums, 40)
    elif how == "missing":
        sums.unlink()
    elif how == "torn":
        os.truncate(sums, 50)
    else:
        other = place.take_in(CONTENT[::-1], "B").clip
        sums.write_bytes(place.sums(other).read_bytes())
    assert place.spool.chunk_digests(clip) == digests
    assert sums.read_bytes() == good
    assert place.incoming() == []


def test_a_bad_sidecar_beside_a_bad_clip_is_damage(place: Place) -> None:
    clip = place.take_in(CONTENT).clip
    rot(place.sums(clip), 40)
    rot(place.file(clip))
    with pytest.raises(ClipDamaged):
        place.spool.chunk_digests(clip)


# Room.


def test_the_quota_is_kept_over_what_is_stored_and_what_is_promised(tmp_path: Path) -> None:
    place = Place(tmp_path, quota=2 * NEED)
    place.take_in(CONTENT, "A")
    intake = place.spool.intake(place.see(CONTENT, "B"), len(CONTENT))
    with pytest.raises(SpoolFull, match=f"no room for a clip of {NEED} bytes: {NEED} too many"):
        place.spool.intake(place.see(CONTENT, "C"), len(CONTENT))
    intake.abandon()
    place.take_in(CONTENT, "C")
    with pytest.raises(SpoolFull):
        place.take_in(b"", "D")


def test_the_floor_is_kept(tmp_path: Path) -> None:
    disk = os.statvfs(tmp_path)
    free = disk.f_bavail * disk.f_frsize
    place = Place(tmp_path, floor=2 * free)
    with pytest.raises(SpoolFull, match="floor"):
        place.take_in(CONTENT)


def test_room_cannot_be_promised_twice(tmp_path: Path) -> None:
    """Many bays at once: as many clips as fit, and not one more."""
    place = Place(tmp_path, quota=5 * NEED)
    clips = [place.see(CONTENT, f"{n}.MP4") for n in range(16)]
    promised: list[object] = []
    refused: list[SpoolFull] = []
    start = threading.Barrier(16)

    def bay(clip: ClipId) -> None:
        start.wait()
        try:
            promised.append(place.spool.intake(clip, len(CONTENT)))
        except SpoolFull as full:
            refused.append(full)

    threads = [threading.Thread(target=bay, args=(clip,)) for clip in clips]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(promised), len(refused)) == (5, 11)


def test_what_can_never_fit_is_told_apart(tmp_path: Path) -> None:
    place = Place(tmp_path, quota=NEED)
    assert place.spool.could_hold(len(CONTENT))
    assert not place.spool.could_hold(len(CONTENT) + 1)
    assert not Place(tmp_path / "other").spool.could_hold(2**62)


def test_under_pressure_the_oldest_released_first_and_only_as_many_as_needed(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path, quota=4 * NEED, hold_seconds=100)
    clips = []
    for number in range(4):
        clips.append(receipted(place, f"{number}.MP4"))
        place.clock.advance(10)
    place.clock.advance(75)  # the holds of the first two are over
    place.take_in(CONTENT, "NEW1")
    states = [place.entry(clip).state for clip in clips]
    assert states == [State.RELEASED, *[State.RECEIPTED] * 3]
    assert not place.file(clips[0]).exists()
    place.take_in(CONTENT, "NEW2")
    with pytest.raises(SpoolFull):
        place.take_in(CONTENT, "NEW3")
    assert [place.entry(clip).state for clip in clips[2:]] == [State.RECEIPTED] * 2


def test_without_pressure_nothing_is_released(tmp_path: Path) -> None:
    place = Place(tmp_path, hold_seconds=0)
    clip = receipted(place, "A")
    place.clock.advance(1e6)
    place.take_in(CONTENT, "B")
    assert place.spool.make_room(NEED) == 0
    assert place.entry(clip).state is State.RECEIPTED


def test_what_has_no_receipt_is_never_released_however_full_it_is(tmp_path: Path) -> None:
    place = Place(tmp_path, quota=NEED, hold_seconds=0)
    clip = place.take_in(CONTENT, "A").clip
    place.ledger.offered(clip)
    with pytest.raises(SpoolFull):
        place.take_in(CONTENT, "B")
    assert place.content(clip) == CONTENT


def test_nothing_is_released_for_a_clip_that_can_never_fit(tmp_path: Path) -> None:
    place = Place(tmp_path, quota=2 * NEED, hold_seconds=0)
    clip = receipted(place, "A")
    assert place.spool.make_room(3 * NEED) == 0
    assert place.entry(clip).state is State.RECEIPTED


def test_an_interrupted_intake_gives_way_after_what_is_archived(tmp_path: Path) -> None:
    place = Place(tmp_path, quota=2 * NEED, hold_seconds=0)
    old = receipted(place, "OLD")
    place.spool.aside.put(
        "S1", IDENTITY, place.spool.intake(place.see(CONTENT, "CUT"), len(CONTENT))
    )
    place.take_in(CONTENT, "A")
    assert place.entry(old).state is State.RELEASED
    assert len(place.incoming()) == 1
    place.take_in(CONTENT, "B")
    assert place.incoming() == []


# Leaving.


def test_the_tombstone_is_committed_before_the_file_goes(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = receipted(place, "A")
    seen: list[State] = []
    real = Path.unlink

    def watched(path: Path, missing_ok: bool = False) -> None:
        seen.append(place.entry(clip).state)
        real(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", watched)
    stored = place.spool.room.stored
    assert stored >= NEED
    assert place.spool.release(clip) == stored
    assert seen == [State.RELEASED, State.RELEASED]
    assert place.spool.room.stored == 0


@pytest.mark.parametrize("state", ["spooled", "offered", "refused", "released"])
def test_only_a_receipted_clip_can_be_released(place: Place, state: str) -> None:
    clip = place.take_in(CONTENT).clip
    if state in ("offered", "refused"):
        place.ledger.offered(clip)
    if state == "refused":
        place.ledger.refused(clip, "no", place.clock.now())
    if state == "released":
        place.ledger.receipted(clip, RECEIPT)
        place.spool.release(clip)
    with pytest.raises(WrongState):
        place.spool.release(clip)
    assert place.file(clip).exists() == (state != "released")


def test_a_quarantined_clip_is_kept_and_wanted_again(place: Place) -> None:
    clip = place.take_in(CONTENT).clip
    place.spool.read_chunk(clip, 0)
    lies = place.spool.quarantine(clip, "a bit flipped")
    assert lies is not None
    assert place.plain(lies.read_bytes()) == CONTENT
    entry = place.entry(clip)
    assert (entry.state, entry.reason) == (State.DAMAGED, "a bit flipped")
    place.ledger.wanted_again(clip)
    place.ledger.spooled(place.write(clip, CONTENT))
    assert place.content(clip) == CONTENT


def test_quarantine_after_the_ledger_was_told_only_moves_the_file(place: Place) -> None:
    clip = place.take_in(CONTENT).clip
    place.ledger.damaged(clip, "said the uplink")
    assert place.spool.quarantine(clip, "again") is not None
    assert place.entry(clip).reason == "said the uplink"
    assert place.spool.quarantine(clip, "and again") is None


def test_a_receipted_clip_in_quarantine_is_released(place: Place) -> None:
    clip = receipted(place, "A")
    place.spool.quarantine(clip, "rot")
    assert place.entry(clip).state is State.RELEASED
    assert any(
        place.plain(lies) == CONTENT for lies in place.quarantined() if len(lies) >= NEED - 1000
    )


def test_quarantine_never_overwrites(place: Place) -> None:
    for number in range(3):
        clip = place.take_in(CONTENT).clip
        (place.file(clip)).write_bytes(b"rotten %d" % number)
        place.spool.quarantine(clip, "rot")
        place.ledger.wanted_again(clip)
    kept = [data for data in place.quarantined() if data.startswith(b"rotten")]
    assert kept == [b"rotten 0", b"rotten 1", b"rotten 2"]


def test_closing_gives_up_what_was_set_aside(place: Place) -> None:
    spool: Spool = place.spool
    spool.aside.put("S1", IDENTITY, spool.intake(place.see(CONTENT, "A"), len(CONTENT)))
    spool.aside.put("S1", IDENTITY, spool.intake(place.see(CONTENT, "B"), len(CONTENT)))
    assert len(place.incoming()) == 1, "one at most for each recorder"
    place.close()
    assert place.incoming() == []


@pytest.mark.parametrize(
    ("change", "kept"), [({"officer": "000002"}, True), ({"firmware": "2.0"}, False)]
)
def test_what_was_begun_is_gone_on_with_on_the_same_device(
    place: Place, change: dict[str, str], kept: bool
) -> None:
    """Who wears it is no matter to the clip."""
    clip = place.see(CONTENT)
    begun = place.spool.intake(clip, len(CONTENT))
    place.spool.aside.put("S1", IDENTITY, begun)
    again = place.spool.aside.take("S1", replace(IDENTITY, **change), clip)
    assert (again is begun) is kept
    assert begun.is_open is kept
    begun.abandon()
