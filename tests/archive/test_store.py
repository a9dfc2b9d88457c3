"""What the folder store holds is what was sent, whatever order, repetition, damage or crash."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.archive.partial import RANGES_LIMIT, Partial, Written
from agent.archive.readback import DigestMismatch
from agent.archive.store import UPLOADS_KEPT, Store
from agent.errors import StoreBroken, StoreFull
from agent.wire.chunk import Chunk
from agent.wire.contract import Manifest

from .docks import CHUNK, cut, manifest_of

DATA = Random(7).randbytes(5 * CHUNK + 17)
CHUNKS = cut(DATA)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path)
    made.make()
    return made


def fill(store: Store, manifest: Manifest, data: bytes = DATA) -> Partial:
    partial = store.open_partial(manifest)
    partial.keep_offer(b"{}")
    for chunk in cut(data, manifest.chunk_bytes):
        partial.write(chunk)
    return partial


def merged(held: set[int], size: int = len(DATA)) -> list[tuple[int, int]]:
    """Byte ranges of chunk numbers, by another way than the store's."""
    ranges: list[tuple[int, int]] = []
    for index in sorted(held):
        start, end = index * CHUNK, min((index + 1) * CHUNK, size)
        if ranges and ranges[-1][1] == start:
            start = ranges.pop()[0]
        ranges.append((start, end))
    return ranges


DELIVERY = st.tuples(st.integers(0, 5), st.sampled_from(["good", "flipped", "wrong digest"]))
RUN = st.lists(DELIVERY, max_size=20)


def deliver(partial: Partial, index: int, how: str) -> Written:
    chunk = CHUNKS[index]
    if how == "flipped":
        return partial.write(Chunk(chunk.offset, chunk.digest, b"\0" + bytes(chunk.data)[1:]))
    if how == "wrong digest":
        return partial.write(Chunk(chunk.offset, bytes(32), chunk.data))
    return partial.write(chunk)


@settings(max_examples=60)
@given(st.lists(RUN, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_chunks_in_any_order_over_any_number_of_runs(
    runs: list[list[tuple[int, str]]], random: Random
) -> None:
    manifest, held = manifest_of(DATA), set[int]()
    with tempfile.TemporaryDirectory() as root:
        store = Store(Path(root))
        store.make()
        for run in runs:
            partial = store.open_partial(manifest)
            partial.recheck()
            assert partial.ranges() == merged(held)
            for index, how in run:
                got = deliver(partial, index, how)
                want = Written.NEW if how == "good" else Written.BAD
                assert got is (Written.DUPLICATE if index in held else want)
                held |= {index} if how == "good" else set()
            partial.close()
        partial = store.open_partial(manifest)
        partial.keep_offer(b"{}")
        partial.recheck()
        for index in random.sample(range(6), 6):
            partial.write(CHUNKS[index])
        store.seal(partial, manifest)
        partial.close()
        assert store.object_path(manifest.blake3).read_bytes() == DATA


@settings(max_examples=80)
@given(
    st.sets(st.integers(0, 5)),
    st.lists(st.tuples(st.sampled_from(["data", "slots"]), st.integers(0, 2**20)), max_size=6),
)
def test_bits_that_rot_between_runs_are_found(held: set[int], rot: list[tuple[str, int]]) -> None:
    manifest = manifest_of(DATA)
    with tempfile.TemporaryDirectory() as root:
        store = Store(Path(root))
        store.make()
        partial = store.open_partial(manifest)
        for index in held:
            partial.write(CHUNKS[index])
        partial.close()
        for name, at in rot:
            path = partial.folder / name
            data = bytearray(path.read_bytes())
            data[at % len(data)] ^= 1 << at % 8
            path.write_bytes(data)
        partial = store.open_partial(manifest)
        partial.recheck()
        now = (partial.folder / "data").read_bytes()
        for start, end in partial.ranges():
            assert now[start:end] == DATA[start:end]
        for index in held:
            assert rot or partial.write(CHUNKS[index]) is Written.DUPLICATE
        partial.close()


def test_more_ranges_than_a_message_holds(store: Store) -> None:
    data = bytes(4096 * (2 * RANGES_LIMIT + 10))
    manifest = manifest_of(data)
    partial = store.open_partial(manifest)
    for chunk in cut(data)[::2]:
        partial.write(chunk)
    assert len(partial.ranges()) == RANGES_LIMIT
    assert partial.ranges()[-1] == (4096 * (2 * RANGES_LIMIT - 2), 4096 * (2 * RANGES_LIMIT - 1))
    partial.close()


@pytest.mark.parametrize("digests", [{}, {"sha256": None}, {"sm3": None, "sha256": None}])
@pytest.mark.parametrize("chunk_bytes", [4096, 5000, 262_144, 1_048_576])
def test_sealing_whatever_digests_and_chunks(
    store: Store, digests: dict[str, Any], chunk_bytes: int
) -> None:
    data = Random(3).randbytes(2_200_000)
    manifest = manifest_of(data, chunk_bytes=chunk_bytes, **digests)
    partial = fill(store, manifest, data)
    store.seal(partial, manifest)
    partial.close()
    assert store.object_path(manifest.blake3).read_bytes() == data
    assert store.object_is_sound(manifest)


def test_a_changed_byte_on_disk_is_found_by_reading_back(store: Store) -> None:
    manifest = manifest_of(DATA, sha256=None, sm3=None)
    partial = fill(store, manifest)
    with partial.data_path.open("r+b") as file:
        file.seek(9000)
        file.write(b"!!")
    with pytest.raises(DigestMismatch, match="BLAKE3"):
        store.seal(partial, manifest)
    partial.close()
    assert not store.object_path(manifest.blake3).exists()


def test_reading_back_where_the_file_system_has_no_direct_reads(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def refuse(path: Any, flags: int, *args: Any) -> int:
        if flags & os.O_DIRECT:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return real(path, flags, *args)

    monkeypatch.setattr(os, "open", refuse)
    manifest = manifest_of(DATA)
    partial = fill(store, manifest)
    store.seal(partial, manifest)
    partial.close()
    assert store.object_is_sound(manifest)


def test_a_good_object_is_never_written_again(store: Store) -> None:
    for clip in ("aa" * 32, "bb" * 32):
        manifest = manifest_of(DATA, clip=clip)
        partial = fill(store, manifest)
        store.seal(partial, manifest)
        partial.close()
        first = store.object_path(manifest.blake3).stat()
    assert store.object_path(manifest.blake3).stat().st_ino == first.st_ino
    assert len(store.objects(manifest.blake3[:2])) == 1


def test_a_damaged_object_makes_way_for_a_good_one_and_is_kept(store: Store) -> None:
    manifest = manifest_of(DATA)
    path = store.object_path(manifest.blake3)
    path.parent.mkdir()
    path.write_bytes(b"rotten")
    partial = fill(store, manifest)
    store.seal(partial, manifest)
    partial.close()
    assert path.read_bytes() == DATA
    kept = store.root / "quarantine" / "000001-object"
    assert (kept / "data").read_bytes() == b"rotten"
    assert manifest.blake3 in (kept / "why").read_text()


def test_room_is_reserved_before_the_first_byte(store: Store, tmp_path: Path) -> None:
    manifest = manifest_of(bytes(3_000_000), chunk_bytes=65536)
    partial = store.open_partial(manifest)
    assert partial.data_path.stat().st_blocks * 512 >= manifest.size
    partial.close()
    full = Store(tmp_path, floor=2**62)
    with pytest.raises(StoreFull, match="kept"):
        full.open_partial(manifest_of(DATA))
    assert not full.partial_folder(manifest_of(DATA)).exists()


def test_only_the_newest_failures_are_kept_and_every_damaged_object(store: Store) -> None:
    rotten = blake3(b"other").hexdigest()
    path = store.object_path(rotten)
    path.parent.mkdir()
    path.write_bytes(b"rotten")
    store.quarantine_object(rotten, "a test")
    for n in range(UPLOADS_KEPT + 3):
        manifest = manifest_of(DATA, clip=f"{n:064x}")
        fill(store, manifest).close()
        store.quarantine_upload(store.partial_folder(manifest), f"number {n}")
    cases = sorted(path.name for path in (store.root / "quarantine").iterdir())
    assert cases[0] == "000001-object"
    assert cases[1:] == [f"{n:06}-upload" for n in range(5, UPLOADS_KEPT + 5)]


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, call: str, number: int, nth: int) -> Iterator[None]:
    """Make the nth call of an `os` function fail with an errno."""
    real, calls = getattr(os, call), 0

    def fail(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth:
            raise OSError(number, os.strerror(number))
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        yield


FAILURES = [
    *[("fsync", nth) for nth in range(1, 8)],
    ("preadv", 1),
    ("rename", 1),
    ("fchmod", 1),
    ("open", 3),
]


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize(("call", "nth"), FAILURES)
def test_a_failing_disk_never_seals(
    store: Store, monkeypatch: pytest.MonkeyPatch, call: str, nth: int, number: int
) -> None:
    manifest = manifest_of(DATA)
    partial = fill(store, manifest)
    wanted = StoreFull if number == errno.ENOSPC else StoreBroken
    with failing(monkeypatch, call, number, nth), pytest.raises(wanted):
        store.seal(partial, manifest)
    partial.close()
    if store.object_path(manifest.blake3).exists():
        assert store.object_is_sound(manifest)


def test_a_short_write_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, memoryview(data)[:1000], at))
    manifest = manifest_of(DATA)
    partial = fill(store, manifest)
    monkeypatch.undo()
    store.seal(partial, manifest)
    partial.close()
    assert store.object_path(manifest.blake3).read_bytes() == DATA


def test_a_disk_that_fails_under_a_chunk_holds_nothing_of_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    partial = store.open_partial(manifest_of(DATA))
    with failing(monkeypatch, "pwrite", errno.EIO, 1), pytest.raises(StoreBroken):
        partial.write(CHUNKS[0])
    assert partial.ranges() == []
    partial.close()
