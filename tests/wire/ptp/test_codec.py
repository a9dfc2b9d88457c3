"""Any bytes give a value or `Malformed`; what was written is read; nothing grows past its input."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Malformed
from agent.wire.ptp.codes import DataType
from agent.wire.ptp.container import (
    HEAD_BYTES,
    Kind,
    decode_event,
    decode_head,
    decode_parameters,
    decode_status,
    encode_command,
    encode_data,
)
from agent.wire.ptp.datasets import decode_device_info, decode_object_info, decode_storage_info
from agent.wire.ptp.fields import Fields, decode_array, encode_text
from agent.wire.ptp.moments import decode_moment, encode_moment
from agent.wire.ptp.properties import (
    decode_device_prop_desc,
    decode_object_size,
    decode_text_value,
    iter_object_properties,
)
from tests.wire.ptp.test_vectors import VECTORS

DECODERS: list[Callable[[bytes], Any]] = [
    decode_head,
    decode_parameters,
    decode_event,
    decode_status,
    decode_device_info,
    decode_storage_info,
    decode_object_info,
    decode_object_size,
    decode_device_prop_desc,
    decode_text_value,
    lambda data: decode_array(data, "array"),
    lambda data: list(iter_object_properties(data, range(0x10000))),
]

datasets = st.one_of(
    st.binary(max_size=200),
    st.sampled_from([bytes.fromhex(one["hex"])[HEAD_BYTES:] for one in VECTORS]),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good dataset that was cut, or in which a few bytes changed."""
    data = bytearray(draw(datasets))
    for place in draw(st.lists(st.integers(0, max(0, len(data) - 1)), max_size=4)):
        if place < len(data):
            data[place] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))])


@given(data=st.one_of(datasets, damaged()), decode=st.sampled_from(DECODERS))
def test_any_bytes_give_a_value_or_malformed(data: bytes, decode: Callable[[bytes], Any]) -> None:
    with suppress(Malformed):
        decode(data)


@given(
    code=st.integers(0, 0xFFFF),
    transaction=st.integers(0, 0xFFFFFFFF),
    parameters=st.lists(st.integers(0, 0xFFFFFFFF), max_size=5),
)
def test_a_command_is_read_as_it_was_written(
    code: int, transaction: int, parameters: list[int]
) -> None:
    raw = encode_command(code, transaction, *parameters)
    head = decode_head(raw)
    assert (head.length, head.kind, head.code, head.transaction) == (
        len(raw),
        Kind.COMMAND,
        code,
        transaction,
    )
    assert decode_parameters(raw[HEAD_BYTES:]) == tuple(parameters)


@given(st.binary(max_size=64))
def test_data_is_read_as_it_was_written(payload: bytes) -> None:
    raw = encode_data(0x1016, 7, payload)
    head = decode_head(raw)
    assert (head.kind, head.length, raw[HEAD_BYTES:]) == (Kind.DATA, len(raw), payload)


@given(st.text(max_size=127).map(lambda text: text.rstrip("\0")))
def test_text_is_read_as_it_was_written(text: str) -> None:
    fields = Fields(encode_text(text), "text")
    assert fields.text() == text
    fields.finish()


@given(st.lists(st.integers(0, 0xFFFF), max_size=100))
def test_any_units_of_utf16_come_out_as_valid_unicode(units: list[int]) -> None:
    raw = bytes((len(units),)) + b"".join(unit.to_bytes(2, "little") for unit in units)
    for text in (Fields(raw, "text").text(), Fields(raw, "name").name()):
        text.encode("utf-8")
    assert not set(Fields(raw, "name").name()) & {"/", "\0"}


lone = st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF)
names = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), lone), max_size=40)


@given(names, names)
def test_two_names_never_read_the_same(one: str, other: str) -> None:
    def read(name: str) -> str:
        raw = name.encode("utf-16-le", "surrogatepass").removesuffix(b"\0\0")
        return Fields(bytes((len(raw) // 2,)) + raw, "name").name()

    def units(name: str) -> str:
        raw = name.encode("utf-16-le", "surrogatepass")
        return raw.decode("utf-16-le", "surrogatepass").rstrip("\0")

    assert (read(one) == read(other)) == (units(one) == units(other))


def test_a_lone_surrogate_and_a_slash_are_spelt_out() -> None:
    raw = "A\ud800/\0\\.MP4".encode("utf-16-le", "surrogatepass")
    data = bytes((len(raw) // 2,)) + raw
    assert Fields(data, "name").name() == "A\\u{d800}\\u{2f}\\u{0}\\u{5c}.MP4"
    assert Fields(data, "text").text() == "A\\u{d800}/\0\\.MP4"


def test_a_text_of_more_than_254_units_cannot_be_written() -> None:
    assert len(encode_text("N" * 254)) == 511
    with pytest.raises(Malformed, match="256 units"):
        encode_text("N" * 255)


@given(
    st.datetimes(),
    st.none() | st.integers(-23 * 60, 23 * 60),
)
def test_a_moment_is_read_as_it_was_written(moment: datetime, minutes: int | None) -> None:
    zone = None if minutes is None else timezone(timedelta(minutes=minutes))
    moment = moment.replace(microsecond=0, tzinfo=zone)
    assert decode_moment(encode_moment(moment)) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("20260804T100203", "2026-08-04T10:02:03"),
        ("20260804T100203.5", "2026-08-04T10:02:03.500000"),
        ("20260804T100203.0Z", "2026-08-04T10:02:03+00:00"),
        ("20260804T100203+0800", "2026-08-04T10:02:03+08:00"),
        ("20260804T100203.1-0330", "2026-08-04T10:02:03.100000-03:30"),
    ],
)
def test_a_moment_may_have_tenths_and_a_zone(text: str, moment: str) -> None:
    assert decode_moment(text).isoformat() == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20260804",
        "20261304T100203",
        "-0010101T000000",
        "20260804T100203+9999",
        "２０260804T100203",
    ],
)
def test_what_is_no_moment_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        decode_moment(text)


@given(st.text(max_size=30))
def test_any_text_is_a_moment_or_malformed(text: str) -> None:
    with suppress(Malformed):
        decode_moment(text)


@pytest.mark.parametrize("count", [10, 2**31, 2**32 - 1])
@pytest.mark.parametrize(
    "decode",
    [
        lambda data: decode_array(data, "array"),
        lambda data: list(iter_object_properties(data, range(0x10000))),
        lambda data: Fields(data, "array").value(0x4000 | DataType.UINT128),
    ],
)
def test_nothing_is_made_from_a_declared_count(count: int, decode: Callable[[bytes], Any]) -> None:
    data = count.to_bytes(4, "little") + bytes(16)
    tracemalloc.start()
    try:
        with pytest.raises(Malformed):
            decode(data)
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("length", [0, 11, 14, 36])
def test_a_response_of_an_impossible_length_is_malformed(length: int) -> None:
    raw = length.to_bytes(4, "little") + bytes.fromhex("0300 0120 01000000")
    with pytest.raises(Malformed):
        decode_head(raw)


def test_a_handle_list_with_something_behind_it_is_malformed() -> None:
    with pytest.raises(Malformed, match="4 bytes too many"):
        decode_array(bytes.fromhex("01000000 07000000 08000000"), "object handles")
