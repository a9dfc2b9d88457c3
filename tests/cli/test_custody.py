"""`bodydock custody` and `bodydock archive custody`, beside no daemon."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.archive.settings import CATALOGUE, KEY
from agent.cli.main import cli
from agent.config import DockConfig, load
from agent.custody.keys import SecretKey
from agent.custody.log import settings_digest, tell_start
from tests.custody.far import ARCHIVE, DOCK, Archive, Dock, ManualClock, settle

Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """A dock whose log is cosigned, and its archive; both stopped."""
    dock_key = SecretKey.load_or_make(tmp_path / "keys" / "dock.pem")
    archive_key = SecretKey.load_or_make(tmp_path / KEY)
    dock_file, archive_file = tmp_path / "dock.toml", tmp_path / "archive.toml"
    dock_file.write_text(
        f'[dock]\nid = "{DOCK}"\nstate = "{tmp_path}"\nruntime = "{tmp_path}"\n'
        f'[recorders]\nzone = "+08:00"\n[archive]\nkeys = ["{archive_key.public.text}"]\n',
        "utf-8",
    )
    archive_file.write_text(
        f'[archive]\nid = "{ARCHIVE}"\nreceiver = "r1"\nroot = "{tmp_path}"\n'
        f'[docks]\n{DOCK} = "{dock_key.public.text}"\n',
        "utf-8",
    )
    clock = ManualClock()
    dock = Dock(tmp_path / "ledger.db", clock, dock_key, archive_key)
    far = Archive(tmp_path, clock, archive_key, dock_1=dock_key)
    tell_start(dock.ledger, load(DockConfig, dock_file))
    dock.grow(4)
    dock.connect()
    settle(dock, far)
    dock.close()
    far.close()

    def run(*arguments: str) -> Result:
        file = archive_file if arguments[0] == "archive" else dock_file
        env = {"COLUMNS": "80"}
        words = [*arguments, "--config", str(file)]
        return CliRunner(env=env).invoke(cli, words, standalone_mode=False)

    return run


def sql(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)


def test_it_shows_how_far_the_log_is_signed(call: Call) -> None:
    done = call("custody", "show")
    assert done.exit_code == 0
    assert "6 entries, 6 signed, 6 cosigned" in done.output
    assert "configured" in done.output
    told = json.loads(call("custody", "show", "--json", "--limit", "2").output)
    assert [each["number"] for each in told["log"]] == [4, 5]
    assert call("custody", "show", "--clip", "ab").exit_code != 0


def test_both_ends_are_sound(call: Call) -> None:
    for command in (["custody", "verify"], ["archive", "custody", "verify", DOCK]):
        done = call(*command)
        assert done.exit_code == 0, done.output
        assert done.output.endswith("6 entries, 6 signed, 6 cosigned, 0 proofs\nSOUND\n")
    assert call("archive", "custody", "verify").exception
    assert call("archive", "custody", "verify", "nobody").exception


def test_a_changed_ledger_is_not_sound(call: Call, tmp_path: Path) -> None:
    sql(tmp_path / "ledger.db", "UPDATE custody SET entry = replace(entry, 'dock', 'duck')")
    done = call("custody", "verify", "--json")
    assert json.loads(done.output)["faults"]
    assert done.return_value == 1
    assert call("archive", "custody", "verify", "--all").return_value == 0


def test_a_changed_copy_is_not_sound(call: Call, tmp_path: Path) -> None:
    sql(tmp_path / CATALOGUE, "DELETE FROM custody WHERE n = 2")
    done = call("archive", "custody", "verify", "--all")
    assert "wrong: custody log of dock-1: entry 2 is missing" in done.output
    assert done.return_value == 1


@pytest.mark.parametrize("end", [["custody", "export"], ["archive", "custody", "export", DOCK]])
def test_what_is_handed_out_is_sound(call: Call, end: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert call(*end, str(folder)).exit_code == 0
    assert call("custody", "verify", str(folder)).return_value == 0
    newest = max((folder / "checkpoints").iterdir())
    assert call("custody", "verify", str(folder), "--checkpoint", str(newest)).return_value == 0
    stranger = "ed25519:" + "ab" * 32
    assert call("custody", "verify", str(folder), "--key", stranger).return_value == 1
    log = folder / "log.jsonl"
    log.write_bytes(log.read_bytes().replace(b"started", b"stopped", 1))
    assert call("custody", "verify", str(folder)).return_value == 1
    assert call(*end, str(folder)).exception, "it is not written over"


def test_a_restart_needs_a_trouble(call: Call) -> None:
    order = ("--by", "R. Liu", "--why", "why not")
    assert call("archive", "custody", "restart", DOCK, *order).exception


def test_settings_are_told_once_and_again_when_they_change(tmp_path: Path) -> None:
    dock = Dock(tmp_path / "ledger.db", ManualClock())
    path = tmp_path / "dock.toml"
    texts = ('[dock]\nid = "d"\n', '[dock]\nid = "d"\n[recorders]\nzone = "Asia/Shanghai"\n')
    for text in (texts[0], texts[0], texts[1]):
        path.write_text(f'{text}[archive]\nkeys = ["ed25519:{"ab" * 32}"]\n', "utf-8")
        tell_start(dock.ledger, load(DockConfig, path))
    kinds = [json.loads(each)["kind"] for each in dock.ledger.journal.lines()]
    assert kinds == ["started", "configured", "started", "started", "configured"]
    assert len(settings_digest(load(DockConfig, path))) == 64
    dock.close()
