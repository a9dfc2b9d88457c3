"""The CSV of who had which recorder when: what it means, and every fault with its line."""

from __future__ import annotations

import codecs
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config.assignments import FAULTS_TOLD, Assignment, Assignments, read_assignments
from agent.errors import ConfigError, NotPermitted

from .books import moment

ZONE = ZoneInfo("Asia/Shanghai")
HEADER = "serial,officer,officer_name,unit,from,until"
LINE = "S0001,110101,张三,东城交警大队,2026-08-04 08:00,2026-08-04 16:00"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "assignments.csv"


def read(path: Path, *lines: str, header: str = HEADER) -> list[Assignment]:
    path.write_text("\n".join((header, *lines)) + "\n", "utf-8")
    return list(read_assignments(path, ZONE))


def faults(path: Path, *lines: str, header: str = HEADER) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(path, *lines, header=header)
    return [each.removeprefix(f"{path}:") for each in caught.value.what.split("\n")]


def test_a_line_is_who_had_it_from_when_to_when(path: Path) -> None:
    (one,) = read(path, LINE)
    assert one == Assignment(
        2, "S0001", "110101", "张三", "东城交警大队",
        moment("2026-08-04T08:00:00+08:00"), moment("2026-08-04T16:00:00+08:00"),
    )  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_as_table_programs_write_it(path: Path, encoding: str, delimiter: str, end: str) -> None:
    text = end.join((f"{HEADER},,", f"{LINE},,", ",,,,,,,", "")).replace(",", delimiter)
    path.write_bytes(text.encode(encoding))
    (one,) = read_assignments(path, ZONE)
    assert (one.officer_name, one.unit) == ("张三", "东城交警大队")


def test_columns_in_any_order_with_the_optional_ones(path: Path) -> None:
    header = "Until,from,serial,officer,officer_name,unit,party,cause,case_number"
    (one,) = read(path, ",2026/8/4 8:05,S1,7,,,王某,违章停车,京公2026-77", header=header)
    assert (one.begins, one.ends) == (moment("2026-08-04T08:05:00+08:00"), None)
    assert (one.party, one.cause, one.case_number) == ("王某", "违章停车", "京公2026-77")


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("2026-08-04", "2026-08-04T00:00:00+08:00"),
        ("2026/8/4", "2026-08-04T00:00:00+08:00"),
        ("2026-08-04 08:00", "2026-08-04T08:00:00+08:00"),
        ("2026/8/4 8:00:01", "2026-08-04T08:00:01+08:00"),
        ("2026-08-04T08:00:00Z", "2026-08-04T08:00:00+00:00"),
        ("2026-08-04T08:00:00-05:30", "2026-08-04T08:00:00-05:30"),
        ("2026-08-04T08:00:00.5 +0800", "2026-08-04T08:00:00+08:00"),
    ],
)
def test_moments_with_an_offset_or_in_the_docks_zone(path: Path, text: str, begins: str) -> None:
    (one,) = read(path, f"S1,7,,,{text},")
    assert one.begins == moment(begins)


def test_a_date_alone_is_that_whole_day(path: Path) -> None:
    (one,) = read(path, "S1,7,,,2026-08-04,2026-08-04")
    assert one.ends is not None
    assert one.ends - one.begins == timedelta(days=1)


def test_every_fault_is_told_with_its_line(path: Path) -> None:
    assert faults(
        path,
        LINE,
        ",7,,,2026-08-05,",
        "S2,,,,2026-08-05,",
        'S3,7,"a\nb",,yesterday,',
        "S4,7,,,2026-02-30,",
        "S5,7,,,2026-08-05,2026-08-04",
        "S6,7,,,,",
        "S7",
        f"S8,{'x' * 256},,,2026-08-05,",
        "S0001,2,李四,,2026-08-04 15:59,",
    ) == [
        "3: serial is empty",
        "4: names neither an officer nor a unit",
        "6: from 'yesterday' is no moment such as 2026-08-04 08:00",
        "7: from '2026-02-30': day is out of range for month",
        "8: until is not after from",
        "9: from '' is no moment such as 2026-08-04 08:00",
        "10: names neither an officer nor a unit",
        "11: officer is longer than 255 characters",
        "12: recorder S0001 has one already in 2",
    ]


def test_shifts_that_meet_do_not_overlap(path: Path) -> None:
    found = read(path, "S1,1,,,2026-08-04 00:00,2026-08-04 08:00", "S1,2,,,2026-08-04 08:00,")
    assert [each.officer for each in found] == ["1", "2"]


def test_a_clock_that_shows_an_hour_twice_wants_an_offset(path: Path) -> None:
    path.write_text(f"{HEADER}\nS1,7,,,2026-10-25 02:30,\n", "utf-8")
    with pytest.raises(ConfigError, match="twice or never"):
        read_assignments(path, ZoneInfo("Europe/Berlin"))


HEADERS = {
    "": "is empty",
    "S0001,110101,张三": "unknown column 's0001'",
    "serial,officer,officer_name,unit,from": "column until is missing",
    f"{HEADER},color": "unknown column 'color'",
    f"{HEADER},unit": "column unit is there twice",
}


@pytest.mark.parametrize(("header", "words"), HEADERS.items())
def test_the_header_is_needed(path: Path, header: str, words: str) -> None:
    path.write_text(header, "utf-8")
    with pytest.raises(ConfigError, match=f":1: .*{words}"):
        read_assignments(path, ZONE)


def test_more_fields_than_the_header_names(path: Path) -> None:
    assert "2: more fields" in faults(path, f"{LINE},more")[0]


def test_only_so_many_faults_are_told(path: Path) -> None:
    told = faults(path, *["S,1,,,never,"] * (FAULTS_TOLD + 7))
    assert len(told) == FAULTS_TOLD + 1
    assert told[-1].endswith("and 7 more")


def test_files_that_are_none(tmp_path: Path) -> None:
    for raw, words in {
        codecs.BOM_UTF16_LE + HEADER.encode("utf-16-le"): "UTF-16|neither",
        b"\xff\xff\xff": "neither UTF-8 nor GB18030",
        b'serial,"officer': "unexpected end",
    }.items():
        path = tmp_path / "bad.csv"
        path.write_bytes(raw)
        with pytest.raises(ConfigError, match=words):
            read_assignments(path, ZONE)
    with pytest.raises(ConfigError, match="no such file"):
        read_assignments(tmp_path / "missing", ZONE)
    with pytest.raises(ConfigError, match=r"no regular file|Is a directory"):
        read_assignments(tmp_path, ZONE)


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=300), lines=st.lists(st.text(max_size=60), max_size=5))
def test_no_file_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, lines: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    for raw in (data, "\n".join([HEADER, *lines]).encode("utf-8", "replace")):
        path.write_bytes(raw)
        with suppress(ConfigError, NotPermitted):
            read_assignments(path, ZONE)


STARTS = st.lists(st.integers(0, 1000), min_size=2, max_size=40, unique=True)


@settings(max_examples=200, deadline=None)
@given(STARTS, st.integers(0, 1000), st.integers(0, 60), st.data())
def test_looking_up_an_interval_finds_what_looking_at_all_finds(
    starts: list[int], first: int, length: int, data: st.DataObject
) -> None:
    base = moment("2026-08-04T00:00:00Z")
    edges = sorted(starts)
    lines = []
    for number, (begin, end) in enumerate(pairwise(edges)):
        if data.draw(st.booleans()):
            ends = base + timedelta(minutes=end)
            begins = base + timedelta(minutes=begin)
            lines.append(Assignment(number, "S", str(number), "", "", begins, ends))
    earliest = base + timedelta(minutes=first)
    latest = earliest + timedelta(minutes=length)
    found = Assignments(lines)
    assert not list(found.twice())
    assert found.during("S", earliest, latest) == [
        each for each in lines if each.overlaps(earliest, latest)
    ]
