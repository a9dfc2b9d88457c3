"""Where a recorder's password comes from, and that it shows nowhere."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest

from agent.errors import ConfigError
from agent.recorder.profiles.load import load_profile
from agent.recorder.profiles.model import Profile
from agent.recorder.profiles.passwords import PASSWORD_LIMIT, password_for
from agent.recorder.profiles.secret import Secret

from .texts import text, written

WORD = "rosebud-忆"


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


def profile(folder: Path, lines: str = '[password]\ndefault = "000000"') -> Profile:
    return load_profile(written(folder, text("acme", 'usb = "1209:0001"', more=lines)))


def kept(folder: Path, name: str, word: str | bytes = WORD + "\n", mode: int = 0o640) -> Path:
    path = written(folder, word, name)
    path.chmod(mode)
    return path


def test_a_credential_comes_before_a_file_before_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = profile(tmp_path)
    assert password_for(one, tmp_path / "nowhere") == Secret("000000")
    kept(tmp_path / "p", "acme")
    assert password_for(one, tmp_path / "p").reveal() == WORD
    kept(tmp_path / "c", "acme", "from systemd", 0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "c"))
    assert password_for(one, tmp_path / "p") == Secret("from systemd")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "empty"))
    assert password_for(one, tmp_path / "p").reveal() == WORD


def test_profiles_can_share_a_password_by_its_name(tmp_path: Path) -> None:
    kept(tmp_path, "station-7")
    assert password_for(profile(tmp_path, '[password]\nname = "station-7"'), tmp_path) == Secret(
        WORD
    )


def test_where_there_is_none_it_is_said_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=rf"no password for profile acme; write it into {tmp_path}"
    ):
        password_for(profile(tmp_path, "[password]"), tmp_path)
    with pytest.raises(ConfigError, match=r"acme has no \[password\]"):
        password_for(profile(tmp_path, ""), tmp_path)


@pytest.mark.parametrize("mode", [0o644, 0o666, 0o602])
def test_a_file_that_is_everybodys_is_refused(tmp_path: Path, mode: int) -> None:
    kept(tmp_path, "acme", mode=mode)
    with pytest.raises(ConfigError, match=f"chmod o= {tmp_path}/acme"):
        password_for(profile(tmp_path), tmp_path)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (b"\n", "is empty"),
        (b"\xff\xfe", "not UTF-8"),
        (b"x" * (PASSWORD_LIMIT + 1), "longer than"),
    ],
)
def test_a_bad_file_is_no_reason_to_try_the_default(
    tmp_path: Path, word: bytes, reason: str
) -> None:
    kept(tmp_path, "acme", word)
    with pytest.raises(ConfigError, match=reason):
        password_for(profile(tmp_path), tmp_path)


def test_only_a_regular_file_counts(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "acme", 0o600)
    with pytest.raises(ConfigError, match="no regular file"):
        password_for(profile(tmp_path), tmp_path)
    with pytest.raises(ConfigError, match="File name too long"):
        password_for(profile(tmp_path), tmp_path / ("x" * 300))


def test_a_password_shows_itself_nowhere(tmp_path: Path) -> None:
    one = profile(tmp_path, f'[password]\ndefault = "{WORD}"')
    secret = password_for(one, tmp_path)
    assert secret.reveal() == WORD
    shown = [repr(secret), str(secret), f"{secret}", repr(one), str(one), str(one.model_dump())]
    with pytest.raises(ConfigError) as caught:
        load_profile(written(tmp_path, text("a", 'usb = "1209:0001"\n', more=(
            f'[password]\ndefault = "{WORD}"\nname = "{WORD}"'))))  # fmt: skip
    shown += [str(caught.value), *traceback.format_exception(caught.value)]
    kept(tmp_path, "acme", WORD.encode() + b"\xff")
    with pytest.raises(ConfigError) as caught:
        password_for(one, tmp_path)
    shown.append(str(caught.value))
    assert [each for each in shown if WORD in each] == []
