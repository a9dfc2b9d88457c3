"""The contract's messages: strict reading, tolerance only for what a later version may add."""

from __future__ import annotations

import json
import struct
from typing import Any

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
MANIFEST: dict[str, Any] = {
    "v": 1,
    "dock": "d1",
    "clip": HEX,
    "recorder": {"maker": "M", "model": "X", "serial": "S", "firmware": "1"},
    "bay": "3",
    "contact": 7,
    "path": "DCIM/A.mp4",
    "size": 5,
    "recorded": "20260804T100000",
    "marked": False,
    "chunk_bytes": 262144,
    "blake3": HEX,
    "chunks": HEX,
    "spooled_at": "2026-08-04T02:00:00.000Z",
}
"""As a dock of the first version sent it."""
TIME = {
    "local": "2026-08-04T10:00:00",
    "source": "name",
    "zone_offset": 28800.0,
    "clock_error": -3.5,
    "earliest": "2026-08-04T02:00:01.000Z",
    "latest": "2026-08-04T02:00:06.000Z",
}
FACTS = {
    "kind": "log",
    "profile": "family-a",
    "device": "CAM001",
    "officer": "000001",
    "marked": True,
}
KINDS = (Grant, Manifest, Presence, Progress, Receipt, contract.DockStatus)


def test_a_message_survives_the_way() -> None:
    grant = Grant(clip=HEX, blake3=HEX, receiver="r-1", answer=Answer.GO, have=[(0, 5)], window=9)
    assert decode(Grant, grant.encode()) == grant


def test_an_unknown_key_is_left_alone() -> None:
    assert decode(Grant, json.dumps({**GRANT, "colour": "red"}).encode()).window == 1


def test_a_manifest_of_an_older_dock_is_read_and_told_nothing() -> None:
    read = decode(Manifest, json.dumps(MANIFEST).encode())
    assert read.facts is None
    assert (read.recorder.officer, read.recorder.id_code, read.recorder.unit) == ("", "", "")


def test_a_manifest_of_this_dock_is_one_to_an_older_archive() -> None:
    """An archive before these keys ignores what it does not know: the rest must stay as it was."""
    told = {**FACTS, "time": TIME, "colour": "red"}
    recorder = {**MANIFEST["recorder"], "officer": "000001"}
    new = decode(Manifest, json.dumps({**MANIFEST, "facts": told, "recorder": recorder}).encode())
    assert new.facts is not None
    assert new.facts.time is not None
    assert new.facts.time.zone_offset == 28_800
    again = json.loads(new.encode())
    assert again["facts"] == {**FACTS, "time": TIME}
    assert again["recorder"].pop("officer") == "000001"
    again.pop("facts")
    again["recorder"] = {name: again["recorder"][name] for name in MANIFEST["recorder"]}
    assert again == MANIFEST
    assert b'"facts"' not in decode(Manifest, json.dumps(MANIFEST).encode()).encode()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"facts": 5}, "facts"),
        ({"facts": {**FACTS, "marked": "yes"}}, "facts.marked"),
        ({"facts": {**FACTS, "time": {"local": "x"}}}, "facts.time.source"),
        ({"facts": {**FACTS, "time": {**TIME, "zone_offset": "8"}}}, "facts.time.zone_offset"),
        ({"facts": {**FACTS, "time": {**TIME, "clock_error": 1e999}}}, "facts.time.clock_error"),
        ({"facts": {**FACTS, "device": "x" * 5000}}, "facts.device"),
    ],
)
def test_facts_are_read_as_strictly(change: dict[str, object], word: str) -> None:
    with pytest.raises(Malformed, match=f"Manifest: {word}"):
        decode(Manifest, json.dumps({**MANIFEST, **change}).encode())


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
