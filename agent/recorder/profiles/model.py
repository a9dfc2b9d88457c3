"""What a profile may say. `firmware_profiles/README.md` explains every key to people.

A profile is data that somebody else may have written: whatever is not declared here is refused
with its line, and nothing in it can make the dock send a command that `[control]` does not list.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.config.fields import ByteSize, Zone
from agent.recorder.profiles.dialect import Control
from agent.recorder.profiles.values import (
    DeviceTriple,
    Pattern,
    ProfileId,
    UsbId,
    Wildcard,
)


class Table(BaseModel):
    """Strict, frozen, and closed to unknown keys."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", arbitrary_types_allowed=True
    )


class Source(Table):
    """`[source]`: where the facts come from, and how sure they are."""

    facts: Annotated[str, Field(min_length=1, max_length=1000)]
    certainty: Literal["standard", "read", "seen", "second-hand", "inferred"]
    """`field.md`'s marks: a published standard, read in source code, seen in an excerpt …"""


class Match(Table):
    """`[[match]]`: one way to know the family; all facts that are given must hold."""

    usb: UsbId | None = None
    """Vendor and product id, `"4255:0001"`."""
    device_class: DeviceTriple | None = None
    """Class, subclass, protocol of the device, `"00/00/00"`."""
    interface: DeviceTriple | None = None
    """Of any interface, `"06/01/01"`; `"*"` stands for any number."""
    interface_name: Pattern | None = None
    """Regular expression that an interface's name contains; it costs opening the device."""
    serial_port: Wildcard | None = None
    """Of the node's name, `"ttyACM*"`."""
    adapter: UsbId | None = None
    """Vendor and product id of the serial port's USB adapter."""
    tcp: bool = False
    """The bay has an `address`."""
    volume_label: Pattern | None = None
    probe: bool = False
    """The dialect's, or the driver's, own probe has to answer as expected."""


class Clips(Table):
    """`[clips]`: where footage lies and what counts."""

    folders: list[str] = []
    """Folders that hold footage, by wildcard (`"DCIM/*"`); empty: everywhere."""
    only: list[Wildcard] = []
    """File names that count; empty: everything that is not known to be no footage."""
    never: list[Wildcard] = []
    """File names that do not count, beside the common lists."""
    logs: list[Wildcard] = []
    """Paths of the recorder's own operation logs; they are pulled beside the clips."""


class NameForm(Table):
    """`[[names]]`: how a file's name splits."""

    pattern: Pattern
    """Regular expression over the file's name with groups `device`, `officer`, `date`, `time`,
    `mark`; whatever is not in it is unknown."""
    date: str = "%Y%m%d"
    time: str = "%H%M%S"
    """How date and time are written (strptime)."""
    marks: list[str] = ["IMP"]
    """What `mark` says of a clip that its officer marked as important."""


class Identity(Table):
    """`[identity]`: where the serial number comes from when the driver itself has none.

    First that gives one: `"usb-serial"`, `"volume-label"`, `"volume-serial"`, or `"file:PATH"`.
    """

    serial: list[
        Annotated[str, Field(pattern=r"^(usb-serial|volume-label|volume-serial|file:.+)$")]
    ] = []
    maker: str = ""
    model: str = ""


class Thresholds(Table):
    """`[thresholds]`: below this a recorder is not fit for duty (article 20)."""

    battery_percent: Annotated[int, Field(ge=0, le=100)] = 20
    free: ByteSize = 2 * 2**30
    clock_seconds: Annotated[int, Field(ge=1)] = 60


class Password(Table):
    """`[password]`: where the recorder's password comes from; `default` only for those that
    makers print in their manuals. The operator's own lies in a file or a credential."""

    user: str = "admin"
    default: str | None = None
    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] | None = None
    """Of the operator's file in `[recorders] passwords`, or of systemd's credential; else the
    profile's id."""


class Smp(Table):
    """`[smp]`: what an SMP recorder's groups and statistics mean."""

    list_file: str = "/clips.txt"
    """The file that lists clips: one path a line."""
    battery_group: str = ""
    battery_field: str = ""
    storage_group: str = ""
    storage_total_field: str = ""
    storage_free_field: str = ""
    """Statistics groups and fields; storage in units of `storage_unit` bytes."""
    storage_unit: Annotated[int, Field(ge=1)] = 1024


class Serial(Table):
    """`[serial]`: the line."""

    baud: Annotated[int, Field(ge=300, le=12_000_000)] = 115_200
    flow: Literal["none", "rts-cts"] = "none"


class Clock(Table):
    """`[clock]`: what the recorder's clock is like and whether it may be set."""

    set: Literal["never", "operator", "always"] = "operator"
    """`operator`: where `dock.toml` says `set_clock = true`."""
    drift_seconds_per_day: Annotated[float, Field(ge=0, le=86_400, strict=False)] = 3.0
    resolution_seconds: Annotated[float, Field(gt=0, le=86_400, strict=False)] = 1.0


class Quirks(Table):
    """`[quirks]`: what this family does otherwise."""

    settle_seconds: Annotated[float, Field(ge=0, le=120, strict=False)] = 0.0
    """Wait so long after plugging before anything is sent."""
    disk_seconds: Annotated[float, Field(gt=0, le=600, strict=False)] = 30.0
    """How long the second enumeration may take."""
    serial_is_label: bool = False
    """The disk's volume label is the recorder's id: both have to agree."""


class Firmware(Table):
    """`[firmware]`: versions the facts are known for, compared number by number; empty: any."""

    oldest: str = ""
    newest: str = ""


class Profile(Table):
    """One recorder family."""

    id: ProfileId
    name: Annotated[str, Field(min_length=1, max_length=100)]
    driver: Literal["mtp", "volume", "smp"]
    """What carries the footage, after `[control]` where there is one."""
    source: Source
    match: Annotated[list[Match], Field(min_length=1)]
    control: Control | None = None
    clips: Clips = Clips()
    names: list[NameForm] = []
    identity: Identity = Identity()
    zone: Zone | None = None
    encoding: Literal["utf-8", "gbk", "gb18030", "ascii", "latin-1"] = "utf-8"
    """Of text in names and dialect fields."""
    thresholds: Thresholds = Thresholds()
    password: Password | None = None
    smp: Smp = Smp()
    serial: Serial = Serial()
    clock: Clock = Clock()
    quirks: Quirks = Quirks()
    firmware: Firmware = Firmware()
