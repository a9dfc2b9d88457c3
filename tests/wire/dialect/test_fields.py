"""Fields, frames and wrappers: strict about lengths, and typed whatever comes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Malformed
from agent.wire.dialect.bulk_only import decode_status, encode_command, sense_key
from agent.wire.dialect.framing import Cutter, Lengthened, WholeLines
from agent.wire.dialect.layout import (
    Kind,
    Meaning,
    NotATime,
    cut_field,
    find_in_json,
    read_field,
    read_text,
)


def read(raw: bytes, kind: Kind, *forms: str) -> Meaning:
    return read_field(raw, kind, encoding="gbk", forms=list(forms))


@pytest.mark.parametrize(
    ("raw", "kind", "meaning"),
    [
        (b"\xd5\xc5\xc8\xfd\0\xff\xff", "text", "张三"),
        (b"  SN 1 \0", "text", "SN 1"),
        (b"", "text", ""),
        (b" 87 \0", "decimal", 87),
        (b"-08", "decimal", -8),
        (b"+32", "decimal", 32),
        (b"\x07\xea", "uint-be", 2026),
        (b"\xea\x07", "uint-le", 2026),
        (b"\x20\x26", "bcd", 2026),
        (b"1785808800", "epoch-s", datetime(2026, 8, 4, 2, 0, tzinfo=UTC)),
        (b"1785808800000", "epoch-ms", datetime(2026, 8, 4, 2, 0, tzinfo=UTC)),
    ],
)
def test_a_field_means_what_its_kind_says(raw: bytes, kind: Kind, meaning: Meaning) -> None:
    assert read(raw, kind) == meaning


def test_a_moment_is_read_by_the_first_form_that_fits() -> None:
    forms = ("%Y%m%d%H%M%S", "%Y-%m-%d %H:%M:%S")
    assert read(b"20260804100000", "moment", *forms) == datetime(2026, 8, 4, 10, 0)  # noqa: DTZ001
    assert read(b"2017-05-15 8:00:00", "moment", *forms) == datetime(2017, 5, 15, 8)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"x", "decimal"),
        (b"", "decimal"),
        (b"9" * 19, "decimal"),
        ("٣".encode(), "decimal"),
        (b"\x1a", "bcd"),
        (b"\xff\xff", "text"),
        (b"0" * 14, "moment"),
        (b"999999999999999999", "epoch-s"),
    ],
)
def test_what_is_none_is_malformed(raw: bytes, kind: Kind) -> None:
    with pytest.raises(Malformed):
        read(raw, kind, "%Y%m%d%H%M%S")


def test_a_dead_clock_is_told_from_garbage() -> None:
    with pytest.raises(NotATime):
        read(b"00000000000000", "moment", "%Y%m%d%H%M%S")


def test_a_name_cut_in_mid_character_is_still_a_name() -> None:
    raw = "执法记录".encode("gbk")[:-1]
    assert read_text(raw, "gbk", lenient=True) == "执法记\ufffd"
    with pytest.raises(Malformed):
        read_text(raw, "gbk")


def test_a_field_past_the_end_is_malformed() -> None:
    assert cut_field(b"abcd", 1, 2) == b"bc"
    with pytest.raises(Malformed):
        cut_field(b"abcd", 3, 2)


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b'{"a":{"b":"x"}}', b"x"),
        (b'{"a":{"b":12}}', b"12"),
        (b'{"a":{"b":true}}', b"true"),
        ('{"a":{"b":"张"}}'.encode(), "张".encode()),
    ],
)
def test_json_is_read_by_its_path(raw: bytes, found: bytes) -> None:
    assert find_in_json(raw, "a.b") == found


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b'{"a":[1]}', b'{"a":{"b":[]}}', b'{"a":{"b":null}}', b"[" * 4000,
            b'{"a":{"b":' + b"9" * 5000 + b"}}", b"\xff"]
)  # fmt: skip
def test_json_without_it_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        find_in_json(raw, "a.b")


@given(st.binary(max_size=300), st.sampled_from(["text", "decimal", "uint-be", "bcd", "epoch-ms"]))
def test_any_bytes_give_a_meaning_or_malformed(raw: bytes, kind: Kind) -> None:
    with suppress(Malformed):
        read(raw, kind)


CUTTERS: dict[str, Callable[[], Cutter]] = {
    "lines": lambda: WholeLines(1024),
    "lengthened": lambda: Lengthened(2, "big", 1024),
}


def cut(cutter: Cutter, stream: bytes, size: int) -> bytes:
    """Everything that comes out, however the reads fall."""
    out = b""
    for at in range(0, len(stream), size):
        cutter.feed(stream[at : at + size])
        while message := cutter.take():
            out += message
    return out


@pytest.mark.parametrize("kind", CUTTERS)
@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5))
def test_where_the_reads_fall_never_changes_the_messages(kind: str, parts: list[bytes]) -> None:
    wrap = Lengthened(2, "big", 1024).wrap if kind == "lengthened" else lambda part: part + b"\n"
    stream = b"".join(wrap(part) for part in parts)
    whole = cut(CUTTERS[kind](), stream, 1)
    assert whole == cut(CUTTERS[kind](), stream, 7) == cut(CUTTERS[kind](), stream, len(stream) + 1)


@pytest.mark.parametrize(
    ("cutter", "data"),
    [
        (WholeLines(100), b"x" * 101),
        (Lengthened(4, "little", 100), b"\xff\xff\xff\xff"),
        (Lengthened(4, "little", 100), b"\x65\0\0\0"),
        (Lengthened(1, "big", 100), b"\x01x" * 200),
    ],
)
def test_what_is_too_long_is_not_held(cutter: Cutter, data: bytes) -> None:
    with pytest.raises(Malformed):
        cutter.feed(data)


def test_a_length_is_known_as_soon_as_its_bytes_are_there() -> None:
    cutter = Lengthened(4, "little", 100)
    cutter.feed(b"\0\0\0\x01"[:3])
    with pytest.raises(Malformed):
        cutter.feed(b"\x01")


CSW = bytes.fromhex("55534253 79000000 00000000 00")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        CSW[:-1],
        CSW + b"\0",
        b"USBC" + CSW[4:],
        CSW[:4] + b"\x7a" + CSW[5:],
        CSW[:-1] + b"\x03",
        CSW[:8] + b"\x25" + CSW[9:],
    ],
    ids=["empty", "short", "long", "signature", "tag", "status", "residue"],
)
def test_a_status_that_is_not_valid_is_malformed(raw: bytes) -> None:
    assert decode_status(CSW, 0x79, 36).residue == 0
    with pytest.raises(Malformed):
        decode_status(raw, 0x79, 36)


@pytest.mark.parametrize("command", [b"", bytes(17)])
def test_a_command_block_has_one_to_sixteen_bytes(command: bytes) -> None:
    with pytest.raises(Malformed):
        encode_command(1, command, 0, to_host=True)


@pytest.mark.parametrize("raw", [b"", b"\x70\0", bytes(18), b"\x72" + bytes(17)])
def test_sense_data_of_another_format_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        sense_key(raw)
