"""What a file's name tells, and that no name can do harm."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.recorder.profiles.load import load_profiles, shipped_folder
from agent.recorder.profiles.model import NameForm
from agent.recorder.profiles.names import NameParts, split

FIELD = NameForm(
    pattern=r"[^_]+_(?P<device>[^_]+)_(?P<officer>[^_]+)_(?P<date>\d{8})_(?P<time>\d{6})"
    r"(?:_(?P<mark>[A-Z]+))?\.\w+"
)
CAMERA = NameForm(pattern=r"(?P<date>\d{4}-\d\d-\d\d) (?P<time>\d\d\.\d\d)\.\w+", date="%Y-%m-%d",
                  time="%H.%M")  # fmt: skip
WHOSE = NameForm(pattern=r"(?P<device>CAM\d+).*", marks=["SOS"])
MARK = NameForm(pattern=r"(?P<device>\d+)(?P<mark>[!A-Z]+)?\.MP4", marks=["!", "SOS"])


def moment(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001 - recorders show local time


def test_the_form_seen_in_the_field() -> None:
    """`field.md` §2, file names."""
    assert split("DCAM_CAM001_000001_20260804_100000_IMP.mp4", [FIELD]) == NameParts(
        "CAM001", "000001", moment(2026, 8, 4, 10, 0, 0), marked=True
    )
    assert split("dcam_cam001_张三_20260804_100000.MP4", [FIELD]) == NameParts(
        "cam001", "张三", moment(2026, 8, 4, 10, 0, 0), marked=False
    )


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("D_C1_7_20260230_100000.mp4", NameParts("C1", "7")),
        ("D_C1_7_20261301_100000.mp4", NameParts("C1", "7")),
        ("D_C1_7_20260804_240000.mp4", NameParts("C1", "7")),
        ("D_C1_7_00000000_000000.mp4", NameParts("C1", "7")),
        ("D_C1_7_20260804_100000_ODD.mp4", NameParts("C1", "7", moment(2026, 8, 4, 10))),
        ("D_C1_7_20260804_100000_imp.mp4", NameParts("C1", "7", moment(2026, 8, 4, 10), True)),
        ("D_\ud800_7_20260804_100000.mp4", NameParts("", "7", moment(2026, 8, 4, 10))),
        ("D_C1_7_２０２６０８０４_100000.mp4", None),
        ("D_C1_7_20260804_100000.mp4\n", None),
        ("D_C1_7_2026080_100000.mp4", None),
        ("", None),
        ("../../etc/passwd", None),
        ("D_C1_" + "7" * 300 + "_20260804_100000.mp4", None),
    ],
)
def test_impossible_and_hostile_names(name: str, parts: NameParts | None) -> None:
    assert split(name, [FIELD]) == parts


def test_the_first_form_that_fits_counts() -> None:
    assert split("2026-08-04 10.30.mp4", [FIELD, CAMERA, WHOSE]) == NameParts(
        local=moment(2026, 8, 4, 10, 30)
    )
    assert split("CAM7-x", [FIELD, CAMERA, WHOSE]) == NameParts("CAM7")
    assert split("other.mp4", [FIELD, CAMERA, WHOSE]) is None
    assert split("other.mp4", []) is None


def test_only_the_marks_that_the_profile_names_are_marks() -> None:
    assert [
        parts.marked if (parts := split(name, [MARK])) else None
        for name in ("1!.MP4", "1SOS.MP4", "1sos.mp4", "1IMP.MP4", "1.MP4")
    ] == [True, True, True, False, False]


@given(st.text(st.characters(), max_size=300))
def test_no_name_raises(name: str) -> None:
    for form in (FIELD, CAMERA, WHOSE, MARK):
        parts = split(name, [form])
        if parts is not None:
            (parts.device + parts.officer).encode()
            assert parts.local is None or parts.local.tzinfo is None


@given(
    st.text("AB01", min_size=1, max_size=8),
    st.text("中文09", min_size=1, max_size=8),
    st.datetimes(moment(1000, 1, 1)),
    st.booleans(),
)
def test_what_a_recorder_writes_is_read_back(
    device: str, officer: str, local: datetime, marked: bool
) -> None:
    local = local.replace(microsecond=0)
    mark = "_IMP" if marked else ""
    name = f"DCAM_{device}_{officer}_{local:%Y%m%d_%H%M%S}{mark}.mp4"
    assert split(name, [FIELD]) == NameParts(device, officer, local, marked)


def test_shipped_profiles_know_the_form_of_the_field(tmp_path: object) -> None:
    profiles = load_profiles(shipped_folder(), shipped_folder() / "none")
    for profile_id in ("generic-mtp", "mass-storage"):
        profile = profiles.get(profile_id)
        assert profile is not None
        parts = split("DCAM_CAM001_000001_20260804_100000_IMP.mp4", profile.names)
        assert parts == NameParts("CAM001", "000001", moment(2026, 8, 4, 10), marked=True)
