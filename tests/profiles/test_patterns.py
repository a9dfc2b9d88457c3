"""Patterns run over what a recorder says: whatever is taken answers at once, whatever it says."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agent.recorder.profiles.patterns import TEXT_LIMIT, check_pattern, finds, fits

SOON = 0.25
"""Seconds for 255 characters; what is refused would take longer than the sun lasts."""


@pytest.mark.parametrize(
    "pattern",
    [
        "MTP",
        "^MTP$",
        "(?i)^mtp",
        "中国?移动",
        r"[^_]+_(?P<device>[^_]+)_(?P<date>\d{8})(?:_(?P<mark>[A-Z]+))?\.\w+",
        r".*_(?P<date>\d{8}).*",
        r"IMG_\d{4}\.(jpg|mp4|wav)",
        r"[]\]-]+x",
        r"a{2,5}?b",
    ],
)
def test_taken(pattern: str) -> None:
    check_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b",
        "(a|a)*b",
        "(a|aa)+$",
        "a?" * 30 + "a{30}",
        "(a|a)" * 30,
        r"\w*\w*\w*x",
        ".*.*.*=",
        "(a?){30}b",
        r"(a)\1",
        "(?=a)b",
        "(?<!a)b",
        "a++",
        "a**",
        r"\bword",
        "[[a]]",
        "[a--b]",
        "(",
        ")",
        "a)(b",
        "[",
        "{2}",
        "a{3,1}",
        "[z-a]",
        "(?P<a>x)(?P<a>y)",
        "(" * 200 + ")" * 200,
        "a\\",
        "^a|^b",
    ],
)
def test_refused_in_words(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        check_pattern(pattern)


ATOMS = st.sampled_from(["a", "b", "_", ".", "[ab]", "[^_]", r"\d", r"\w", "[^a]", "中", r"\."])
REPEATS = st.sampled_from(["", "", "*", "+", "?", "{2}", "{0,9}", "{1,}", "*?"])


def groups(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    parts = st.lists(inner, min_size=1, max_size=3).map("".join)
    branches = st.lists(parts, min_size=1, max_size=3).map("|".join)
    return st.tuples(branches, st.sampled_from(["", "?"])).map(lambda each: f"({each[0]}){each[1]}")


PATTERNS = st.lists(
    st.recursive(st.tuples(ATOMS, REPEATS).map("".join), groups, max_leaves=8), max_size=8
).map("".join)


@settings(max_examples=60)
@given(PATTERNS, st.text("ab_1中", min_size=1, max_size=4), st.text("ab_!", max_size=2))
def test_whatever_is_taken_answers_at_once(pattern: str, piece: str, end: str) -> None:
    try:
        check_pattern(pattern)
    except ValueError:
        assume(False)
    for text in (piece * TEXT_LIMIT)[: TEXT_LIMIT - len(end)] + end, "a" * TEXT_LIMIT:
        start = time.perf_counter()
        fits(pattern, text)
        assert time.perf_counter() - start < SOON


@given(st.text("ab(|)?*+{2,}[^]\\d.P<x>-$", max_size=30))
def test_any_text_is_taken_or_refused_and_what_is_taken_compiles(pattern: str) -> None:
    try:
        check_pattern(pattern)
    except ValueError:
        return
    re.compile(pattern)


def test_case_does_not_count_and_digits_are_ascii() -> None:
    assert fits(r"img_\d+\.mp4", "IMG_12.MP4")
    assert not fits(r"img_\d+\.mp4", "IMG_१२.MP4")
    assert finds("mtp", "Camera MTP 2")


def test_a_text_that_is_too_long_fits_nothing() -> None:
    assert fits(".*", "a" * TEXT_LIMIT)
    assert not fits(".*", "a" * (TEXT_LIMIT + 1))
    assert not finds("b", "a" * TEXT_LIMIT + "b")
