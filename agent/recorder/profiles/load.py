"""Profiles from files: the shipped ones, and before them the dock's own.

A profile of the dock's own with the id of a shipped one stands in its place. One that cannot be
used is reported and left out; the dock works on with the others.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import agent
from agent.config.strict import read_table
from agent.errors import ConfigError, NotPermitted
from agent.recorder.profiles.model import Profile

log = logging.getLogger(__name__)

PROFILE_LIMIT = 256 * 1024
"""Bytes in a profile's file."""
MOST_FILES = 500


@dataclass(frozen=True, slots=True)
class Loaded:
    """One profile, its file, and whether that is the dock's own and not one of the shipped."""

    profile: Profile
    path: Path
    local: bool


@dataclass(frozen=True, slots=True)
class Profiles:
    """All that the dock can use, its own first, each kind by id. `faults` are lines for people
    about files that cannot be used.
    """

    loaded: tuple[Loaded, ...] = ()
    faults: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Loaded]:
        return iter(self.loaded)

    def get(self, profile_id: str) -> Profile | None:
        """The profile of that id; None where there is none."""
        return next((one.profile for one in self.loaded if one.profile.id == profile_id), None)


def shipped_folder() -> Path:
    """Where the profiles lie that came with this program: in the installed package, or beside it
    in a source checkout.
    """
    package = Path(agent.__file__).parent
    installed = package / "firmware_profiles"
    return installed if installed.is_dir() else package.parent / "firmware_profiles"


def load_profile(path: Path) -> Profile:
    """One file. Raises `ConfigError` with a line `file:line: key: reason` for every fault in it,
    `NotPermitted` where it may not be read.
    """
    return read_table(Profile, path, limit=PROFILE_LIMIT)


def load_profiles(shipped: Path | None, local: Path) -> Profiles:
    """As `read_profiles`; what cannot be used is in the log too, as errors."""
    profiles = read_profiles(shipped, local)
    for fault in profiles.faults:
        log.error("%s", fault)
    return profiles


def read_profiles(shipped: Path | None, local: Path) -> Profiles:
    """Every `*.toml` of both folders; None: no shipped ones. A folder `local` that is not there
    holds none. What cannot be used is in `faults`.
    """
    own, faults = _folder(local, local=True)
    came, more = _folder(shipped, local=False) if shipped else ([], [])
    if shipped and not came:
        more.append(f"{shipped}: holds no profiles; bodydock is not installed as it should be")
    taken = {one.profile.id for one in own}
    found = [*own, *(one for one in came if one.profile.id not in taken)]
    return Profiles(tuple(found), (*faults, *more))


def _folder(folder: Path, *, local: bool) -> tuple[list[Loaded], list[str]]:
    """The profiles of one folder by id, and the lines about what cannot be used."""
    found: dict[str, Loaded] = {}
    faults: list[str] = []
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".toml")
    except FileNotFoundError:
        return [], []
    except OSError as error:
        return [], [f"{folder}: {error.strerror}"]
    if len(paths) > MOST_FILES:
        faults.append(f"{folder}: more than {MOST_FILES} profiles; the others are left out")
    for path in paths[:MOST_FILES]:
        try:
            profile = load_profile(path)
        except (ConfigError, NotPermitted) as error:
            faults += str(error).splitlines()
            continue
        if before := found.get(profile.id):
            faults.append(f"{path}: id: {profile.id} is that of {before.path.name} too")
        else:
            found[profile.id] = Loaded(profile, path, local)
    return [found[each] for each in sorted(found)], faults
