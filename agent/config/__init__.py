"""The two configuration files, read strictly: an unknown key or a wrong value is refused.

`dock.toml` configures `bodydock run`, `archive.toml` configures `bodydock archive run`. Every
fault in a file is reported at once, each with its line. Secrets are never in these files, only
the names of files that hold them.
"""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.config.fields import (
    ByteSize,
    FilePath,
    Id,
    KeyText,
    Name,
    Port,
    PortPath,
    Zone,
)
from agent.config.lines import key_lines
from agent.errors import ConfigError, NotPermitted
from agent.model import printable

DOCK_FILE = Path("/etc/bodydock/dock.toml")
ARCHIVE_FILE = Path("/etc/bodydock/archive.toml")
FILE_LIMIT = 1024 * 1024
SECRET_LIMIT = 4096


class _Table(BaseModel):
    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", arbitrary_types_allowed=True
    )


class Broker(_Table):
    """`[broker]`: where the MQTT broker is and how it lets us in."""

    host: Annotated[str, Field(min_length=1, max_length=253)] = "127.0.0.1"
    port: Port = 1883
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    username: str | None = None
    password_file: FilePath | None = None
    keepalive: Annotated[int, Field(ge=5, le=600)] = 30

    def password(self) -> str | None:
        """The password from systemd's credential `broker-password`, else from `password_file`."""
        credentials = os.environ.get("CREDENTIALS_DIRECTORY")
        if credentials and (Path(credentials) / "broker-password").exists():
            return _secret(Path(credentials) / "broker-password")
        return _secret(self.password_file) if self.password_file else None


class Dock(_Table):
    """`[dock]`: who this dock is and where it keeps its state."""

    id: Id
    state: FilePath = Path("/var/lib/bodydock")
    runtime: FilePath = Path("/run/bodydock")


class Spool(_Table):
    """`[spool]`: how much the dock may hold, and which digests it makes beside BLAKE3."""

    quota: ByteSize = 100 * 2**30
    floor: ByteSize = 2 * 2**30
    digests: list[Literal["sha256", "sm3"]] = ["sha256"]
    hold_hours: Annotated[float, Field(ge=0, le=24 * 366, strict=False)] = 72.0


class Archive(_Table):
    """`[archive]` of a dock: the archive keys it trusts, two so that they can rotate."""

    keys: Annotated[list[KeyText], Field(min_length=1, max_length=2)]


class Recorders(_Table):
    """`[recorders]`: how recorders are treated.

    `zone` is the time zone that recorders show where they name none; left out, it is the dock's.
    """

    zone: Zone | None = None
    set_clock: bool = False
    poll_seconds: Annotated[float, Field(ge=0.1, le=60, strict=False)] = 1.0


class Bay(_Table):
    """`[[bay]]`: the name people know for one physical port, such as `1-1.3`."""

    name: Name
    port: PortPath


class DockConfig(_Table):
    """`dock.toml`. Without any `[[bay]]` every USB port is a bay, named by its port path."""

    dock: Dock
    broker: Broker = Broker()
    spool: Spool = Spool()
    archive: Archive
    recorders: Recorders = Recorders()
    bay: list[Bay] = []

    @property
    def ledger(self) -> Path:
        return self.dock.state / "ledger.db"

    @property
    def key(self) -> Path:
        return self.dock.state / "keys" / "dock.pem"

    @property
    def bay_names(self) -> dict[str, str]:
        return {bay.port: bay.name for bay in self.bay}


class Receiving(_Table):
    """`[archive]` of the archive: who it is and where it stores."""

    id: Id
    receiver: Id
    root: FilePath = Path("/var/lib/bodydock-archive")
    floor: ByteSize = 5 * 2**30
    window: ByteSize = 16 * 2**20


class ArchiveConfig(_Table):
    """`archive.toml`. `[docks]` pins dock keys; a dock not named there is trusted on first use."""

    archive: Receiving
    broker: Broker = Broker()
    docks: dict[Id, KeyText] = {}


C = TypeVar("C", DockConfig, ArchiveConfig)


def load(kind: type[C], path: Path) -> C:
    """Read a configuration file. Raises `ConfigError` with file, line and reason of each fault."""
    text = _read(path, FILE_LIMIT, "name another with --config")
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deeply") from error
    try:
        config = kind.model_validate(raw)
    except ValidationError as error:
        raise ConfigError("\n".join(_faults(path, text, error))) from error
    if isinstance(config, DockConfig):
        _check_bays(path, config)
    return config


def _check_bays(path: Path, config: DockConfig) -> None:
    for what, values in (
        ("port", [bay.port for bay in config.bay]),
        ("name", [bay.name for bay in config.bay]),
    ):
        if twice := sorted({value for value in values if values.count(value) > 1}):
            raise ConfigError(f"{path}: bay {what} {', '.join(twice)} is given twice")


def _faults(path: Path, text: str, error: ValidationError) -> list[str]:
    lines = key_lines(text)
    faults = []
    for fault in error.errors(include_input=False, include_url=False):
        where = tuple(fault["loc"])
        line = next((lines[where[:n]] for n in range(len(where), 0, -1) if where[:n] in lines), 1)
        reason = {
            "extra_forbidden": "unknown key",
            "missing": "is missing and has no default",
        }.get(fault["type"], fault["msg"].removeprefix("Value error, "))
        faults.append(f"{path}:{line}: {printable('.'.join(map(str, where)))}: {reason}")
    return faults


def _read(path: Path, limit: int, missing: str) -> str:
    try:
        # Not to wait for a writer where somebody named a FIFO.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(f"{path}: is no regular file")
            raw = file.read(limit + 1)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file", do=missing) from error
    except PermissionError as error:
        raise NotPermitted(f"{path}: may not be read by this user") from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    if len(raw) > limit:
        raise ConfigError(f"{path}: longer than {limit} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text at byte {error.start}") from error


def _secret(path: Path) -> str:
    return _read(path, SECRET_LIMIT, "broker.password_file names it").rstrip("\r\n")
