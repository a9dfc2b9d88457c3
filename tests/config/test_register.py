"""`[[recorder]]`: recorders are unregistered, registered, or matched to an officer."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import DockConfig, load
from agent.config.register import Registered, by_serial, state_of
from agent.model import Identity

from .test_config import GOOD, refusal, written


def test_recorders_are_registered_and_matched(tmp_path: Path) -> None:
    text = GOOD + (
        '[[recorder]]\nserial = "S0001"\n'
        '[[recorder]]\nserial = "S0002"\nofficer = "310000-0042"\nname = "王明"\n'
        'unit = "Transport 3"\nid_code = "AB123"\n'
    )
    known = by_serial(load(DockConfig, written(tmp_path, text)).recorder)
    assert [state_of(known.get(serial)) for serial in ("S0001", "S0002", "S0003")] == [
        "registered",
        "matched",
        "unregistered",
    ]
    said = Identity("M", "X", "S0002", "1", id_code="ZZ999", officer="310000-0042")
    assert known["S0002"].differs(said) == ["id_code"]
    assert known["S0001"].differs(said) == []


def test_as_its_officer_a_recorder_says_a_name_or_a_number() -> None:
    ours = Registered(serial="S", officer="000042", name="王明", unit="3")
    for officer, differs in (("王明", []), ("000042", []), ("", []), ("李四", ["officer"])):
        assert ours.differs(Identity("", "", "S", "", officer=officer)) == differs
    nameless = Registered(serial="S")
    assert nameless.differs(Identity("", "", "S", "", officer="李四")) == []


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('[[recorder]]\nofficer = "1"\n', "dock.toml:7: recorder.0.serial: is missing"),
        ('[[recorder]]\nserial = ""\n', "dock.toml:8: recorder.0.serial"),
        ('[[recorder]]\nserial = "S"\nsmoke = "x"\n', "dock.toml:9: recorder.0.smoke: unknown"),
        ("[[recorder]]\nserial = 5\n", "dock.toml:8: recorder.0.serial"),
        ('[[recorder]]\nserial = "S"\n' * 2, "recorder S is given twice"),
    ],
)
def test_a_wrong_recorder_is_named(tmp_path: Path, lines: str, words: str) -> None:
    assert words in refusal(tmp_path, GOOD + lines)
