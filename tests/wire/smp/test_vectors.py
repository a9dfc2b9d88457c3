"""Bytes that others wrote: Zephyr's tests, `smp`'s documentation, MCUboot's, RFC 8949. Each says
whose. Agent and simulator could be wrong together; these are the outside witness.
"""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from agent.errors import Malformed
from agent.wire.smp import cbor
from agent.wire.smp.console import PacketReader, encode_lines
from agent.wire.smp.message import (
    HEAD_BYTES,
    Command,
    Fields,
    Request,
    answered,
    decode_answer,
    encode_request,
)
from hwsim.faces import smp_codec

VECTORS = [
    json.loads(line)
    for line in Path(__file__).with_name("vectors.jsonl").read_text("utf-8").splitlines()
]


def of(*kinds: str) -> pytest.MarkDecorator:
    chosen = [vector for vector in VECTORS if vector["kind"] in kinds]
    assert chosen
    names = [f"{vector['source']} {vector['raw'][:20]}" for vector in chosen]
    return pytest.mark.parametrize("vector", chosen, ids=names)


def meant(value: Any) -> Any:
    """Byte strings stand as `{"hex": …}` in the vectors."""
    if isinstance(value, dict):
        if value.keys() == {"hex"}:
            return bytes.fromhex(value["hex"])
        return {key: meant(item) for key, item in value.items()}
    return [meant(item) for item in value] if isinstance(value, list) else value


def raw(vector: dict[str, Any]) -> bytes:
    return bytes.fromhex(vector["raw"])


def request_of(meaning: dict[str, Any]) -> Request[Fields]:
    return Request(Command[meaning["command"]], meaning.get("fields", {}), lambda fields: fields)


@of("cbor", "loose cbor")
def test_cbor_means_what_its_source_says(vector: dict[str, Any]) -> None:
    assert cbor.decode(raw(vector)) == meant(vector["meaning"])


@of("cbor")
def test_cbor_is_written_as_its_source_has_it(vector: dict[str, Any]) -> None:
    assert cbor.encode(meant(vector["meaning"])) == raw(vector)


@of("no cbor")
def test_what_is_not_our_cbor_is_malformed(vector: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        cbor.decode(raw(vector))


@of("lines", "short lines")
def test_lines_give_their_packet(vector: dict[str, Any]) -> None:
    assert PacketReader().feed(raw(vector)) == [bytes.fromhex(vector["meaning"])]
    assert smp_codec.FrameReader().feed(raw(vector)) == [bytes.fromhex(vector["meaning"])]


@of("lines")
def test_a_packet_is_written_as_its_source_has_it(vector: dict[str, Any]) -> None:
    packet = bytes.fromhex(vector["meaning"])
    assert encode_lines(packet) == raw(vector)
    assert b"".join(smp_codec.frame(packet)) == raw(vector)


@of("crc")
def test_the_crc_in_a_frame_is_xmodem(vector: dict[str, Any]) -> None:
    lines = encode_lines(raw(vector))
    (whole,) = PacketReader().feed(lines)
    assert whole == raw(vector)
    assert b64decode(lines[2:-1])[-2:].hex() == vector["meaning"]


@of("request")
def test_a_request_of_zephyrs_tests(vector: dict[str, Any]) -> None:
    """Ours differs in the map alone: definite in length, where Zephyr's test has an indefinite."""
    theirs, meaning = raw(vector), vector["meaning"]
    ours = encode_request(request_of(meaning), meaning["sequence"], meaning["version"])
    assert cbor.decode(ours[HEAD_BYTES:]) == cbor.decode(theirs[HEAD_BYTES:]) == meaning["fields"]
    assert (ours[:2], ours[4:HEAD_BYTES]) == (theirs[:2], theirs[4:HEAD_BYTES])
    assert int.from_bytes(theirs[2:4], "big") == len(theirs) - HEAD_BYTES
    assert int.from_bytes(ours[2:4], "big") == len(ours) - HEAD_BYTES


@of("answer")
def test_an_answer_of_zephyrs_tests(vector: dict[str, Any]) -> None:
    meaning = vector["meaning"]
    request = request_of({"command": meaning["command"]})
    assert answered(raw(vector), request) == meaning["sequence"]
    assert answered(raw(vector), request_of({"command": "CLOCK"})) is None
    answer = decode_answer(raw(vector), request)
    assert isinstance(answer, Fields)
    assert {name: answer.text(name) for name in answer.names()} == meaning["fields"]
