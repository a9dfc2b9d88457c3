"""The archive's key changes in two steps, and what the old one signed still counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.archive.catalogue import Catalogue
from agent.archive.own_keys import CREDENTIAL, OwnKeys, signing_key
from agent.archive.settings import CATALOGUE, KEY
from agent.cli.main import cli
from agent.custody.fingerprint import fingerprint
from agent.custody.keys import SecretKey
from agent.custody.orders import Order
from agent.custody.pinned import Pinned
from agent.errors import KeyUnusable, UsageError

AT = "2026-11-23T08:00:00.000Z"
ORDER = Order("rotate-key", who="王芳", why="yearly", approval="2026-17")


def test_the_next_key_signs_only_after_the_second_step(tmp_path: Path) -> None:
    own = OwnKeys(tmp_path, "county")
    old = own.secret.public
    with pytest.raises(UsageError, match="no next key"):
        own.switch()
    own.rotate(ORDER, AT)
    new = own.upcoming
    assert new is not None
    again = OwnKeys(tmp_path, "county")
    assert (again.secret.public, again.upcoming, again.waits) == (old, new, True), "no start counts"
    assert list(Pinned([old], again.newest)) == [new, old]
    with pytest.raises(UsageError, match="waits already"):
        own.rotate(ORDER, AT)
    own.switch()
    assert (own.secret.public, own.upcoming, own.waits) == (old, new, False)
    with pytest.raises(UsageError, match="start the receiver"):
        own.rotate(ORDER, AT)
    after = OwnKeys(tmp_path, "county")
    assert (after.secret.public, after.upcoming, after.former) == (new, None, [old])
    assert after.ever == [new, old]


def test_many_changes_lead_from_the_first_key_to_the_last(tmp_path: Path) -> None:
    first = OwnKeys(tmp_path, "county").secret.public
    for _ in range(3):
        own = OwnKeys(tmp_path, "county")
        own.rotate(ORDER, AT)
        own.switch()
    own = OwnKeys(tmp_path, "county")
    assert Pinned([first], own.newest)[0] == own.secret.public
    assert (len(own.former), own.former[-1]) == (3, first)


def test_a_crash_between_key_and_statement_is_mended_by_the_order_again(tmp_path: Path) -> None:
    own = OwnKeys(tmp_path, "county")
    made = SecretKey.load_or_make((tmp_path / KEY).with_suffix(".next.pem")).public
    assert OwnKeys(tmp_path, "county").upcoming is None
    with pytest.raises(UsageError):
        own.switch()
    assert own.rotate(ORDER, AT)["new"] == made.text


def test_a_key_from_another_backup_is_refused(tmp_path: Path) -> None:
    own = OwnKeys(tmp_path, "county")
    own.rotate(ORDER, AT)
    own.switch()
    (tmp_path / KEY).unlink()
    signing_key(tmp_path)
    with pytest.raises(KeyUnusable, match="is not the key"):
        OwnKeys(tmp_path, "county")


def test_none_is_made_by_who_only_looks(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="not there"):
        OwnKeys(tmp_path, "county", make=False)
    assert not (tmp_path / KEY).exists()


def test_a_key_that_systemd_hands_over_wins_and_is_not_changed_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = SecretKey.load_or_make(tmp_path / "credentials" / CREDENTIAL).public
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    own = OwnKeys(tmp_path, "county")
    assert own.secret.public == given
    for act in (own.switch, lambda: own.rotate(ORDER, AT)):
        with pytest.raises(UsageError, match="systemd"):
            act()


class TestCommands:
    @pytest.fixture
    def config(self, tmp_path: Path) -> Path:
        root = tmp_path / "archive"
        root.mkdir()
        dock = SecretKey.load_or_make(tmp_path / "dock.pem").public
        with Catalogue(root / CATALOGUE, archive="county", epoch="e") as catalogue:
            catalogue.pin("d-2", dock, AT)
        path = tmp_path / "archive.toml"
        table = f'id = "county"\nreceiver = "r-1"\nroot = "{root}"\n'
        path.write_text(f'[archive]\n{table}[docks]\nd-1 = "{dock.text}"\n', "utf-8")
        return path

    def run(self, config: Path, *words: str, code: int = 0) -> Any:
        done = CliRunner().invoke(
            cli, ["archive", "keys", *words, "--config", str(config), "--json"]
        )
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if code == 0 else done.output

    def test_rotate_switch_and_see(self, config: Path, tmp_path: Path) -> None:
        by = ("--by", "王芳", "--why", "每年一次")
        assert [row["role"] for row in self.run(config)] == [
            "signs",
            "configured",
            "pinned when first seen",
        ]
        made = self.run(config, "rotate", *by, "--approval", "2026-17")
        rows = self.run(config)
        assert [row["role"] for row in rows[:2]] == ["signs", "next, signs after `switch`"]
        assert rows[1]["fingerprint"] == made["fingerprint"]
        self.run(config, "rotate", *by, code=1)
        assert self.run(config, "switch", *by)["new"] == rows[1]["key"]
        self.run(config, "switch", *by, code=1)
        rows = self.run(config)
        assert [row["role"] for row in rows[:2]] == ["signs", "gave way"]
        assert rows[0]["key"] == made["new"]
        (change,) = self.run(config, "changes")
        assert (change["owner"], change["by"], change["approval"]) == (
            "archive/county",
            "王芳",
            "2026-17",
        )
        with Catalogue(tmp_path / "archive" / CATALOGUE, archive="county", epoch="e") as catalogue:
            told = [json.loads(row["what"]) for row in catalogue._rows("select * from journal")]
        assert [each["event"] for each in told] == ["rotated", "switch ordered"]
        assert told[0]["why"] == "每年一次"

    def test_people_read_it(self, config: Path, tmp_path: Path) -> None:
        done = CliRunner().invoke(cli, ["archive", "keys", "--config", str(config)])
        assert done.exit_code == 0
        key = signing_key(tmp_path / "archive").public
        assert f"archive county (signs)\n    {fingerprint(key)}\n" in done.output
