"""What can be asked is closed, and what answers is read strictly."""

from __future__ import annotations

import inspect
import re
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agent.recorder.smp
import agent.wire.smp
from agent.errors import Malformed
from agent.wire.smp import cbor, message, requests
from agent.wire.smp.message import Command, Refusal, answered, decode_answer, encode_request

READ, WRITE = 0, 2
FORBIDDEN = re.compile(r"reset|reboot|erase|upload|unlink|mkfs|format_|shell_", re.IGNORECASE)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_only_an_echo_and_the_clock_are_ever_written() -> None:
    written = {each for each in Command if each.value[0] != READ}
    assert written == {Command.ECHO, Command.SET_CLOCK}
    assert {each.value for each in written} == {(WRITE, 0, 0), (WRITE, 0, 4)}


def test_no_command_restarts_writes_files_or_runs_a_shell() -> None:
    asked = {each.value[1:] for each in Command}
    assert (0, 5) not in asked
    assert {group for group, _ in asked} == {0, 2, 8}


def test_there_is_no_word_for_it_in_any_module() -> None:
    for package in (agent.wire.smp, agent.recorder.smp):
        for module in Path(inspect.getfile(package)).parent.glob("*.py"):
            names = set(re.findall(r"\b[A-Za-z_]+\b", without_comments(module.read_text("utf-8"))))
            assert [name for name in names if FORBIDDEN.search(name)] == [], module.name


def without_comments(source: str) -> str:
    return re.sub(r'""".*?"""|#.*', "", source, flags=re.DOTALL)


@given(VALUES)
def test_cbor_comes_back(value: cbor.Value) -> None:
    assert cbor.decode(cbor.encode(value)) == value


@given(st.binary(max_size=400))
def test_any_bytes_are_an_answer_or_malformed(data: bytes) -> None:
    request = requests.download("/a", 0)
    head = encode_request(request, 1)[: message.HEAD_BYTES]
    for packet in (data, head + data):
        with suppress(Malformed):
            answered(packet, request)
        with suppress(Malformed):
            decode_answer(packet, request)


@pytest.mark.parametrize("piece", [b"\x9f", b"\xbf\x60", b"\x81", b"\x9b" + b"\xff" * 8, b"\x80"])
def test_hostile_cbor_ends_at_once(piece: bytes) -> None:
    began = time.perf_counter()
    with pytest.raises(Malformed):
        cbor.decode(b"\x9f" + piece * 20_000)
    assert time.perf_counter() - began < 0.5


def test_a_map_says_nothing_twice() -> None:
    with pytest.raises(Malformed, match="twice"):
        cbor.decode(b"\xa2\x61a\x01\x61a\x02")


def test_a_number_that_cbor_has_not_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="no integer"):
        cbor.encode(2**64)


@pytest.mark.parametrize(
    "body",
    [
        {"off": -1, "data": b""},
        {"off": True, "data": b""},
        {"off": "0", "data": b""},
        {"off": 0, "data": "text"},
        {"off": 0},
        {"data": b""},
        {"off": 0, "data": b"", "len": -1},
        {"off": 0, "data": b"", "rc": "no"},
        {"off": 0, "data": b"", "rc": -1},
        {"err": 3},
        {"err": {"group": 8}},
        {"err": {"rc": 8}},
    ],
)
def test_an_answer_of_the_wrong_types_is_malformed(body: cbor.Value) -> None:
    with pytest.raises(Malformed):
        decode_answer(bytes(message.HEAD_BYTES) + cbor.encode(body), requests.download("/a", 0))


@pytest.mark.parametrize("length", [0, 4, 7, 0xFFFF])
def test_a_head_that_declares_another_length_is_malformed(length: int) -> None:
    request = requests.status("/a")
    body = cbor.encode({"len": 5})
    head = bytes([9, 0]) + length.to_bytes(2, "big") + bytes([0, 8, 77, 1])
    with pytest.raises(Malformed, match="declares"):
        answered(head + body, request)
    right = head[:2] + len(body).to_bytes(2, "big") + head[4:]
    assert answered(right + body, request) == 77


def test_a_success_may_say_so() -> None:
    body = cbor.encode({"rc": 0, "len": 5})
    assert decode_answer(bytes(message.HEAD_BYTES) + body, requests.status("/a")) == 5
    body = cbor.encode({"err": {"group": 8, "rc": 0}, "len": 5})
    assert decode_answer(bytes(message.HEAD_BYTES) + body, requests.status("/a")) == 5


def test_a_refusal_counts_whatever_else_is_there() -> None:
    body = cbor.encode({"rc": 10, "len": 5})
    answer = decode_answer(bytes(message.HEAD_BYTES) + body, requests.status("/a"))
    assert answer == Refusal(None, 10)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("2023-08-04T04:40:13", datetime(2023, 8, 4, 4, 40, 13)),  # noqa: DTZ001
        ("2023-08-04T04:40:13.250", datetime(2023, 8, 4, 4, 40, 13, 250_000)),  # noqa: DTZ001
        ("2023-08-04T04:40:13Z", datetime(2023, 8, 4, 4, 40, 13, tzinfo=UTC)),
        (
            "2023-08-04T12:40:13.25+08:00",
            datetime(2023, 8, 4, 4, 40, 13, 250_000, tzinfo=UTC),
        ),
    ],
)
def test_a_time_is_naive_unless_it_names_its_zone(text: str, meaning: datetime) -> None:
    assert requests.decode_moment(text) == meaning
    assert (requests.decode_moment(text).tzinfo is None) == (meaning.tzinfo is None)


@pytest.mark.parametrize("text", ["", "abcdefghij", "20a1-b1-aTbb:dd:qq", "0000-01-01T00:00:00"])
def test_what_is_no_time_is_malformed(text: str) -> None:
    """The middle two are those of Zephyr's tests, os_mgmt_datetime/src/main.c."""
    with pytest.raises(Malformed):
        requests.decode_moment(text)


def test_the_clock_is_set_to_whole_seconds_in_its_own_words() -> None:
    moment = datetime(2026, 8, 4, 10, 0, 30, 999_999, tzinfo=UTC)
    assert requests.set_clock(moment).fields == {"datetime": "2026-08-04T10:00:30+00:00"}
    naive = (moment + timedelta(hours=8)).replace(tzinfo=None)
    assert requests.set_clock(naive).fields == {"datetime": "2026-08-04T18:00:30"}
