"""One listing: what is found in it, what went, and which storage it is."""

from __future__ import annotations

import json

import pytest

from agent.model import Clip
from agent.offload.clearing.listing import Key, Listing, ids_of, key_of

WHEN = "20260804T100000"


def clip(path: str, size: int = 7, storage: str = "SD") -> Clip:
    return Clip(storage, path, size, WHEN)


def key(path: str, size: int = 7, storage: str = "SD") -> Key:
    return Key(storage, path, size, WHEN)


@pytest.mark.parametrize(
    ("path", "bare"),
    [
        ("DCIM/A.MP4", "DCIM/A.MP4"),
        ("DCIM/A~2.MP4", "DCIM/A.MP4"),
        ("DCIM/A~123456.MP4", "DCIM/A.MP4"),
        ("DCIM/A~1234567.MP4", "DCIM/A~1234567.MP4"),
        ("DCIM/A~2", "DCIM/A"),
        ("DCIM~2/A.MP4", "DCIM~2/A.MP4"),
        ("DCIM/A~x.MP4", "DCIM/A~x.MP4"),
    ],
)
def test_a_number_is_no_part_of_a_key(path: str, bare: str) -> None:
    assert key_of(clip(path)) == key(bare)


def ids(of: Clip, *paths: str, generation: int = 0) -> bool:
    """Whether it may be known under these paths, in this order, and under no other."""
    wanted = [clip(path, of.size).id_on("S1", generation) for path in paths]
    return list(ids_of(of, "S1", generation)) == wanted


def test_under_which_ids_a_clip_may_be_known() -> None:
    assert ids(clip("D/A.MP4"), "D/A.MP4", "D/A~2.MP4", "D/A~3.MP4", "D/A~4.MP4")
    assert ids(clip("D/A~3.MP4"), "D/A~3.MP4", "D/A.MP4", "D/A~2.MP4", "D/A~4.MP4")
    assert ids(clip("D/A~9.MP4"), "D/A~9.MP4", *(f"D/A{n}.MP4" for n in ("", "~2", "~3", "~4")))
    assert ids(clip("D.x/E/A.b.MP4"), *(f"D.x/E/A.b{n}.MP4" for n in ("", "~2", "~3", "~4")))
    assert ids(clip("A.MP4"), "A.MP4", "A~2.MP4", "A~3.MP4", "A~4.MP4", generation=5)


def test_names_without_a_stem_get_their_number_behind() -> None:
    assert ids(clip("D/A"), "D/A", "D/A~2", "D/A~3", "D/A~4")
    assert ids(clip("D/.A"), "D/.A", "D/.A~2", "D/.A~3", "D/.A~4")


def test_objects_of_one_key_are_counted_and_the_first_is_found() -> None:
    first, second = clip("A.MP4"), clip("A~2.MP4")
    listing = Listing([first, second, clip("A.MP4", size=8), clip("A.MP4", storage="M")])
    assert listing.clips[:2] == (first, second)
    assert listing.count(key("A.MP4")) == 2
    assert listing.count(key("A.MP4", size=8)) == 1
    assert listing.count(key("B.MP4")) == 0
    assert listing.find(key("A.MP4")) is first
    assert listing.find(key("A.MP4", storage="M")) == clip("A.MP4", storage="M")
    assert listing.find(key("B.MP4")) is None


def test_what_went_beside_the_one_object() -> None:
    a, b, twin = clip("A.MP4"), clip("B.MP4"), clip("A~2.MP4")
    before = Listing([b, a, twin])
    mine = key("A.MP4")
    assert Listing([b, a]).lost_since(before, mine) == []
    assert before.lost_since(before, mine) == []
    assert Listing([b]).lost_since(before, mine) == [mine]
    assert Listing([a]).lost_since(before, mine) == [key("B.MP4")]
    assert Listing([]).lost_since(before, mine) == [mine, key("B.MP4")]
    assert Listing([a, b, clip("C.MP4")]).lost_since(before, mine) == [], "what is new is no loss"


def test_witnesses_are_a_few_others_of_the_same_storage() -> None:
    many = [clip(f"{number}.MP4") for number in (9, 8, 7, 6, 5, 4, 3, 2, 1, 0)]
    listing = Listing([*many, clip("X.MP4", storage="M")])
    said = json.loads(listing.witnesses(key("0.MP4")))
    assert said == [list(key(f"{number}.MP4")) for number in range(1, 9)]
    assert json.loads(Listing([clip("0.MP4")]).witnesses(key("0.MP4"))) == []


def test_a_storage_is_known_by_one_witness() -> None:
    note = Listing([clip("A.MP4"), clip("B.MP4"), clip("C.MP4")]).witnesses(key("A.MP4"))
    assert Listing([clip("C.MP4")]).knows(note)
    assert not Listing([clip("A.MP4")]).knows(note)
    assert not Listing([clip("B.MP4", size=9)]).knows(note)
    assert not Listing([]).knows(note)
    assert Listing([]).knows("[]"), "there was nothing to know it by"
