"""Days as files: what they may say, and that they are played as written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

import hwsim.scenario
from agent.errors import ConfigError
from hwsim import faults
from hwsim.body import StillClock
from hwsim.faces import bulk_only, zfy
from hwsim.faults import Fault, Stall
from hwsim.play import Player
from hwsim.recorders import Hardware
from hwsim.scenario import read_scenario, shipped

DAY = """
name = "a day"
seed = 3
[[recorder]]
name = "one"
kind = "mtp"
clips = 2
size = "64 KiB"
[[recorder]]
name = "two"
kind = "disk"
[[at]]
second = 100
port = "1-1.3"
plug = "two"
[[at]]
second = 0
port = "1-1.2"
plug = "one"
[[at]]
second = 10
port = "1-1.2"
fault = "Stall"
with = { at = 5, times = 2 }
[[at]]
second = 60.5
port = "1-1.2"
unplug = true
[[at]]
second = 80
record = "one"
clips = 3
size = "64 KiB"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "day.toml"
    path.write_text(text, "utf-8")
    return path


class Waits:
    """A wait that takes no time and notes how long it would have been."""

    def __init__(self, ends_after: int = 1000) -> None:
        self.seconds: list[float] = []
        self.ends_after = ends_after

    def __call__(self, seconds: float) -> bool:
        self.seconds.append(seconds)
        return len(self.seconds) >= self.ends_after


@contextmanager
def player(
    path: Path, folder: Path, *, waits: Waits, speed: float = 1.0
) -> Iterator[tuple[Player, list[str]]]:
    told: list[str] = []
    playing = Player(
        read_scenario(path),
        Hardware(folder),
        clock=StillClock(),
        wait=waits,
        home=path.parent,
        speed=speed,
        tell=told.append,
    )
    try:
        yield playing, told
    finally:
        playing.close()


def test_a_day_is_played_in_the_order_of_its_seconds(tmp_path: Path) -> None:
    waits = Waits()
    with player(written(tmp_path, DAY), tmp_path, waits=waits) as (day, told):
        assert day.play()
        assert [" ".join(line.split()) for line in told] == [
            "0.0 s 1-1.2 one, mtp",
            "10.0 s 1-1.2 Stall",
            "60.5 s 1-1.2 is empty",
            "80.0 s one records 3 clips",
            "100.0 s 1-1.3 two, disk",
        ]
        assert waits.seconds == [10, 50.5, 19.5, 20]
        assert list(day.docked) == ["1-1.3"]
        assert len(day.bodies["one"].clips) == 5


def test_the_recorders_clocks_keep_the_days_time_at_any_speed(tmp_path: Path) -> None:
    for speed, seconds in ((1.0, 100.0), (50.0, 2.0)):
        waits = Waits()
        with player(written(tmp_path, DAY), tmp_path, waits=waits, speed=speed) as (day, _):
            before = day.bodies["two"].now()
            day.play()
            assert day.bodies["two"].now() - before == timedelta(seconds=100)
            assert sum(waits.seconds) == pytest.approx(seconds)


def test_a_day_that_is_interrupted_leaves_docked_what_is_docked(tmp_path: Path) -> None:
    with player(written(tmp_path, DAY), tmp_path, waits=Waits(ends_after=2)) as (day, told):
        assert not day.play()
        assert (list(day.docked), len(told)) == (["1-1.2"], 2)
        assert day.docked["1-1.2"].usb_address is not None
    assert day.docked == {}


def test_a_fault_is_the_one_of_its_name(tmp_path: Path) -> None:
    with player(written(tmp_path, DAY), tmp_path, waits=Waits(ends_after=2)) as (day, _):
        day.play()
        recorder = day.docked["1-1.2"].faults
        struck = [recorder.transfer() for _ in range(10)]
        assert [len(each) for each in struck] == [0] * 5 + [1, 1, 0, 0, 0]
        assert struck[5] == [Stall(at=5, times=2)]


def test_a_recorder_may_be_a_folder(tmp_path: Path) -> None:
    card = tmp_path / "held" / "card" / "DCIM"
    card.mkdir(parents=True)
    (tmp_path / "held" / "recorder.toml").write_text('serial = "HELD1"\n', "utf-8")
    (card / "A.MP4").write_bytes(b"film")
    text = DAY.replace('kind = "disk"', 'kind = "disk"\nfolder = "held"')
    with player(written(tmp_path, text), tmp_path, waits=Waits()) as (day, _):
        body = day.bodies["two"]
        assert (body.serial, [clip.path for clip in body.clips]) == ("HELD1", ["DCIM/A.MP4"])


@pytest.mark.parametrize("name", shipped())
def test_the_shipped_days_can_be_played(name: str, tmp_path: Path) -> None:
    with player(shipped()[name], tmp_path, waits=Waits()) as (day, told):
        assert day.play()
        assert len(told) == len(read_scenario(shipped()[name]).at)


def test_the_format_is_documented_by_an_example_that_can_be_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", str(hwsim.scenario.__doc__), re.DOTALL)
    day = read_scenario(written(tmp_path, example))
    assert [event.second for event in day.events] == [0, 20, 40, 300]


EVERY_FAULT = sorted(
    name
    for room in (faults, zfy, bulk_only)
    for name, kind in vars(room).items()
    if isinstance(kind, type) and issubclass(kind, Fault)
)


@pytest.mark.parametrize("fault", sorted(set(EVERY_FAULT)))
def test_every_fault_can_be_named(fault: str, tmp_path: Path) -> None:
    text = DAY.replace('"Stall"\nwith = { at = 5, times = 2 }', f'"{fault}"\nwith = {{ at = 1 }}')
    events = read_scenario(written(tmp_path, text)).events
    made = next(event.make_fault() for event in events if event.fault)
    assert (type(made).__name__, made.at) == (fault, 1)


LAST = 'second = 100\nport = "1-1.3"'
TWICE = 'second = 30\nport = "1-1.3"\nplug = "one"'
SMALL = '"64 KiB"\n[[rec'
NONE_OF_THEM = "unplug = true\nwith = { at = 1 }"
WRONG = {
    "an unknown key": ("seed = 3", "seeds = 3", r":3: seeds: unknown key"),
    "no name": ('name = "a day"', "", "name: is missing"),
    "an unknown kind": ('"disk"', '"betamax"', r":11: recorder.1.kind: a recorder is one of mtp"),
    "one name twice": ('"two"\nkind', '"one"\nkind', "two recorders have one name"),
    "an unknown recorder": ('plug = "two"', 'plug = "three"', "no recorder is called 'three'"),
    "a port that is none": ('"1-1.3"', '"COM3"', r":14: at.0.port: a bay is"),
    "nothing that happens": ('plug = "two"', "", "one of plug, unplug, fault, record"),
    "two things at once": ('plug = "two"', 'plug = "two"\nunplug = true', "and only one"),
    "no port": ('port = "1-1.3"\n', "", "happens at a port"),
    "a second before the day": ("second = 100", "second = -1", "second: .*greater than or equal"),
    "a second that is none": ("second = 100", "second = nan", "second: .*finite"),
    "a size that is none": (
        '"64 KiB"\n[[rec',
        '"64 KB"\n[[rec',
        'a size is a text such as "100 GiB"',
    ),
    "a size that no film has": ('"64 KiB"\n[[rec', '"1 KiB"\n[[rec', "greater than or equal"),
    "an unknown fault": ('"Stall"', '"Earthquake"', "'Earthquake' is no fault"),
    "no fault at all": ('"Stall"', '"Faults"', "'Faults' is no fault"),
    "a field that it has not": ("{ at = 5", "{ ate = 5", "Stall has at, times; no ate"),
    "a field of another kind": ("{ at = 5", '{ at = "5"', "Stall: Input should be a valid integer"),
    "fields of nothing": (
        "unplug = true",
        "unplug = true\nwith = { at = 1 }",
        "belongs to a fault",
    ),
    "a port that is taken": (LAST, 'second = 30\nport = "1-1.2"', "30: two or 1-1.2 is taken"),
    "a recorder in two ports": (f'{LAST}\nplug = "two"', TWICE, "30: one or 1-1.3 is taken"),
    "an empty port": ("second = 60.5", "second = 0.5", "second 10: nothing is plugged into 1-1.2"),
    "recording in the dock": ("second = 80", "second = 20", "second 20: one is docked"),
    "no TOML": ("seed = 3", "seed =", "day.toml:3"),
}


@pytest.mark.parametrize(("old", "new", "reason"), WRONG.values(), ids=WRONG)
def test_a_day_that_cannot_be_is_refused(old: str, new: str, reason: str, tmp_path: Path) -> None:
    assert DAY.count(old) == 1
    with pytest.raises(ConfigError, match=reason):
        read_scenario(written(tmp_path, DAY.replace(old, new)))
