"""`bodydock recorders`, and what `bodydock clips` tells of a clip."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.cells import cell_len
from rich.console import Console

from agent.cli.recorders import recorders
from agent.clock import SystemClock
from agent.model import ClipFacts, ClipId, ClipTime, ClockReading, Health, Identity, Storage
from agent.spool.entry import Sighting
from agent.spool.ledger import Ledger

KEY = "ed25519:" + "ab" * 32
SAYS = Identity("Acme", "A1", "S0001", "1.0", "AB123", "000001", "310000")
CARD = Storage("1", "CAM\x1b[1m", 100, 40, "1234-ABCD")
READING = ClockReading(
    datetime(2026, 8, 4, 10, 0, 7),  # noqa: DTZ001 - recorders name no zone
    datetime(2026, 8, 4, 2, 0, tzinfo=UTC),
    0.25,
)
TIME = ClipTime(
    local=datetime(2026, 8, 4, 9, 0),  # noqa: DTZ001
    source="name",
    zone_offset=28_800.0,
    clock_error=7.0,
    earliest=datetime(2026, 8, 4, 0, 59, 51, tzinfo=UTC),
    latest=datetime(2026, 8, 4, 0, 59, 55, tzinfo=UTC),
)


def bodydock(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "agent.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A dock that knows four recorders: one unregistered, one matched, two registered, of which
    one never docked."""
    path = tmp_path / "dock.toml"
    path.write_text(
        f'[dock]\nid = "d"\nstate = "{tmp_path}"\nruntime = "{tmp_path}"\n'
        f'[archive]\nkeys = ["{KEY}"]\n'
        '[[recorder]]\nserial = "S0001"\nofficer = "310000-0042"\nname = "王明"\n'
        'id_code = "ZZ999"\n'
        '[[recorder]]\nserial = "S0002"\n'
        '[[recorder]]\nserial = "S0009"\nofficer = "9"\n',
        "utf-8",
    )
    ledger = Ledger(tmp_path / "ledger.db", SystemClock())
    health = Health(81, (CARD,))
    for number, identity in enumerate(
        (SAYS, replace(SAYS, serial="S0002"), replace(SAYS, serial="S\x1b[2J3", officer="7"))
    ):
        storage = replace(CARD, serial=f"1234-ABC{number}")
        contact = ledger.begin_contact(
            "3", identity, Health(81, (storage,)), READING, profile="family-a", clock_error=7.0
        )
        ledger.end_contact(contact, "everything pulled")
    newer = replace(SAYS, firmware="2.0\x1b[2J")
    contact = ledger.begin_contact("4", newer, health, READING, clock_error=7.0)
    sighting = Sighting(
        ClipId("ab" * 32), contact, newer, "4", "1", "DCIM/A.mp4", 5, "", marked=False
    )
    ledger.see(replace(sighting, facts=ClipFacts("log", "family-a", "CAM1", "000001", True, TIME)))
    ledger.close()
    return path


def told(config: Path, *arguments: str) -> Any:
    done = bodydock("recorders", *arguments, "--json", "--config", str(config))
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_recorders_are_listed_with_their_state(config: Path) -> None:
    found = {each["serial"]: each for each in told(config)}
    assert {serial: each["state"] for serial, each in found.items()} == {
        "S0001": "matched",
        "S0002": "registered",
        "S\x1b[2J3": "unregistered",
        "S0009": "matched",
    }
    first = found["S0001"]
    assert first["registered"]["name"] == "王明"
    assert first["differs"] == ["id_code", "officer"]
    assert (first["contacts"], first["findings"]) == (2, 2)
    latest = first["latest"]
    assert (latest["bay"], latest["firmware"], latest["id_code"]) == ("4", "2.0\x1b[2J", "AB123")
    assert (latest["battery_percent"], latest["clock_error"]) == (81, 7.0)
    assert latest["clock"] == {
        "recorder": "2026-08-04T10:00:07",
        "dock": "2026-08-04T02:00:00.000Z",
        "round_trip": 0.25,
    }
    assert latest["storages"][0]["serial"] == "1234-ABCD"
    assert (found["S0009"]["latest"], found["S0009"]["contacts"]) == (None, 0)


def test_one_recorder_has_its_history_and_findings(config: Path) -> None:
    document = told(config, "S0001")
    assert [each["bay"] for each in document["contacts"]] == ["4", "3"]
    assert [each["profile"] for each in document["contacts"]] == ["", "family-a"]
    kinds = {each["kind"]: (each["before"], each["after"]) for each in document["findings"]}
    assert kinds == {
        "firmware": ("1.0", "2.0\x1b[2J"),
        "card": ("1234-ABC0", "1234-ABCD"),
    }
    assert all(each["means"] for each in document["findings"])
    assert {each["serial"] for each in document["volumes"]} == {"1234-ABC0", "1234-ABCD"}
    assert len(told(config, "S0001", "--limit", "1")["contacts"]) == 1
    assert told(config, "S0009")["contacts"] == []


def test_tables_fit_and_no_recorder_paints_them(config: Path) -> None:
    table = bodydock("recorders", "--config", str(config)).stdout
    history = bodydock("recorders", "S0001", "--config", str(config)).stdout
    absent = bodydock("recorders", "S0009", "--config", str(config)).stdout
    assert "\x1b" not in table + history + absent
    for words in ("310000-0042 王明", "unregistered", "81 %", "+7.0 s", "never", "Acme A1"):
        assert words in table
    for words in (
        "matched",
        "says model Acme A1",
        "differs from its registration in id_code, officer",
        "1234-ABCD",
    ):
        assert words in history
    assert "another firmware: 1.0 before, 2.0\\u{1b}[2J now" in history
    assert "not ended" in history
    assert "never docked here" in absent
    assert "no findings" in absent


def test_a_narrow_list_says_the_same_but_model_and_firmware(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.cli.recorders.console", lambda: Console(width=80))
    table = CliRunner().invoke(recorders, ["--config", str(config)]).output
    assert all(cell_len(line) <= 80 for line in table.splitlines())
    headings = ["serial", "officer", "bay", "seen", "battery", "clock", "findings"]
    assert table.splitlines()[0].split() == headings
    for words in ("310000-0042 王明", "unregistered,", "81 %", "+7.0 s", "never"):
        assert words in table
    assert "…" not in table


def test_an_unknown_recorder_is_wrong_usage(config: Path) -> None:
    done = bodydock("recorders", "S\x1b[1m", "--config", str(config))
    assert done.returncode == 2
    assert "no recorder S\\u{1b}[1m was ever docked here" in done.stderr


def test_clips_tell_local_time_and_interval_side_by_side(config: Path) -> None:
    (clip,) = json.loads(bodydock("clips", "--json", "--config", str(config)).stdout)
    assert clip["facts"] == {
        "kind": "log",
        "profile": "family-a",
        "device": "CAM1",
        "officer": "000001",
        "marked": True,
        "time": {
            "local": "2026-08-04T09:00:00",
            "source": "name",
            "zone_offset": 28_800.0,
            "clock_error": 7.0,
            "earliest": "2026-08-04T00:59:51.000Z",
            "latest": "2026-08-04T00:59:55.000Z",
        },
    }
    assert "DCIM/A.mp4" in bodydock("clips", "--config", str(config)).stdout
