"""`bodydock export`: what it refuses, what it leaves behind, and what stays on record."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.custody.orders import DOOR, Office, order_of
from agent.custody.orders_table import HANDLERS
from agent.link.door import Caller, Door
from agent.spool.ledger import Ledger

from .docks import Bagger, answer, commands, fill, wrong


@pytest.fixture
def dock(tmp_path: Path) -> Bagger:
    return fill(tmp_path)


def on_record(dock: Bagger) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(dock.run("exports", "--json").stdout)
    return found


def test_what_was_supplied_stays_on_record(dock: Bagger) -> None:
    told = answer(dock.export("one"))
    (found,) = on_record(dock)
    assert found["stage"] == "supplied"
    assert found["ended"]["tagmanifest_sha256"] == told["tagmanifest_sha256"]
    assert found["begun"]["receiver"] == "李四 <法院>"
    assert found["begun"]["approval"] == "京公执〔2026〕12号"
    assert found["begun"]["medium"].endswith("/one")
    assert found["by"] == "张三"
    assert told["id"] in dock.run("exports").stdout


def test_the_bag_proves_that_its_export_is_on_record(dock: Bagger) -> None:
    told = answer(dock.export("one"))
    proofs = [json.loads(p.read_bytes()) for p in dock.media.rglob("proofs/*.json")]
    entries = [json.loads(proof["entry"]) for proof in proofs]
    meant = [each for each in entries if each["kind"] == "exported"]
    assert {each["what"]["export"] for each in meant} == {told["id"]}
    assert {each["clip"] for each in meant} == set(dock.clips)
    assert {"found", "sealed", "offered", "receipted"} <= {each["kind"] for each in entries}


@pytest.mark.parametrize("missing", ["--by", "--approval", "--receiver"])
def test_it_names_who_for_whom_and_by_whose_word(dock: Bagger, missing: str) -> None:
    words = {"--by": "a", "--approval": "b", "--receiver": "c"}
    for without in ({}, {missing: " "}):
        given = {**words, **without}
        if not without:
            del given[missing]
        options = [part for pair in given.items() for part in pair]
        done = dock.run("export", "--clip", dock.clips[0], *options, "--to", str(dock.media / "x"))
        assert done.returncode == 2
        assert missing in done.stderr
    assert list(dock.media.iterdir()) == []
    assert on_record(dock) == []


def test_nothing_asked_for_and_nothing_found_are_two_things(dock: Bagger) -> None:
    done = dock.export("x", clips=[])
    assert (done.returncode, "say which clips" in done.stderr) == (2, True)
    done = dock.export("x", "--case", "no such", clips=[])
    assert (done.returncode, "no clip fits" in done.stderr) == (2, True)
    done = dock.export("x", "--clip", "ffff", clips=[])
    assert (done.returncode, "no clip's id" in done.stderr) == (2, True)
    assert list(dock.media.iterdir()) == []


@pytest.mark.parametrize("there", ["x", "x.incomplete"])
def test_an_existing_target_is_refused_untouched(dock: Bagger, there: str) -> None:
    (dock.media / there).mkdir()
    (dock.media / there / "mine").write_text("mine")
    done = dock.export("x")
    assert done.returncode == 2
    assert "is there already" in done.stderr
    assert [path.name for path in dock.media.rglob("*")] == [there, "mine"]
    assert on_record(dock) == []


def test_a_damaged_clip_stops_it_by_name(dock: Bagger) -> None:
    clip = dock.clips[1]
    path = dock.folder / "dock" / "clips" / clip[:2] / clip
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    done = dock.export("x")
    assert done.returncode == 1
    assert clip in done.stderr
    assert "出警 现场.MP4" in done.stderr
    assert not (dock.media / "x").exists()
    assert (dock.media / "x.incomplete" / "INCOMPLETE.txt").exists()
    (found,) = on_record(dock)
    assert found["stage"] == "failed"
    assert clip in found["ended"]["words"]


def test_clips_are_found_by_officer_and_time(dock: Bagger) -> None:
    told = answer(dock.export("a", "--officer", "001234", clips=[]))
    assert told["clips"] == 3
    answer(dock.export("b", "--since", "2026-08-04T10:00:00+08:00", clips=[]))
    assert dock.export("c", "--until", "2026-08-04T10:00:00+08:00", clips=[]).returncode == 2
    assert dock.export("d", "--officer", "999", clips=[dock.clips[0]]).returncode == 2
    assert "no time zone" in dock.export("e", "--since", "2026-08-04", clips=[]).stderr


@pytest.mark.parametrize("when", [1, 12, 30, 45, 60_000])
def test_killed_at_any_sync_it_is_visibly_unfinished(dock: Bagger, when: int) -> None:
    """A run has 48 syncs of files and folders; with the last number it gets through."""
    to = dock.media / "x"
    command = [
        *("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync"),
        *("-e", f"inject=fsync:signal=KILL:when={when}"),
        *(sys.executable, "-m", "agent.cli", "export", "--config", str(dock.config)),
        *("--clip", dock.clips[0], "--to", str(to)),
        *("--by", "a", "--approval", "b", "--receiver", "c"),
    ]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    (found,) = on_record(dock) or [{"stage": "nothing was begun"}]
    if when == 60_000:
        assert wrong(to, commands(to)) == []
        assert found["stage"] == "supplied"
    else:
        assert done.returncode != 0
        assert not to.exists()
        assert found["stage"] in {"nothing was begun", "begun"}
        left = dock.media / "x.incomplete"
        assert left.is_dir()
        assert (left / "INCOMPLETE.txt").exists()


def test_an_export_while_the_dock_runs(dock: Bagger) -> None:
    """Its orders go through the daemon's door; nobody else may write the ledger then."""
    state = dock.folder / "dock"
    (state / "run").mkdir()
    with closing(Ledger(state / "ledger.db", SystemClock())) as ledger:
        office = Office(ledger, HANDLERS)

        def reply(asked: dict[str, Any], caller: Caller) -> dict[str, Any]:
            return office.carry_out(order_of(asked, via=f"uid {caller.uid}"))

        with closing(Door(state / "run" / DOOR, reply)):
            answer(dock.export("live"))
            (found,) = on_record(dock)
    assert found["stage"] == "supplied"
    assert found["begun"]["via"] == f"uid {os.getuid()}"
    assert wrong(dock.media / "live", commands(dock.media / "live")) == []
