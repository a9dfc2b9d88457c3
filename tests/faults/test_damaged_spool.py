"""A spooled clip whose file or sidecar was damaged: found out, never archived as good, and pulled
again from its recorder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from tests.campaign.books import Row
from tests.campaign.evidence import Evidence
from tests.campaign.outcome import Run
from tests.campaign.settling import settle
from tests.campaign.yard import Yard, until

MIB = 1024 * 1024
SECONDS = 90.0
PORT = "1-1.1"


def flip(path: Path, random: Random) -> None:
    data = bytearray(path.read_bytes())
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    path.write_bytes(data)


def cut(path: Path, random: Random) -> None:
    with path.open("r+b") as file:
        file.truncate(random.randrange(path.stat().st_size))


def remove(path: Path, _random: Random) -> None:
    path.unlink()


def leave(_path: Path, _random: Random) -> None:
    """The clip beside which the others are damaged."""


DAMAGES: list[tuple[Callable[[Path, Random], None], str]] = [
    (flip, ""),
    (cut, ""),
    (remove, ""),
    (flip, ".sums"),
    (cut, ".sums"),
    (remove, ".sums"),
    (leave, ""),
]
"""What is done to each clip of the recorder, to the file with this ending."""

LOST = {place for place, (damage, ending) in enumerate(DAMAGES) if not ending and damage != leave}
"""Those that the dock can only pull again; a sidecar can be made anew."""


class Damaged:
    """A recorder's clips in the spool, no archive yet, and each clip damaged in its own way."""

    def __init__(self, yard: Yard, seed: int) -> None:
        self.yard = yard
        self.random = Random(seed)
        self.home = yard.record(1, [MIB] * len(DAMAGES), self.random)
        self.run = Run(seed, yard.world.folder)
        self.evidence = Evidence(yard)
        yard.plug(self.home, PORT)
        yard.start("dock")
        assert until(lambda: self.evidence.states()["spooled"] == len(DAMAGES), SECONDS)

    def damage(self) -> None:
        for row, (damage, ending) in zip(self.evidence.ledger(), DAMAGES, strict=True):
            clip = self.evidence.spool / "clips" / row["id"][:2] / (row["id"] + ending)
            damage(clip, self.random)

    def clips(self) -> list[Row]:
        return self.evidence.ledger()

    def states(self) -> list[str]:
        return [row["state"] for row in self.clips()]


@pytest.fixture
def damaged(tmp_path: Path, seed: int) -> Iterator[Damaged]:
    with Yard(tmp_path / "world") as yard:
        yield Damaged(yard, seed)


def test_damage_under_a_running_dock_is_found_before_the_archive_has_it(damaged: Damaged) -> None:
    """The recorder is still docked, and asked for the clips again with no hand on it."""
    damaged.damage()
    damaged.yard.start("archive")
    expected = ["damaged" if place in LOST else "receipted" for place in range(len(DAMAGES))]
    assert until(lambda: damaged.states() == expected, SECONDS), damaged.clips()
    assert list(damaged.evidence.receipted_but_not_archived()) == []
    assert len(damaged.evidence.deliveries()) == len(DAMAGES) - len(LOST)
    settle(damaged.run, damaged.yard, damaged.evidence, untroubled=False)
    assert damaged.run.violations == []


@pytest.mark.parametrize("stop", ["stop", "kill"])
def test_damage_under_a_stopped_dock_is_found_and_all_arrives(damaged: Damaged, stop: str) -> None:
    getattr(damaged.yard, stop)("dock")
    damaged.damage()
    damaged.yard.start("dock")
    damaged.yard.start("archive")
    all_known = until(lambda: set(damaged.states()) <= {"receipted", "damaged"}, SECONDS)
    assert all_known, damaged.clips()
    assert list(damaged.evidence.receipted_but_not_archived()) == []
    damaged.yard.unplug(PORT)
    damaged.yard.plug(damaged.home, PORT)
    settle(damaged.run, damaged.yard, damaged.evidence, untroubled=False)
    assert damaged.run.violations == []


def test_damage_after_the_receipt_harms_nothing(damaged: Damaged) -> None:
    damaged.yard.start("archive")
    assert until(damaged.evidence.all_archived, SECONDS), damaged.clips()
    damaged.yard.stop("dock")
    damaged.damage()
    damaged.yard.start("dock")
    assert until(lambda: damaged.yard.up("dock"), SECONDS)
    assert damaged.evidence.all_archived()
    missing = [place for place, state in enumerate(damaged.states()) if state == "released"]
    assert set(missing) <= LOST
    damaged.yard.stop("dock")
    assert list(damaged.evidence.receipted_but_not_archived()) == []
