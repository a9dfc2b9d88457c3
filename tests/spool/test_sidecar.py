"""Sidecars: exact both ways, and nothing but a whole one is read."""

from __future__ import annotations

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Malformed
from agent.model import CHUNK_BYTES
from agent.spool import sidecar

SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 10 * CHUNK_BYTES + 77]


def digests_for(size: int) -> bytes:
    return b"".join(blake3(bytes([n])).digest() for n in range(sidecar.chunk_count(size)))


@pytest.mark.parametrize("size", SIZES)
def test_what_is_written_is_read(size: int) -> None:
    raw = sidecar.encode(size, digests_for(size))
    assert len(raw) == sidecar.length(size)
    assert sidecar.decode(raw, size) == digests_for(size)


def test_the_bytes_are_those_of_the_table() -> None:
    body = b"bdsums\x00\x01\x00\x04\x00\x00" + (5).to_bytes(8, "big") + blake3(b"hello").digest()
    assert sidecar.encode(5, blake3(b"hello").digest()) == body + blake3(body).digest()


@given(size=st.sampled_from(SIZES), data=st.data())
def test_any_changed_byte_is_noticed(size: int, data: st.DataObject) -> None:
    raw = bytearray(sidecar.encode(size, digests_for(size)))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Malformed):
        sidecar.decode(bytes(raw), size)


@given(size=st.sampled_from(SIZES), cut=st.integers(1, 500))
def test_a_torn_or_longer_one_is_noticed(size: int, cut: int) -> None:
    raw = sidecar.encode(size, digests_for(size))
    for wrong in (raw[:-cut], raw + bytes(cut)):
        with pytest.raises(Malformed):
            sidecar.decode(wrong, size)


@given(st.binary(max_size=200), st.integers(0, 2**40))
def test_anything_else_is_malformed(raw: bytes, size: int) -> None:
    with pytest.raises(Malformed):
        sidecar.decode(raw, size)


def test_another_version_or_chunk_size_is_not_guessed_at() -> None:
    for at, value in ((7, 2), (9, 8), (19, 6)):
        body = bytearray(sidecar.encode(5, bytes(32))[:-32])
        body[at] = value
        with pytest.raises(Malformed, match="another kind"):
            sidecar.decode(bytes(body) + blake3(bytes(body)).digest(), 5)


def test_a_fingerprint_tells_head_from_tail() -> None:
    assert sidecar.fingerprint(b"ab", b"c") != sidecar.fingerprint(b"a", b"bc")
    assert sidecar.fingerprint(b"a", b"b") != sidecar.fingerprint(b"b", b"a")
