"""A day at the dock as a TOML file: who is docked when, and what breaks when.

```toml
name = "shift change"         # what it is about, in a few words
seed = 7                      # optional: which footage; 0 if not said

[[recorder]]
name = "early-1"              # as the events below call it
kind = "ambarella-a"          # `bodydock hwsim list`
folder = "early-1"            # optional: `recorder.toml` and clips, beside this file; or
serial = "EARLY1"             # optional: its serial; its name if not said
clips = 3                     # optional: films that it holds in the beginning; 0 if not said
size = "4 MiB"                # optional: bytes in each of them; 1 MiB if not said

[[at]]
second = 0                    # since the beginning; in any order, the same second as written
port = "1-1.2"                # a USB port path, "bus-port.port"
plug = "early-1"              # one of plug, unplug, fault, record

[[at]]
second = 40
port = "1-1.2"
unplug = true

[[at]]
second = 20
port = "1-1.2"
fault = "Stall"               # a class of hwsim.faults, hwsim.faces.zfy or .bulk_only
with = { at = 3, times = 1 }  # optional: its fields; transfers count from the plugging

[[at]]
second = 300
record = "early-1"            # on the street: it has new films when it is docked again
clips = 2
size = "4 MiB"
```

A key that is not here, a value of another kind and a day that cannot be, such as two recorders in
one port, are refused with the line and the reason.
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from agent.config.fields import BayPort, ByteSize
from agent.config.strict import STRICT, read_table
from hwsim import faults
from hwsim.faces import bulk_only, zfy
from hwsim.faults import Fault
from hwsim.recorders import KINDS, SMALLEST

SHIPPED = Path(__file__).with_name("scenarios")
FILE_LIMIT = 1024 * 1024
MIB = 2**20
ACTIONS = ("plug", "unplug", "fault", "record")


def _kind(value: object) -> object:
    if value not in KINDS:
        raise ValueError(f"a recorder is one of {', '.join(KINDS)}")
    return value


Clips = Annotated[int, Field(ge=0, le=10_000)]
FilmSize = Annotated[ByteSize, Field(ge=SMALLEST, le=2**40)]
Second = Annotated[float, Field(ge=0, le=10**7, allow_inf_nan=False)]


class Role(BaseModel):
    """A recorder of the day."""

    model_config = STRICT

    name: str
    kind: Annotated[str, BeforeValidator(_kind)]
    folder: str | None = None
    serial: str | None = None
    clips: Clips = 0
    size: FilmSize = MIB


class Event(BaseModel):
    """Something that happens at `second`: one of `ACTIONS`."""

    model_config = STRICT

    second: Second
    port: BayPort | None = None
    plug: str | None = None
    unplug: bool = False
    fault: str | None = None
    values: dict[str, Any] = Field(default_factory=dict, alias="with")
    record: str | None = None
    clips: Clips = 1
    size: FilmSize = MIB

    @property
    def recorder(self) -> str | None:
        """The name of the recorder that it is about, where it says one."""
        return self.plug or self.record

    @model_validator(mode="after")
    def _is_one(self) -> Event:
        said = [action for action in ACTIONS if getattr(self, action)]
        if len(said) != 1:
            raise ValueError(f"one of {', '.join(ACTIONS)}, and only one")
        if (self.port is None) != (self.record is not None):
            raise ValueError("everything but record happens at a port")
        if self.values and not self.fault:
            raise ValueError("with belongs to a fault")
        if self.fault:
            self.make_fault()
        return self

    def make_fault(self) -> Fault:
        """The fault that it is about. Raises ValueError where there is no such fault."""
        known = {name: kind for room in _ROOMS for name, kind in vars(room).items()}
        kind = known.get(self.fault or "")
        if not isinstance(kind, type) or not issubclass(kind, Fault):
            raise ValueError(f"{self.fault!r} is no fault")
        allowed = {field.name for field in fields(kind)}
        if unknown := self.values.keys() - allowed:
            raise ValueError(f"{self.fault} has {', '.join(sorted(allowed))}; no {min(unknown)}")
        try:
            values = json.dumps(self.values, default=str)  # JSON, where strict takes a table too
            return TypeAdapter(kind).validate_json(values, strict=True)
        except ValidationError as error:
            raise ValueError(f"{self.fault}: {error.errors()[0]['msg']}") from error


_ROOMS = (faults, zfy, bulk_only)
"""The modules whose faults a scenario may name."""


class Scenario(BaseModel):
    """A day. `events` are its events in the order in which they happen."""

    model_config = STRICT

    name: str
    seed: int = 0
    recorder: list[Role] = Field(default_factory=list)
    at: list[Event] = Field(default_factory=list)

    @property
    def events(self) -> list[Event]:
        return sorted(self.at, key=lambda event: event.second)

    @model_validator(mode="after")
    def _can_be(self) -> Scenario:
        """Nobody is plugged where somebody is, or twice; nothing happens to an empty port."""
        names = [role.name for role in self.recorder]
        if len(set(names)) < len(names):
            raise ValueError("two recorders have one name")
        docked: dict[str, str] = {}
        for event in self.events:
            if event.recorder is not None and event.recorder not in names:
                raise ValueError(f"no recorder is called {event.recorder!r}")
            if wrong := _happen(event, docked):
                raise ValueError(f"second {event.second:g}: {wrong}")
        return self


def _happen(event: Event, docked: dict[str, str]) -> str:
    """Let it happen to those who are `docked`, by port; why it cannot, if so."""
    if event.record is not None:
        return f"{event.record} is docked" if event.record in docked.values() else ""
    port = event.port or ""
    if event.plug is not None:
        if port in docked or event.plug in docked.values():
            return f"{event.plug} or {port} is taken"
        docked[port] = event.plug
    elif port not in docked:
        return f"nothing is plugged into {port}"
    elif event.unplug:
        del docked[port]
    return ""


def shipped() -> dict[str, Path]:
    """The scenarios that come with bodydock, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.toml"))}


def read_scenario(path: Path) -> Scenario:
    """Raises ConfigError where it cannot be read or says something else than above."""
    return read_table(Scenario, path, limit=FILE_LIMIT)
