"""One clip coming in: whole and proved, or without a trace."""

from __future__ import annotations

import errno
import os
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import (
    BodydockError,
    RecorderBusy,
    RecorderMisbehaved,
    SpoolBroken,
    SpoolFull,
    WrongState,
)
from agent.model import CHUNK_BYTES, Digests
from agent.spool import intake as intake_module
from agent.spool import sidecar
from agent.spool.states import State

from .age import FORMS, cipher_for
from .places import Place

CONTENT = Random(20260804).randbytes(9 * 1024 * 1024 + 4321)


@pytest.fixture(params=FORMS)
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    return Place(tmp_path, cipher=cipher_for(request.param))


def nothing_is_left(place: Place) -> bool:
    clips = [path for path in place.spool.layout.clips.rglob("*") if path.is_file()]
    return not clips and not place.incoming() and place.spool.room.stored == 0


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=20)
@given(
    steps=st.lists(st.integers(1, 3_000_000), min_size=1, max_size=8),
    size=st.integers(0, len(CONTENT)),
)
def test_what_came_in_is_what_lies_there(
    tmp_path_factory: pytest.TempPathFactory, form: str, steps: list[int], size: int
) -> None:
    place = Place(tmp_path_factory.mktemp("dock"), cipher=cipher_for(form))
    data = CONTENT[:size]
    clip = place.see(data)
    intake, at = place.spool.intake(clip, size), 0
    for step in [*steps, size]:
        intake.write(data[at : at + step])
        at = min(size, at + step)
        assert intake.written == at
        assert intake.fits(max(0, at - 16_384), data[max(0, at - 16_384) : at])
    sealed = intake.finish()
    place.ledger.spooled(sealed)
    assert place.content(clip) == data
    assert place.entry(clip).sealed == sealed
    assert sealed.size == size
    assert sealed.digests == digests_of(data)
    assert sealed.file_digests == digests_of(place.file(clip).read_bytes())
    chunks = sidecar.decode(place.sums(clip).read_bytes(), sealed.file_size)
    assert sealed.file_digests.chunks == blake3(chunks).hexdigest()
    parts = (data[offset : offset + length] for offset, length in sidecar.places(size, clip))
    assert sealed.fingerprint == sidecar.fingerprint(*parts)
    assert place.incoming() == []
    assert place.spool.room.stored == sum(
        path.stat().st_size for path in (place.file(clip), place.sums(clip))
    )
    place.close()


def digests_of(data: bytes) -> Digests:
    """By other means than the spool's."""
    cut = (data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES))
    chunks = b"".join(blake3(piece).digest() for piece in cut)
    whole, listed = blake3(data).hexdigest(), blake3(chunks).hexdigest()
    return Digests(whole, listed, sha256(data).hexdigest())


def test_room_is_taken_on_the_disk_before_the_first_byte(place: Place) -> None:
    size = 5_000_000
    intake = place.spool.intake(place.see(bytes(size)), size)
    (part,) = place.incoming()
    assert part.stat().st_blocks * 512 >= size
    intake.abandon()
    intake.abandon()
    assert nothing_is_left(place)


def test_names_are_our_own_and_never_the_recorders(place: Place) -> None:
    sealed = place.take_in(b"x", "../../../etc/passwd\x00.MP4")
    names = [path.name for path in place.spool.layout.root.rglob("*") if path.is_file()]
    assert sealed.clip in names
    assert not any("passwd" in name for name in names)


@pytest.mark.parametrize("given_bytes", [0, 1, 999])
def test_fewer_bytes_than_declared_are_no_clip(place: Place, given_bytes: int) -> None:
    intake = place.spool.intake(place.see(bytes(1000)), 1000)
    intake.write(bytes(given_bytes))
    with pytest.raises(RecorderMisbehaved, match=f"gave {given_bytes} of the 1000"):
        intake.finish()
    assert nothing_is_left(place)


def test_more_bytes_than_declared_are_no_clip(place: Place) -> None:
    intake = place.spool.intake(place.see(bytes(1000)), 1000)
    intake.write(bytes(1000))
    with pytest.raises(RecorderMisbehaved, match="more than the 1000"):
        intake.write(b"!")
    assert nothing_is_left(place)
    with pytest.raises(SpoolBroken, match="is over"):
        intake.finish()


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EROFS, errno.EDQUOT])
@pytest.mark.parametrize("call", ["write", "fsync", "rename", "preadv", "posix_fadvise", "open"])
def test_a_failing_call_leaves_no_trace_and_the_next_try_works(
    place: Place, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    data = CONTENT
    clip = place.see(data)
    intake = place.spool.intake(clip, len(data))

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        if call == "rename":
            patch.setattr(Path, "rename", fail)
        with pytest.raises(SpoolFull if code in (errno.ENOSPC, errno.EDQUOT) else SpoolBroken):
            take(intake, data)
    assert nothing_is_left(place)
    place.ledger.spooled(place.write(clip, data))


def take(intake: intake_module.Intake, data: bytes) -> None:
    intake.write(data)
    intake.finish()


def test_a_failed_sync_is_never_repeated_on_its_descriptor(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = place.see(b"x")
    intake = place.spool.intake(clip, 1)
    intake.write(b"x")
    synced: list[int] = []

    def fail(handle: int) -> None:
        synced.append(handle)
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(SpoolBroken):
            intake.finish()
    assert len(synced) == 1
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(synced[0])


@pytest.mark.parametrize("at", [0, 300_000, len(CONTENT) - 1])
def test_a_disk_that_gives_back_other_bytes_is_found_out(
    place: Place, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    intake = place.spool.intake(place.see(CONTENT), len(CONTENT))
    intake.write(CONTENT)
    real = os.preadv

    def lying(handle: int, buffers: list[bytearray], offset: int) -> int:
        count = real(handle, buffers, offset)
        if offset <= at < offset + count:
            buffers[0][at - offset] ^= 0x10
        return count

    monkeypatch.setattr(os, "preadv", lying)
    with pytest.raises(SpoolBroken, match="other bytes"):
        intake.finish()
    assert nothing_is_left(place)


def test_the_order_is_the_rules_order(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sync, read back, sidecar (synced), sidecar's name, clip's name, folder's sync; then only
    may the ledger be told."""
    steps: list[str] = []

    def watch(owner: object, name: str, label: str) -> None:
        real = getattr(owner, name)

        def watched(*args: object, **kwargs: object) -> object:
            steps.append(label)
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, watched)

    clip = place.see(b"x")
    intake = place.spool.intake(clip, 1)
    for owner, name, label in (
        (os, "fsync", "sync"),
        (intake_module, "measure", "read back"),
        (intake_module, "write_new", "sidecar"),
        (Path, "rename", "name"),
        (intake_module, "sync_folder", "folder"),
    ):
        watch(owner, name, label)
    intake.write(b"x")
    intake.finish()
    # sidecar and folder each end with a sync of their own
    assert steps == ["sync", "read back", "sidecar", "sync", "name", "name", "folder", "sync"]
    assert place.entry(clip).state is State.SEEN


def test_two_bays_cannot_take_in_one_clip(place: Place) -> None:
    clip = place.see(b"x")
    intake = place.spool.intake(clip, 1)
    with pytest.raises(RecorderBusy):
        place.spool.intake(clip, 1)
    intake.abandon()
    place.spool.intake(clip, 1).abandon()


def test_a_clip_that_is_here_is_not_taken_in_again(place: Place) -> None:
    clip = place.take_in(b"x").clip
    with pytest.raises(WrongState):
        place.spool.intake(clip, 1)
    assert place.content(clip) == b"x"


def test_an_unknown_file_in_the_way_is_kept(place: Place) -> None:
    clip = place.see(b"new")
    place.file(clip).write_bytes(b"whatever this is")
    place.write(clip, b"new")
    assert place.content(clip) == b"new"
    assert place.quarantined() == [b"whatever this is"]


def test_a_failed_allocation_promises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path, quota=1000)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    clip = place.see(b"x")
    for _ in range(2):
        with pytest.raises(SpoolFull):
            place.spool.intake(clip, 1)
    assert nothing_is_left(place)
    assert place.spool.room.lacking(1000) == 0


def test_every_error_names_whose_fault_it_was(place: Place) -> None:
    intake = place.spool.intake(place.see(b"xy"), 2)
    with pytest.raises(BodydockError) as caught:
        intake.write(bytes(CHUNK_BYTES))
    assert caught.value.fault.value == "recorder"
