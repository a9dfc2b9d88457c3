"""Which files a profile wants, by name and place alone."""

from __future__ import annotations

import pytest

from agent.recorder.footage import Choice, told_by_name
from agent.recorder.profiles.model import Clips


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("CAM.MP4", True),
        ("a.h265", True),
        ("track.GPX", True),
        ("._CAM.MP4", False),
        (".hidden.mp4", True),
        ("IndexerVolumeGuid", False),
        ("CAM.THM", False),
        ("LOG.TXT", False),
        ("CAM.XYZ", None),
        ("NOEXT", None),
        (".secret", None),
    ],
)
def test_a_name_tells_or_does_not(name: str, told: bool | None) -> None:
    assert told_by_name(name) is told


@pytest.mark.parametrize(
    ("said", "path", "taken"),
    [
        ({}, "DCIM/A.MP4", True),
        ({}, "anything/at.all", True),
        ({}, "DCIM/.hidden", False),
        ({}, "A.TXT", False),
        ({"folders": ["DCIM/*"]}, "DCIM/100/A.MP4", True),
        ({"folders": ["DCIM/*"]}, "dcim/100/sub/A.MP4", True),
        ({"folders": ["DCIM/*"]}, "DCIM/A.MP4", False),
        ({"folders": ["/DCIM/"]}, "DCIM/A.MP4", True),
        ({"folders": ["DCIM"]}, "DCIMX/A.MP4", False),
        ({"folders": ["DCIM"]}, "A.MP4", False),
        ({"only": ["*.dat"]}, "A.DAT", True),
        ({"only": ["*.txt"]}, "A.TXT", True),
        ({"only": ["*.dat"]}, "A.MP4", False),
        ({"never": ["*_tmp.*"]}, "A_TMP.MP4", False),
        ({"never": ["*.mp4"], "logs": ["LOG/*.mp4"]}, "log/A.MP4", True),
        ({"folders": ["DCIM"], "logs": ["LOG/*.TXT"]}, "LOG/2026.txt", True),
        ({"logs": ["*.log"]}, "A.LOG", True),
    ],
)
def test_a_profile_chooses_on_top_of_the_common_lists(
    said: dict[str, list[str]], path: str, taken: bool
) -> None:
    assert Choice(Clips(**said)).takes(path) is taken
