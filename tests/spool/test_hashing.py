"""Digests: the same however the bytes arrive, and the same that stock tools give."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from random import Random

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from agent.model import CHUNK_BYTES
from agent.spool import hashing
from agent.spool.hashing import ChunkHasher, CryptographySm3, measure
from agent.spool.sidecar import fingerprint, places

BOTH = frozenset({"sha256", "sm3"})
SM3_ABC = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
"""GB/T 32905-2016, appendix A.1."""
SM3_ABCD = "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"
"""GB/T 32905-2016, appendix A.2: sixteen times "abcd"."""

CONTENT = Random(20260804).randbytes(3 * CHUNK_BYTES + 54_321)


def chunks_of(data: bytes) -> bytes:
    starts = range(0, len(data), CHUNK_BYTES)
    return b"".join(blake3(data[at : at + CHUNK_BYTES]).digest() for at in starts)


@given(st.lists(st.integers(1, 2 * CHUNK_BYTES), min_size=1, max_size=20), st.integers(0, 700_000))
def test_where_the_pieces_fall_never_changes_the_digests(steps: list[int], size: int) -> None:
    data, hasher, at = CONTENT[:size], ChunkHasher(), 0
    for step in [*steps, size]:
        hasher.update(memoryview(data)[at : at + step])
        at += step
    assert hasher.finish() == chunks_of(data)


@pytest.mark.parametrize(
    "size", [0, 1, 65_535, 65_536, 65_537, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 800_000]
)
def test_a_file_is_measured_as_independent_code_measures_it(tmp_path: Path, size: int) -> None:
    data = CONTENT[:size]
    path = tmp_path / "clip"
    path.write_bytes(data)
    with path.open("rb") as file:
        os.fsync(file.fileno())
        found = measure(file.fileno(), BOTH, "id")
    assert found.size == size
    assert found.chunks == chunks_of(data)
    assert found.digests.blake3 == blake3(data).hexdigest()
    assert found.digests.chunks == blake3(chunks_of(data)).hexdigest()
    assert found.digests.sha256 == hashlib.sha256(data).hexdigest()
    parts = [data[offset : offset + length] for offset, length in places(size, "id")]
    assert parts[:2] == [data[:65_536], data[-65_536:]]
    assert found.fingerprint == fingerprint(*parts)


def test_b3sum_and_openssl_agree(tmp_path: Path) -> None:
    path = tmp_path / "clip"
    path.write_bytes(CONTENT)
    with path.open("rb") as file:
        found = measure(file.fileno(), BOTH).digests
    assert found.blake3 == _first_word("b3sum", "--no-names", str(path))
    assert found.sha256 == _first_word("openssl", "dgst", "-r", "-sha256", str(path))
    assert found.sm3 == _first_word("openssl", "dgst", "-r", "-sm3", str(path))


def _first_word(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0]


@pytest.mark.parametrize("make", [hashing._sm3, CryptographySm3])
def test_sm3_gives_what_its_standard_prints(make: type[CryptographySm3]) -> None:
    for text, digest in ((b"abc", SM3_ABC), (b"abcd" * 16, SM3_ABCD)):
        hasher = make()
        hasher.update(memoryview(text))
        assert hasher.hexdigest() == digest


def test_sm3_works_where_openssl_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ValueError(f"unsupported hash type {name}")

    monkeypatch.setattr(hashlib, "new", refuse)
    hasher = hashing._sm3()
    hasher.update(memoryview(b"abc"))
    assert hasher.hexdigest() == SM3_ABC


def test_only_the_digests_that_are_asked_for_are_made(tmp_path: Path) -> None:
    path = tmp_path / "clip"
    path.write_bytes(b"x")
    with path.open("rb") as file:
        found = measure(file.fileno(), frozenset()).digests
    assert (found.sha256, found.sm3) == (None, None)


def test_what_is_read_comes_from_the_disk_and_not_from_the_cache() -> None:
    """In a folder on a real disk: on tmpfs the cache is all there is."""
    assert shutil.which("fincore")
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as folder:
        path = Path(folder) / "clip"
        path.write_bytes(CONTENT * 20)
        with path.open("rb") as file:
            os.fsync(file.fileno())
            assert _cached(path) > 0
            seen: list[int] = []
            real = os.preadv

            def watched(handle: int, buffers: list[bytearray], at: int) -> int:
                if at == 0:
                    seen.append(_cached(path))
                return real(handle, buffers, at)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(os, "preadv", watched)
                measure(file.fileno(), frozenset())
        assert seen == [0]


def _cached(path: Path) -> int:
    command = ("fincore", "--bytes", "--noheadings", "--output", "RES", str(path))
    return int(_first_word(*command))
