"""The contract's messages: strict reading, tolerance only for what a later version may add."""

from __future__ import annotations

import json
import struct

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Malformed
from agent.wire import chunk, contract
from agent.wire.chunk import Chunk
from agent.wire.contract import Answer, Grant, Manifest, Presence, Progress, Receipt, decode

HEX = "ab" * 32
GRANT = {"v": 1, "clip": HEX, "blake3": HEX, "receiver": "r-1", "answer": "go", "window": 1}
KINDS = (Grant, Manifest, Presence, Progress, Receipt, contract.DockStatus)


def test_a_message_survives_the_way() -> None:
    grant = Grant(clip=HEX, blake3=HEX, receiver="r-1", answer=Answer.GO, have=[(0, 5)], window=9)
    assert decode(Grant, grant.encode()) == grant


def test_an_unknown_key_is_left_alone() -> None:
    assert decode(Grant, json.dumps({**GRANT, "colour": "red"}).encode()).window == 1


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"v": 2}, "v"),
        ({"clip": "AB" * 32}, "clip"),
        ({"clip": HEX + "\n"}, "clip"),
        ({"receiver": "a/b"}, "receiver"),
        ({"receiver": "+"}, "receiver"),
        ({"receiver": "r\n"}, "receiver"),
        ({"answer": "maybe"}, "answer"),
        ({"window": "1"}, "window"),
        ({"window": -1}, "window"),
        ({"window": 2**63}, "window"),
        ({"have": [[0]]}, "have"),
        ({"have": [[0, 1.5]]}, "have"),
        ({"reason": "x" * 5000}, "reason"),
    ],
)
def test_a_wrong_value_is_named(change: dict[str, object], word: str) -> None:
    with pytest.raises(Malformed, match=f"Grant: {word}"):
        decode(Grant, json.dumps({**GRANT, **change}).encode())


@given(st.binary(max_size=400) | st.text().map(str.encode))
def test_any_bytes_are_a_message_or_malformed(payload: bytes) -> None:
    for kind in KINDS:
        with pytest.raises(Malformed):
            decode(kind, payload + b"\x00")
    with pytest.raises(Malformed):
        chunk.decode(b"\x07" + payload)


def test_a_message_over_the_limit_is_not_read() -> None:
    with pytest.raises(Malformed, match="limit"):
        decode(Grant, b" " * (contract.JSON_LIMIT + 1))


def test_a_deeply_nested_message_is_malformed() -> None:
    with pytest.raises(Malformed):
        decode(Grant, b"[" * 100_000)


def test_the_chunk_frame_byte_by_byte() -> None:
    data = b"footage"
    frame = chunk.encode(Chunk(0x0102030405060708, blake3(data).digest(), data))
    assert frame[:12] == bytes.fromhex("01000000 0102030405060708")
    assert frame[12:44] == blake3(data).digest()
    assert frame[44:] == data
    back = chunk.decode(frame)
    assert (back.offset, bytes(back.data)) == (0x0102030405060708, data)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x01" + bytes(43),
        struct.pack(">B3xQ32s", 2, 0, bytes(32)) + b"x",
        b"\x01\x00\x00\x01" + bytes(40) + b"x",
        struct.pack(">B3xQ32s", 1, 2**64 - 1, bytes(32)) + b"x",
        struct.pack(">B3xQ32s", 1, 0, bytes(32)) + bytes(chunk.DATA_LIMIT + 1),
    ],
)
def test_a_bad_chunk_frame_is_malformed(frame: bytes) -> None:
    with pytest.raises(Malformed):
        chunk.decode(frame)
