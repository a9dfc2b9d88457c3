"""What a recorder lacks, held against its profile's thresholds."""

from __future__ import annotations

import pytest

from agent.model import Health, Identity, Storage
from agent.recorder.fitness import shortcomings
from agent.recorder.profiles.model import Profile

GIB = 2**30
RIGHT = Health(80, (Storage("1", "SD", 64 * GIB, 32 * GIB),))


def profile(**said: object) -> Profile:
    return Profile.model_validate(
        {
            "id": "test",
            "name": "test",
            "driver": "mtp",
            "source": {"facts": "this test", "certainty": "standard"},
            "match": [{"usb": "1234:5678"}],
        }
        | said
    )


def lacks(health: Health, error: float | None = 0.0, firmware: str = "1.2", **said: object) -> str:
    found = shortcomings(profile(**said), Identity("M", "N", "S", firmware), health, error)
    return "; ".join(found)


def test_nothing_is_wrong_with_a_recorder_as_it_should_be() -> None:
    assert lacks(RIGHT) == ""
    assert lacks(Health(None, ()), None, "") == "", "what it does not tell is nothing wrong"


@pytest.mark.parametrize(("percent", "words"), [(19, "battery 19 %, below 20 %"), (20, "")])
def test_battery(percent: int, words: str) -> None:
    assert lacks(Health(percent, ())) == words


def test_storage_and_its_file_system() -> None:
    full = Storage("1", "", 64 * GIB, GIB, dirty=True)
    assert lacks(Health(None, (full,))) == (
        "1: 1.0 GiB free, below 2.0 GiB; 1: its file system was not closed in order"
    )
    assert lacks(Health(None, (full,)), thresholds={"free": "1 GiB"}).count(";") == 0


@pytest.mark.parametrize("error", [61.0, -3600.0])
def test_clock(error: float) -> None:
    assert lacks(RIGHT, error) == f"clock {error:+.0f} s, more than 60 s off"
    assert lacks(RIGHT, error, thresholds={"clock_seconds": 4000}) == ""


def test_firmware() -> None:
    known = {"oldest": "1.3", "newest": "2"}
    outside = shortcomings(profile(firmware=known), Identity("M", "N", "S", "1.2"), RIGHT, 0.0)
    assert outside == ("firmware 1.2 is none that profile test is known for",)
    assert shortcomings(profile(firmware=known), Identity("M", "N", "S", "2.9"), RIGHT, 0.0) == ()
