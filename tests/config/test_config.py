"""Configuration: a fault is refused with its line and its reason, and all faults at once."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config import ArchiveConfig, DockConfig, load
from agent.config.fields import parse_size
from agent.errors import ConfigError

KEY = "ed25519:" + "ab" * 32
GOOD = f"""
[dock]
id = "dock-1"

[archive]
keys = ["{KEY}"]
"""


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "dock.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refusal(folder: Path, text: str | bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        load(DockConfig, written(folder, text))
    assert caught.value.exit_code == 78
    return str(caught.value)


def test_the_least_that_works(tmp_path: Path) -> None:
    config = load(DockConfig, written(tmp_path, GOOD))
    assert config.dock.id == "dock-1"
    assert config.spool.quota == 100 * 2**30
    assert config.bay == []


AGE = "age1" + "q" * 58


def test_the_readme_shows_configurations_that_load(tmp_path: Path) -> None:
    readme = Path(__file__).parents[2].joinpath("README.md").read_text("utf-8")
    blocks = [part.split("```")[0] for part in readme.split("```toml\n")[1:]]
    assert len(blocks) == 4
    filled = [block.replace("ed25519:…", KEY).replace("age1…", AGE) for block in blocks]
    archive, dock, further, below = filled
    loaded = load(ArchiveConfig, written(tmp_path, "\n".join(_unindented(archive))))
    assert loaded.archive.floor == 5 * 2**30
    assert load(DockConfig, written(tmp_path, "\n".join(_unindented(dock)))).bay[0].port == "1-1.1"
    with_more = f'[dock]\nid = "dock-1"\n[archive]\nkeys = ["{KEY}"]\n{further}'
    more = load(DockConfig, written(tmp_path, with_more))
    assert (more.clearing.mode, more.spool.encrypt_to) == ("on", AGE)
    of_archive = f'[archive]\nid = "county"\nreceiver = "county-1"\n{below}'
    assert load(ArchiveConfig, written(tmp_path, of_archive)).archive.tree.startswith("{unit}")


def _unindented(block: str) -> list[str]:
    return [line.removeprefix("   ") for line in block.splitlines()]


@pytest.mark.parametrize(
    ("line", "at", "reason"),
    [
        ('[spool]\nquotta = "1 GiB"', 9, "spool.quotta: unknown key"),
        ("[spool]\nquota = 5", 9, "spool.quota: a size is a text"),
        ('[spool]\nquota = "5 GB"', 9, "spool.quota: a size is a text"),
        ('[broker]\nport = "1883"', 9, "broker.port: Input should be a valid integer"),
        ("[broker]\nport = 70000", 9, "broker.port: Input should be less than"),
        ('[spool]\ndigests = ["md5"]', 9, "spool.digests.0"),
        ('[[bay]]\nname = "1"\nport = "left"', 10, "bay.0.port"),
        ('[[bay]]\nname = "1"', 8, "bay.0.port: is missing"),
        ("[recorders]\npoll_seconds = 0.01", 9, "recorders.poll_seconds"),
        ("[wheels]\nround = true", 8, "wheels: unknown key"),
        ('[spool]\nfloor = "1 GiB"\n[[spool.wheel]]\nround = 1', 10, "spool.wheel: unknown key"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, line: str, at: int, reason: str) -> None:
    said = refusal(tmp_path, GOOD + "\n" + line)
    assert f"dock.toml:{at}: {reason}" in said


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    said = refusal(tmp_path, '[dock]\nid = "a b"\n[broker]\nkeepalive = 1\n')
    assert len(said.splitlines()) == 3
    assert "archive: is missing" in said


def test_faults_are_named_in_the_order_of_their_lines(tmp_path: Path) -> None:
    said = refusal(tmp_path, '[wheels]\n[broker]\nkeepalive = 1\n[dock]\nid = "a b"\n')
    lines = [int(line.split("dock.toml:")[1].split(":")[0]) for line in said.splitlines()]
    assert lines == [1, 1, 3, 5]


def test_what_a_person_can_do_is_said(tmp_path: Path) -> None:
    assert "`bodydock archive key`" in refusal(tmp_path, GOOD.replace(KEY, "ed25519:…"))
    assert 'such as "1-1.3"' in refusal(tmp_path, GOOD + '[[bay]]\nname = "1"\nport = "left"\n')
    assert 'begins with "/"' in refusal(tmp_path, GOOD.replace('"dock-1"', '"d"\nstate = "here"'))
    assert "no time zone" in refusal(tmp_path, GOOD + '[recorders]\nzone = "../../etc"\n')
    assert "a day away" in refusal(tmp_path, GOOD + '[recorders]\nzone = "+99:00"\n')


def test_a_pipe_is_no_configuration_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="no regular file"):
        load(DockConfig, tmp_path / "pipe")


def test_a_missing_password_file_names_its_key(tmp_path: Path) -> None:
    config = load(DockConfig, written(tmp_path, GOOD + '[broker]\npassword_file = "/nowhere"\n'))
    with pytest.raises(ConfigError, match=r"broker\.password_file"):
        config.broker.password()


def test_a_fault_cannot_paint_the_terminal(tmp_path: Path) -> None:
    assert "\x1b" not in refusal(tmp_path, GOOD + '[spool]\n"e\\u001b]0;x" = 1\n')


def test_two_bays_on_one_port_are_refused(tmp_path: Path) -> None:
    bays = '[[bay]]\nname = "1"\nport = "1-1"\n[[bay]]\nname = "2"\nport = "1-1"\n'
    assert "bay port 1-1 is given twice" in refusal(tmp_path, GOOD + bays)


def test_what_is_no_toml_no_text_or_not_there(tmp_path: Path) -> None:
    assert "line 1" in refusal(tmp_path, "dock = 1 2")
    assert "not UTF-8 text at byte 0" in refusal(tmp_path, b"\xff\xfe")
    assert "nested too deeply" in refusal(tmp_path, "a = " + "[" * 100_000)
    with pytest.raises(ConfigError, match="no such file"):
        load(DockConfig, tmp_path / "nowhere.toml")
    with pytest.raises(ConfigError, match="directory"):
        load(DockConfig, tmp_path)


@given(st.binary(max_size=300))
def test_any_bytes_load_or_are_refused(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), GOOD.encode() + raw)
        try:
            load(DockConfig, path)
        except ConfigError as error:
            said = str(error)
        else:
            said = str(path)
        assert str(path) in said


def test_a_secret_comes_from_a_file_and_shows_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("rosebud\n", "utf-8")
    config = load(DockConfig, written(tmp_path, GOOD + f'[broker]\npassword_file = "{secret}"\n'))
    assert config.broker.password() == "rosebud"
    assert "rosebud" not in repr(config)
    (tmp_path / "broker-password").write_text("from systemd", "utf-8")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert config.broker.password() == "from systemd"


@pytest.mark.parametrize(
    ("text", "size"), [("0 B", 0), ("1KiB", 1024), ("3 GiB", 3 * 2**30), ("2 TiB", 2 * 2**40)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size
