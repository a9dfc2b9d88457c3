"""Names in a bag: every medium takes them, and no two are alike anywhere."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.custody.export.names import OCTETS, UNITS, safe, safe_names, same

HOSTILE = "<>:\"/\\|?*%'`$"
ANY = st.text(st.characters(codec=None), max_size=300)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("DCIM/100/出警 现场_01.MP4", "出警 现场_01.MP4"),
        ("..\\..\\windows\\a.mp4", "a.mp4"),
        ("../../etc/passwd", "passwd"),
        ("DCIM/..", "_"),
        ("DCIM/", "_"),
        ("con.mp4", "_con.mp4"),
        ("LPT1", "_LPT1"),
        ("aux .tar.mp4", "_aux .tar.mp4"),
        ("a\n b\x1b[31m\u202e.mp4", "a_ b_[31m_.mp4"),
        ("--option.mp4", "option.mp4"),
        ("~$lock.mp4", "_lock.mp4"),
        ("name. . .", "name"),
        ("100%.mp4", "100_.mp4"),
        ("\ud800.mp4", "_.mp4"),
    ],
)
def test_what_becomes_of_a_name(path: str, name: str) -> None:
    assert safe_names([("S", path)]) == [f"S/{name}"]


def test_case_accents_and_width_make_no_two_names() -> None:
    names = ["a.MP4", "A.mp4", "é.mp4", "e\u0301.mp4", "É.mp4", "Ａ.mp4", "a-2.mp4"]
    made = safe_names(("S", name) for name in names)
    assert made[:2] == ["S/a.MP4", "S/A-2.mp4"]
    assert len({same(each) for each in made}) == len(names)


def test_recorders_that_differ_in_case_have_folders_of_their_own() -> None:
    made = safe_names([("s1", "a"), ("S1", "a"), ("s1", "b"), ("s1/", "a")])
    assert made == ["s1/a", "S1-2/a", "s1/b", "s1_/a"]


def test_long_names_keep_their_suffix() -> None:
    first, second = safe_names([("S", "视" * 300 + ".mp4"), ("S", "视" * 301 + ".mp4")])
    assert first.endswith("视.mp4")
    assert second.endswith("视-2.mp4")


@given(st.lists(st.tuples(ANY, ANY), max_size=12))
@example([("", ""), ("", ""), ("a" * 96, "𠀀" * 200 + ".mp4"), ("A" * 97, "𠀀" * 201 + ".mp4")])
def test_every_name_is_safe_and_no_two_are_alike(wanted: list[tuple[str, str]]) -> None:
    made = safe_names(wanted)
    assert len(made) == len(wanted)
    assert len({same(each) for each in made}) == len({*made}) == len(made)
    for each in made:
        folder, name = each.split("/")
        for part in (folder, name):
            assert part
            assert part.isprintable()
            assert not set(part) & set(HOSTILE)
            assert part.strip(" .") == part
            assert not part.startswith("-")
            assert len(part.encode("utf-16-le")) // 2 <= UNITS
            assert len(part.encode()) <= OCTETS
            assert unicodedata.is_normalized("NFC", part)


@given(ANY)
def test_a_safe_name_stays_as_it_is(text: str) -> None:
    assert safe(safe(text)) == safe(text)
