"""`--help`: at once, whole lines only, and in the words of the commands themselves."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from agent.cli.main import _ADDED_HELPS, _COMMANDS, cli

LISTED = {name: words for name, (_, words) in _COMMANDS.items()} | _ADDED_HELPS


def command(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return found


def groups() -> list[tuple[str, ...]]:
    return [(), *((n,) for n in sorted(LISTED) if isinstance(command(n), click.Group))]


@pytest.mark.parametrize("name", sorted(LISTED))
def test_the_list_says_what_the_command_says(name: str) -> None:
    assert command(name).short_help == LISTED[name]


def test_every_command_is_listed() -> None:
    assert set(cli.list_commands(click.Context(cli))) == set(LISTED)


@pytest.mark.parametrize("path", groups(), ids=" ".join)
def test_no_help_is_cut_off_at_80_columns(path: tuple[str, ...]) -> None:
    done = CliRunner(env={"COLUMNS": "80"}).invoke(cli, [*path, "--help"])
    assert done.exit_code == 0
    rows = done.output.partition("Commands:\n")[2].splitlines()
    assert rows
    assert all(row.endswith(".") and not row.endswith("...") for row in rows), done.output
    assert all(len(row) <= 80 for row in rows)


def test_listing_imports_no_command() -> None:
    program = (
        "import json, sys\nfrom agent.cli.main import cli\n"
        "cli.main(['--help'], standalone_mode=False)\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert not loaded & {"pydantic", "rich", "usb", "hwsim", "agent.config", "agent.cli.run"}


def test_a_command_of_others_is_imported_to_be_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command(short_help="Weigh a recorder.")
    def weigh() -> None: ...

    class Point:
        def load(self) -> click.Command:
            return weigh

    monkeypatch.setattr("agent.cli.main._added", lambda: {"weigh": Point()})
    assert re.search(r"weigh +Weigh a recorder\.", CliRunner().invoke(cli, ["--help"]).output)
