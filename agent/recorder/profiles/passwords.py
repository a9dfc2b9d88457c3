"""A recorder's password: the operator's own, else the one that its maker prints in the manual."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from agent.config.strict import read_text
from agent.errors import ConfigError, NotPermitted
from agent.recorder.profiles.model import Profile
from agent.recorder.profiles.secret import Secret

PASSWORD_LIMIT = 1024
"""Bytes in a password's file."""


def password_for(profile: Profile, folder: Path) -> Secret:
    """systemd's credential, else the file in `folder`, else the profile's default.

    Raises `ConfigError`, which never shows the password, where there is none or its file cannot
    be used.
    """
    if profile.password is None:
        raise ConfigError(
            f"profile {profile.id} has no [password], but its recorder asks for one",
            do="add [password] to the profile",
        )
    name = profile.password.name or profile.id
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    own = folder / name
    for path in (*([Path(credentials) / name] if credentials else []), own):
        if _is_there(path):
            return _read(path)
    if profile.password.default is None:
        raise ConfigError(
            f"no password for profile {profile.id}",
            do=f"write it into {own}, readable by the group bodydock and by nobody else",
        )
    return profile.password.default


def _is_there(path: Path) -> bool:
    """Whether there is such a file; one that is everybody's is refused."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise ConfigError(
            f"{path}: everybody on this machine may read or change it", do=f"chmod o= {path}"
        )
    return True


def _read(path: Path) -> Secret:
    try:
        text = read_text(path, limit=PASSWORD_LIMIT).rstrip("\r\n")
    except NotPermitted as error:
        raise ConfigError(error.what, do="let the group bodydock read it") from error
    if not text:
        raise ConfigError(f"{path}: is empty", do="write the recorder's password into it")
    return Secret(text)
