"""Bytes that others sent: logs of real cameras, other people's code, field tables. Each says whose.

Agent and simulator could be wrong together; these are the outside witness. A vector is a whole
container where its source shows one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from agent.wire.ptp.codes import ObjectProperty
from agent.wire.ptp.container import (
    HEAD_BYTES,
    Kind,
    decode_event,
    decode_head,
    decode_parameters,
    decode_status,
    encode_cancel,
    encode_command,
)
from agent.wire.ptp.datasets import decode_device_info, decode_object_info, decode_storage_info
from agent.wire.ptp.fields import Fields, decode_array, encode_text
from agent.wire.ptp.moments import decode_moment
from agent.wire.ptp.properties import (
    decode_device_prop_desc,
    decode_object_size,
    iter_object_properties,
)

VECTORS = [
    json.loads(line)
    for line in Path(__file__).with_name("vectors.jsonl").read_text("utf-8").splitlines()
]


def payload(raw: bytes) -> bytes:
    """A data container's data; its declared length is its length."""
    head = decode_head(raw)
    assert (head.kind, head.length) == (Kind.DATA, len(raw))
    return raw[HEAD_BYTES:]


def command(raw: bytes) -> dict[str, Any]:
    head, parameters = decode_head(raw), decode_parameters(raw[HEAD_BYTES:])
    assert encode_command(head.code, head.transaction, *parameters) == raw
    return {
        "code": head.code,
        "transaction": head.transaction,
        "parameters": list(parameters),
    }


def response(raw: bytes) -> dict[str, Any]:
    head = decode_head(raw)
    assert (head.kind, head.length) == (Kind.RESPONSE, len(raw))
    parameters = list(decode_parameters(raw[HEAD_BYTES:]))
    return {"code": head.code, "transaction": head.transaction, "parameters": parameters}


def event(raw: bytes) -> dict[str, Any]:
    head, parameters = decode_event(raw)
    return {
        "code": head.code,
        "transaction": head.transaction,
        "parameters": list(parameters),
    }


def device_info(raw: bytes) -> dict[str, Any]:
    facts = asdict(decode_device_info(payload(raw)))
    return {key: sorted(value) if key in LISTS else value for key, value in facts.items()}


LISTS = ("operations", "events", "properties")


def property_list(raw: bytes) -> list[list[Any]]:
    return [list(one) for one in iter_object_properties(payload(raw), range(0x10000))]


def prop_desc(raw: bytes) -> dict[str, Any]:
    found = decode_device_prop_desc(payload(raw))._asdict()
    return {**found, "form": list(found["form"])}


def string(raw: bytes) -> str:
    text = Fields(payload(raw), "string").text()
    assert encode_text(text) == payload(raw)
    return text


def status(raw: bytes) -> dict[str, Any]:
    found = decode_status(raw)
    return {"code": found.code, "halted": list(found.halted)}


def cancel(raw: bytes) -> int:
    transaction = int.from_bytes(raw[2:], "little")
    assert encode_cancel(transaction) == raw
    return transaction


READERS: dict[str, Callable[[bytes], Any]] = {
    "command": command,
    "response": response,
    "event": event,
    "cancel": cancel,
    "status": status,
    "string": string,
    "array": lambda raw: list(decode_array(payload(raw), "array")),
    "DeviceInfo": device_info,
    "StorageInfo": lambda raw: asdict(decode_storage_info(payload(raw))),
    "ObjectInfo": lambda raw: asdict(decode_object_info(payload(raw))),
    "ObjectSize": lambda raw: decode_object_size(payload(raw)),
    "ObjectPropList": property_list,
    "DevicePropDesc": prop_desc,
}


@pytest.mark.parametrize(
    "vector", VECTORS, ids=[f"{one['what']}, {one['source']}" for one in VECTORS]
)
def test_bytes_of_others_mean_what_they_say(vector: dict[str, Any]) -> None:
    meaning = vector["meaning"]
    if vector["what"] == "DeviceInfo":
        meaning = {key: sorted(meaning[key]) if key in LISTS else meaning[key] for key in meaning}
    assert READERS[vector["what"]](bytes.fromhex(vector["hex"])) == meaning


def test_every_kind_has_a_witness() -> None:
    assert {vector["what"] for vector in VECTORS} == READERS.keys()


def test_the_dates_that_a_canon_wrote_are_dates() -> None:
    dates = [
        one["meaning"][field]
        for one in VECTORS
        if one["what"] == "ObjectInfo"
        for field in ("created", "modified")
    ]
    assert {decode_moment(date).year for date in dates} == {2012, 2026}


def test_unwanted_properties_are_passed_over() -> None:
    raw = next(one["hex"] for one in VECTORS if one["what"] == "ObjectPropList")
    names = list(
        iter_object_properties(payload(bytes.fromhex(raw)), {ObjectProperty.OBJECT_FILE_NAME})
    )
    assert [one.value for one in names] == ["KS060306.pdf"]
