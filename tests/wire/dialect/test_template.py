"""Requests from templates, replies by forms: what they promise, and that they cost one walk."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Malformed
from agent.wire.dialect.form import fit, parse_form
from agent.wire.dialect.template import LONGEST, Value, fill, parse_template

NOW = datetime(2026, 8, 4, 10, 0, 7, tzinfo=UTC)


def made(template: str, **values: Value) -> bytes:
    return fill(parse_template(template), values)


def taken(form: str, data: bytes) -> dict[str, bytes] | None:
    return fit(parse_form(form), data)


@pytest.mark.parametrize(
    ("template", "values", "sent"),
    [
        ("AT<cr>", {}, b"AT\r"),
        ("A<crlf>", {}, b"A\r\n"),
        ("<user>:<password>", {"user": b"admin", "password": b"1:2"}, b"admin:1:2"),
        ("<password:len>;<password>", {"password": "密".encode("gbk")}, b"2;\xc3\xdc"),
        ("hex:a1 b2<password:6>", {"password": b"123"}, b"\xa1\xb2123\0\0\0"),
        ("hex:<year:be2><year:le2><month:u1>", {"year": 2026, "month": 8}, b"\x07\xea\xea\x07\x08"),
        ("hex:<year:bcd2><month:bcd1>", {"year": 2026, "month": 8}, b"\x20\x26\x08"),
        ("<epoch>|<now:%Y%m%d>", {"epoch": 12, "now": NOW}, b"12|20260804"),
        ("hex:<zeros:3> 01", {}, b"\0\0\0\x01"),
        ("no <Slot> here <<x>", {"x": b"1"}, b"no <Slot> here <1"),
    ],
)
def test_a_request_is_its_template_with_values(
    template: str, values: dict[str, Value], sent: bytes
) -> None:
    assert made(template, **values) == sent


@pytest.mark.parametrize(
    "template", ["hex:0", "hex:0g", "é", "<zeros:0>", "<zeros:x>", "<zeros:99999>", "<cr:2>"]
)
def test_what_is_no_template_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_template(template)


@pytest.mark.parametrize(
    ("template", "values"),
    [
        ("<password>", {}),
        ("<password:3>", {"password": b"1234"}),
        ("<password:x>", {"password": b"1234"}),
        ("<month:u1>", {"month": 256}),
        ("<month:xx>", {"month": 1}),
        ("<month:u1>", {"month": -1}),
        ("<password>", {"password": b"1" * (LONGEST + 1)}),
    ],
)
def test_a_value_that_does_not_fit_is_malformed(template: str, values: dict[str, Value]) -> None:
    with pytest.raises(Malformed) as malformed:
        made(template, **values)
    assert "1234" not in str(malformed.value)


@given(st.binary(max_size=6))
def test_a_fixed_field_never_moves_what_follows(value: bytes) -> None:
    sent = made("hex:aa<password:6>bb", password=value)
    assert len(sent) == 8
    assert sent[-1] == 0xBB


@pytest.mark.parametrize(
    ("form", "data", "found"),
    [
        ("OK", b"OK", {}),
        ("OK", b"OKAY", None),
        ("OK", b"xOK", None),
        ("<any>OK<rest>", b"xOKAY", {}),
        ("+BATVAL: <battery>", b"+BATVAL: 87", {"battery": b"87"}),
        ("+BATVAL: <battery>", b"+BATVAL: ", None),
        ("<a:?>,<b:?>", b",", {"a": b"", "b": b""}),
        ("<a>,<b>", b",,x", {"a": b",", "b": b"x"}),
        ("hex:<any:6> 80 <data:?>", b"123456\x80", {"data": b""}),
        ("hex:<any:6> 80 <data:?>", b"12345\x80", None),
        ("hex:<any:2><not:80><rest>", b"12\x81", {}),
        ("hex:<any:2><not:80><rest>", b"12\x80", None),
        ("hex:<any:2><not:80><rest>", b"12", None),
        ("<data:3>", b"abc", {"data": b"abc"}),
        ("<data:3>", b"abcd", None),
    ],
)
def test_a_form_fits_or_it_does_not(form: str, data: bytes, found: dict[str, bytes] | None) -> None:
    assert taken(form, data) == found


@pytest.mark.parametrize("form", ["<a><b>", "<any><not:80>", "<not:8>", "<not>", "<a:x>", "hex:0"])
def test_a_form_that_could_fit_in_two_ways_is_refused(form: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_form(form)


def test_letters_fold_only_where_asked_for() -> None:
    form = parse_form("<any>MKFS<rest>")
    assert fit(form, b"bc+mkfs=1") is None
    assert fit(form, b"bc+mkfs=1", fold=True) is not None


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_what_is_put_in_comes_out(first: bytes, second: bytes) -> None:
    sent = made("<user:len>:<user>|<password>", user=first, password=second)
    found = taken("<any>:<data:?>", sent)
    assert found is not None
    assert found["data"] == first + b"|" + second


def test_no_answer_makes_a_form_work_long() -> None:
    form = parse_form("<a>x<b>y<c>x<d>z")
    started = time.process_time()
    for data in (b"x" * 4096, b"xy" * 2048, b"xyx" * 1365):
        assert fit(form, data) is None
    assert time.process_time() - started < 0.05
