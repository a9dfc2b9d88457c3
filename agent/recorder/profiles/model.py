"""What a profile may say. `firmware_profiles/README.md` explains every key to people.

A profile is data that somebody else may have written: whatever is not declared here is refused
with its line, and nothing in it can make the dock send a command that `[control]` does not list.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from agent.config.fields import ByteSize, Zone
from agent.config.strict import STRICT
from agent.recorder.profiles.dialect import Control
from agent.recorder.profiles.values import (
    DateForm,
    DeviceTriple,
    Folder,
    NamePattern,
    PortName,
    ProfileId,
    SecretName,
    SecretText,
    SerialSource,
    TimeForm,
    UsbId,
    Version,
    Wildcard,
)

NAME_GROUPS = ("device", "officer", "date", "time", "mark")
GENERIC_CLASSES = ("06", "08")
"""Still image and mass storage: the USB classes that by themselves say what may be a recorder."""
MOST = 100
"""Entries in a list of a profile."""

Wildcards = Annotated[list[Wildcard], Field(max_length=MOST)]
Folders = Annotated[list[Folder], Field(max_length=MOST)]


class Table(BaseModel):
    """Strict, frozen, and closed to unknown keys."""

    model_config = STRICT


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
    pipes: Literal["still-image"] | None = None
    """What pipes that interface has: bulk in, bulk out and interrupt in, and no other."""
    interface_name: NamePattern | None = None
    """Fits somewhere in the name of that interface; it costs opening the device."""
    disk: bool = False
    """The port shows a disk."""
    volume_label: NamePattern | None = None
    """Fits somewhere in a volume's label; it costs reading the disk."""
    serial_port: PortName | None = None
    """Of the node's name, `"ttyACM*"`."""
    adapter: UsbId | None = None
    """Vendor and product id of the serial port's USB adapter."""
    tcp: bool = False
    """The bay has an `address`."""
    probe: bool = False
    """The dialect's, or the driver's, own probe has to answer as expected."""

    @model_validator(mode="after")
    def _says_enough(self) -> Match:
        """Refuse what fits things that are no recorders: the dock touches whatever matches."""
        if self.pipes or self.interface_name:
            _need(self.interface is not None, "pipes and interface_name are those of an interface")
        if self.usb or self.adapter or self._generic:
            return self
        if self.serial_port or self.tcp:
            _need(
                self.probe,
                "a serial port or an address says nothing of what answers there: add probe = true",
            )
            return self
        _need(
            self.disk,
            "this fits too much: give usb, an interface of class 06 or 08, one of "
            "class ff with interface_name, disk, adapter, serial_port or tcp",
        )
        return self

    @property
    def _generic(self) -> bool:
        kind = (self.interface or "*").partition("/")[0]
        return kind in GENERIC_CLASSES or (kind == "ff" and self.interface_name is not None)


def _need(holds: object, words: str) -> None:
    if not holds:
        raise ValueError(words)


class Clips(Table):
    """`[clips]`: where footage lies and what counts."""

    folders: Folders = []
    """Folders that hold footage, by wildcard (`"DCIM/*"`); empty: everywhere."""
    only: Wildcards = []
    """File names that count; empty: everything that is not known to be no footage."""
    never: Wildcards = []
    """File names that do not count, beside the common lists."""
    logs: Wildcards = []
    """Paths of the recorder's own operation logs; they are pulled beside the clips."""


class NameForm(Table):
    """`[[names]]`: how a file's name splits."""

    pattern: NamePattern
    """Regular expression over the file's whole name with groups `device`, `officer`, `date`,
    `time`, `mark`; whatever is not in it is unknown."""
    date: DateForm = "%Y%m%d"
    time: TimeForm = "%H%M%S"
    """How date and time are written (strptime)."""
    marks: Wildcards = ["IMP"]
    """What `mark` says of a clip that its officer marked as important; case does not count."""

    @model_validator(mode="after")
    def _groups_are_known(self) -> NameForm:
        groups = set(re.findall(r"\?P<([a-z_]+)>", self.pattern))
        if unknown := groups - set(NAME_GROUPS):
            raise ValueError(
                f"unknown groups in pattern: {', '.join(sorted(unknown))}; known are "
                f"{', '.join(NAME_GROUPS)}"
            )
        _need(groups, "the pattern has no group, so it says nothing")
        _need(("date" in groups) == ("time" in groups), "a moment needs both date and time")
        return self


class Identity(Table):
    """`[identity]`: where the serial number comes from when the driver itself has none.

    First that gives one: `"usb-serial"`, `"volume-label"`, `"volume-serial"`, or `"file:PATH"`.
    """

    serial: Annotated[list[SerialSource], Field(max_length=MOST)] = []
    maker: Annotated[str, Field(max_length=100)] = ""
    model: Annotated[str, Field(max_length=100)] = ""


class Thresholds(Table):
    """`[thresholds]`: below this a recorder is not fit for duty (article 20)."""

    battery_percent: Annotated[int, Field(ge=0, le=100)] = 20
    free: ByteSize = 2 * 2**30
    clock_seconds: Annotated[int, Field(ge=1)] = 60


class Password(Table):
    """`[password]`: where the recorder's password comes from; `default` only for those that
    makers print in their manuals. The operator's own lies in a file or a credential."""

    user: Annotated[str, Field(max_length=64)] = "admin"
    default: SecretText | None = None
    name: SecretName | None = None
    """Of the operator's file in `[recorders] passwords`, or of systemd's credential; else the
    profile's id."""


InfoLetter = Annotated[str, Field(pattern=r"^[b-z]?$")]
"""A format letter of SMP's OS info; `a` would be all of them."""


class Smp(Table):
    """`[smp]`: what an SMP recorder's groups and statistics mean."""

    list_file: Annotated[str, Field(min_length=1, max_length=200)] = "/clips.txt"
    """The file that lists clips: one path a line, and after a tab the time of its recording."""
    serial_info: InfoLetter = ""
    model_info: InfoLetter = "i"
    firmware_info: InfoLetter = "v"
    """Which letter of OS info tells the serial number, the model and the firmware; empty: none."""
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
    drift_seconds_per_day: Annotated[float, Field(ge=0, le=86_400)] = 3.0
    resolution_seconds: Annotated[float, Field(gt=0, le=86_400)] = 1.0


class Quirks(Table):
    """`[quirks]`: what this family does otherwise."""

    settle_seconds: Annotated[float, Field(ge=0, le=120)] = 0.0
    """Wait so long after plugging before anything is sent."""
    disk_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    """How long the second enumeration may take."""
    serial_is_label: bool = False
    """The disk's volume label is the recorder's id: both have to agree."""


class Firmware(Table):
    """`[firmware]`: versions the facts are known for, compared number by number; empty: any."""

    oldest: Version = ""
    newest: Version = ""

    def covers(self, version: str) -> bool:
        """Whether the facts are known for `version`; `newest` 1.2 covers 1.2.9 too.

        A version without a number is covered only where no range is given.
        """
        given, oldest, newest = map(_numbers, (version, self.oldest, self.newest))
        return given >= oldest and (not newest or [] < given[: len(newest)] <= newest)


def _numbers(version: str) -> list[int]:
    """`"V1.10b"` as 1, 10; each of at most nine digits, so that no firmware makes work."""
    return [int(number) for number in re.findall(r"[0-9]{1,9}", version)]


class Profile(Table):
    """One recorder family."""

    id: ProfileId
    name: Annotated[str, Field(min_length=1, max_length=100)]
    driver: Literal["mtp", "volume", "smp"]
    """What carries the footage, after `[control]` where there is one."""
    source: Source
    match: Annotated[list[Match], Field(min_length=1, max_length=MOST)]
    control: Control | None = None
    clips: Clips = Clips()
    names: Annotated[list[NameForm], Field(max_length=MOST)] = []
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

    @model_validator(mode="after")
    def _tables_have_a_use(self) -> Profile:
        by_line = self.driver == "smp" or (self.control and self.control.transport == "serial")
        given = self.model_fields_set
        _need(self.driver == "smp" or "smp" not in given, '[smp] is for driver = "smp"')
        _need(by_line or "serial" not in given, "[serial] is for what speaks over a serial line")
        sends = self.control is not None and self.control.needs_password
        _need(
            self.password is not None or not sends,
            "[control] sends or compares a <password>, and there is no [password]",
        )
        return self
