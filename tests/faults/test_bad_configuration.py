"""A configuration that cannot be used ends the process at once, with status 78 and a reason."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaign.yard import ROOT

KEY = "ed25519:" + "0" * 64
GOOD = f"""
[dock]
id = "dock-1"
state = "STATE"
runtime = "STATE/run"

[archive]
keys = ["{KEY}"]
"""
ARCHIVE = """
[archive]
id = "county"
receiver = "county-1"
root = "STATE"
"""
BAD_CONFIGURATION, FAILED, NO_PERMISSION = 78, 1, 77


def run(tmp_path: Path, *command: str, text: str) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "it.toml"
    path.write_text(text.replace("STATE", str(tmp_path / "state")), "utf-8")
    return subprocess.run(
        [sys.executable, "-m", "agent.cli", *command, "--config", str(path)],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def assert_says(done: subprocess.CompletedProcess[str], status: int, words: str) -> None:
    assert (done.returncode, "Traceback" in done.stderr) == (status, False), done.stderr
    assert words in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[dock]", "[dock", "it.toml:2: "),
        ("[dock]", "[dock]\nnmae = 1", "it.toml:3: dock.nmae: unknown key"),
        ('id = "dock-1"', "", "dock.id: is missing"),
        ('id = "dock-1"', 'id = "a/b"', "it.toml:3: dock.id"),
        ("ed25519:0", "rsa:0", "archive.keys"),
        ("[archive]", '[spool]\nquota = "much"\n[archive]', "a size is a text such as"),
        ("[archive]", "[spool]\nhold_hours = -1\n[archive]", "spool.hold_hours"),
        ("[archive]", '[broker]\npassword_file = "/nowhere"\n[archive]', "/nowhere: no such file"),
        ("[archive]", "[archive]\n\N{REPLACEMENT CHARACTER} = \x00", "it.toml:8: "),
    ],
)
def test_a_dock_does_not_start(old: str, new: str, words: str, tmp_path: Path) -> None:
    assert_says(run(tmp_path, "run", text=GOOD.replace(old, new)), BAD_CONFIGURATION, words)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[archive]", "[archive", "it.toml:2: "),
        ('id = "county"', "id = 7", "it.toml:3: archive.id"),
        ('id = "county"', 'id = "county"\nwindow = "1 MiB"', "window"),
        ("[archive]", '[docks]\nd = "ed25519:xyz"\n[archive]', "docks.d"),
    ],
)
def test_an_archive_does_not_start(old: str, new: str, words: str, tmp_path: Path) -> None:
    done = run(tmp_path, "archive", "run", text=ARCHIVE.replace(old, new))
    assert_says(done, BAD_CONFIGURATION, words)


@pytest.mark.parametrize("command", [("run",), ("archive", "run")])
def test_a_state_that_is_no_folder_is_said_in_words(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("a file", "ascii")
    text = GOOD if command == ("run",) else ARCHIVE
    assert_says(run(tmp_path, *command, text=text), FAILED, "File exists")


@pytest.mark.parametrize("content", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_a_key_that_is_none_is_not_replaced(content: str, tmp_path: Path) -> None:
    key = tmp_path / "state" / "keys" / "dock.pem"
    key.parent.mkdir(parents=True)
    key.write_text(content, "ascii")
    key.chmod(0o600)
    assert_says(run(tmp_path, "run", text=GOOD), NO_PERMISSION, "dock.pem")
    assert key.read_text("ascii") == content
