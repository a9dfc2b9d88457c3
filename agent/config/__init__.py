"""The two configuration files, read strictly: an unknown key or a wrong value is refused.

`dock.toml` configures `bodydock run`, `archive.toml` configures `bodydock archive run`. Every
fault in a file is reported at once, each with its line. Secrets are never in these files, only
the names of files that hold them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, Field

from agent.config.fields import (
    Address,
    AgeKey,
    BayPort,
    ByteSize,
    FilePath,
    Id,
    KeyText,
    Name,
    Port,
    Zone,
)
from agent.config.register import Registered
from agent.config.strict import STRICT, read_table, read_text
from agent.errors import ConfigError
from agent.model import printable

DOCK_FILE = Path("/etc/bodydock/dock.toml")
ARCHIVE_FILE = Path("/etc/bodydock/archive.toml")
FILE_LIMIT = 1024 * 1024
SECRET_LIMIT = 4096


class _Table(BaseModel):
    model_config = STRICT


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
    """How long a copy stays after the receipt, and after its recorder was cleared of it. Under
    pressure it may go then, also where its recorder was not cleared yet, and what has no copy here
    is never cleared: with clearing on, let it be days more than `clearing.grace_hours`."""
    encrypt_to: AgeKey | None = None
    """The archive's age public key: clips are encrypted to it before they touch the disk."""


class Archive(_Table):
    """`[archive]` of a dock: the archive keys it trusts, two so that they can rotate."""

    keys: Annotated[list[KeyText], Field(min_length=1, max_length=2)]


class Clearing(_Table):
    """`[clearing]`: whether clips are deleted from recorders once they are proved to be safe.

    `mode` is "off", "on" (this dock's operator wants it) or "fleet": as the newest policy signed
    by the archive says, and off while there is none.
    """

    mode: Literal["off", "fleet", "on"] = "fleet"
    grace_hours: Annotated[float, Field(ge=0, le=24 * 366, strict=False)] = 72.0
    """After the receipt, before a clip may go."""
    early_below: Annotated[int, Field(ge=0, le=100)] = 0
    """Per cent of a recorder's storage: while less is free, the grace is not waited for."""


ROUTINE = "routine"
"""The class of a clip of which nothing else was said."""
LEAST_MONTHS = 6
"""Of the routine class (article 12)."""


class Retained(_Table):
    """`[[retention]]`: a class of clips by how long they are kept (article 12)."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    until: Literal["date", "case", "ever"] = "date"
    months: Annotated[int, Field(ge=1, le=12_000)] | None = None
    label: Annotated[str, Field(max_length=64)] = ""
    """In the office's own language."""


class Stamping(_Table):
    """`[timestamps]`: the RFC 3161 authority that stamps checkpoints of the custody log."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    certificates: FilePath
    """The authority's certificates (PEM), by which its answers are checked."""
    every_hours: Annotated[float, Field(gt=0, le=24 * 31, strict=False)] = 24.0


class Cases(_Table):
    """`[cases]`: what is known of clips beside what recorders tell."""

    assignments: FilePath | None = None
    """A CSV file of who had which recorder from when to when."""
    keys: Annotated[list[KeyText], Field(max_length=4)] = []
    """Of case systems that may send orders, beside the archive's own keys."""


class Recorders(_Table):
    """`[recorders]`: how recorders are treated.

    `zone` is the time zone that recorders show where they name none; left out, it is the dock's.
    `profiles` is the folder of this dock's own profiles, `passwords` that of files each of which
    holds one recorder password.
    """

    zone: Zone | None = None
    profiles: FilePath = Path("/etc/bodydock/firmware_profiles")
    passwords: FilePath = Path("/etc/bodydock/passwords")
    set_clock: bool = False
    poll_seconds: Annotated[float, Field(ge=0.1, le=60, strict=False)] = 1.0
    parallel: Annotated[int, Field(ge=1, le=64)] = 4
    """How many bays pull at once, beside the priority bay."""


class Bay(_Table):
    """`[[bay]]`: the name people know for one physical port, such as `1-1.3` or `serial:ttyAMA0`.

    `address` is where a recorder in it answers by TCP. The one bay with `priority` never waits
    for others to end their pull.
    """

    name: Name
    port: BayPort
    address: Address | None = None
    priority: bool = False


class DockConfig(_Table):
    """`dock.toml`. Without any `[[bay]]` every USB port is a bay, named by its port path."""

    dock: Dock
    broker: Broker = Broker()
    spool: Spool = Spool()
    archive: Archive
    recorders: Recorders = Recorders()
    bay: list[Bay] = []
    clearing: Clearing = Clearing()
    cases: Cases = Cases()
    timestamps: Stamping | None = None
    retention: list[Retained] = []
    """Without any: `agent.config.retention.DEFAULTS`."""
    recorder: list[Registered] = []
    """`[[recorder]]`: what the office knows of its recorders."""

    @property
    def ledger(self) -> Path:
        return self.dock.state / "ledger.db"

    @property
    def key(self) -> Path:
        return self.dock.state / "keys" / "dock.pem"

    @property
    def serial_ports(self) -> list[str]:
        """The machine's own serial ports that are bays; USB adapters need not be named."""
        return [bay.port for bay in self.bay if bay.port.startswith("serial:")]

    @property
    def addresses(self) -> dict[str, str]:
        return {bay.port: bay.address for bay in self.bay if bay.address}


class Receiving(_Table):
    """`[archive]` of the archive: who it is and where it stores."""

    id: Id
    receiver: Id
    root: FilePath = Path("/var/lib/bodydock-archive")
    floor: ByteSize = 5 * 2**30
    window: ByteSize = 16 * 2**20
    tree: Annotated[str, Field(max_length=512)] = ""
    """How clips are shown in folders for people, such as "{unit}/{officer}/{date}/{name}"; empty:
    not at all."""
    identity: FilePath | None = None
    """The file with the age identity that opens encrypted clips."""
    store: Literal["as-sent", "plain"] = "as-sent"


class ArchiveConfig(_Table):
    """`archive.toml`. `[docks]` pins dock keys; a dock not named there is trusted on first use."""

    archive: Receiving
    broker: Broker = Broker()
    docks: dict[Id, KeyText] = {}
    retention: list[Retained] = []


C = TypeVar("C", DockConfig, ArchiveConfig)


def load(kind: type[C], path: Path) -> C:
    """Read a configuration file. Raises `ConfigError` with file, line and reason of each fault."""
    config = read_table(kind, path, limit=FILE_LIMIT, missing="name another with --config")
    if isinstance(config, DockConfig):
        _check_bays(path, config)
        _check_recorders(path, config)
    _check_retention(path, config.retention)
    return config


def _check_bays(path: Path, config: DockConfig) -> None:
    for what, values in (
        ("port", [bay.port for bay in config.bay]),
        ("name", [bay.name for bay in config.bay]),
    ):
        if twice := sorted({value for value in values if values.count(value) > 1}):
            raise ConfigError(f"{path}: bay {what} {', '.join(twice)} is given twice")
    if len(first := [bay.name for bay in config.bay if bay.priority]) > 1:
        raise ConfigError(f"{path}: only one bay can have priority, not {' and '.join(first)}")


def _check_recorders(path: Path, config: DockConfig) -> None:
    serials = [each.serial for each in config.recorder]
    if twice := sorted({serial for serial in serials if serials.count(serial) > 1}):
        raise ConfigError(printable(f"{path}: recorder {', '.join(twice)} is given twice"))


def _check_retention(path: Path, classes: list[Retained]) -> None:
    names = [each.name for each in classes]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(printable(f"{path}: retention {', '.join(twice)} is given twice"))
    for each in classes:
        if (each.months is None) is (each.until == "date"):
            words = "needs months" if each.until == "date" else "takes no months"
            raise ConfigError(
                printable(f'{path}: retention {each.name}: until = "{each.until}" {words}')
            )
        if each.name == ROUTINE and each.months is not None and each.months < LEAST_MONTHS:
            raise ConfigError(
                f"{path}: retention {ROUTINE} is {each.months} months, footage is kept for at "
                f"least {LEAST_MONTHS} (article 12)"
            )
    if classes and ROUTINE not in names:
        raise ConfigError(
            f"{path}: no retention is named {ROUTINE}", do="name what holds for other clips so"
        )


def _secret(path: Path) -> str:
    text = read_text(path, limit=SECRET_LIMIT, missing="broker.password_file names it")
    return text.rstrip("\r\n")
