"""`[control]`: a control dialect described as data. What is not described here cannot be sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, model_validator

from agent.config.strict import STRICT
from agent.wire.dialect.form import FORGOTTEN, parse_form
from agent.wire.dialect.layout import Kind
from agent.wire.dialect.template import parse_template

MOST = 20
"""Steps of a function, fields of a step, forms of a reply."""
WEARER = frozenset({"serial", "officer_number", "officer", "unit_number", "unit"})
"""What a recorder holds of itself and its wearer (ZFY_INFO of the Chinese host interface)."""
TIME = frozenset({
    "year", "month", "day", "hour", "minute", "second", "now", "epoch", "epoch-ms", "zone-quarters",
})  # fmt: skip
LOGIN = frozenset({"user", "password"})
FUNCTIONS: dict[str, frozenset[str]] = {
    "probe": frozenset(), "login": LOGIN, "id_code": LOGIN, "identity": LOGIN,
    "write_identity": LOGIN | WEARER, "clock": LOGIN, "set_clock": LOGIN | TIME,
    "battery": LOGIN, "storage": LOGIN, "resolution": LOGIN, "disk": LOGIN,
}  # fmt: skip
"""Every function there is, and which values its requests may carry."""
READ: frozenset[str] = WEARER | {
    "id_code", "maker", "model", "firmware", "password", "battery", "time", "zone_quarters",
    "total", "free", "width", "height", "resolution",
}  # fmt: skip
"""Every value that a reply may carry."""


def _template(value: str) -> str:
    parse_template(value)
    return value


def _form(value: str) -> str:
    for line in value.split("\n"):
        unknown = parse_form(line).slots - READ - FORGOTTEN - {"data"}
        if unknown:
            raise ValueError(f"a reply has no value <{sorted(unknown)[0]}>")
    return value


def _value_name(value: str) -> str:
    if value not in READ:
        raise ValueError(f"a reply has no value {value!r}; there are {', '.join(sorted(READ))}")
    return value


Request = Annotated[str, Field(max_length=2000), AfterValidator(_template)]
Form = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_form)]
Forms = Annotated[list[Form], Field(max_length=MOST)]
ManyForms = Annotated[list[Form], Field(max_length=100)]
ValueName = Annotated[str, AfterValidator(_value_name)]
Byte = Annotated[int, Field(ge=0, le=0xFF)]
Word = Annotated[int, Field(ge=0, le=0xFFFF)]
Seconds = Annotated[float, Field(gt=0, le=60, strict=False)]


class _Table(BaseModel):
    """Strict, frozen, and closed to unknown keys."""

    model_config = STRICT


class Usb(_Table):
    """`[control.usb]`: vendor requests (usb-control) or endpoints (usb-bulk)."""

    out_type: Byte = 0x40
    in_type: Byte = 0xC0
    """bmRequestType of sending and of asking (USB 2.0 table 9-2)."""
    request: Byte | None = None
    out_value: Word = 0
    in_value: Word = 0
    index: Word = 0
    out_endpoint: Annotated[int, Field(ge=0x01, le=0x0F)] | None = None
    in_endpoint: Annotated[int, Field(ge=0x81, le=0x8F)] | None = None
    """None: those of the first interface that has a bulk pair."""


class Frame(_Table):
    """`[control.frame]`: how messages are cut where bytes come as a stream."""

    kind: Literal["packet", "lines", "length"] = "packet"
    """One transfer, whole lines until a reply is understood, or a length and that many bytes."""
    length_bytes: Annotated[int, Field(ge=1, le=4)] = 4
    length_order: Literal["big", "little"] = "big"
    limit: Annotated[int, Field(ge=16, le=4096)] = 1024
    """Bytes in one reply."""


class Replies(_Table):
    """`[control.replies]`: what a reply says, wherever a step says nothing else of it.

    They are tried in this order; a reply that fits none is a breach of the protocol.
    """

    wrong_password: Forms = []
    busy: Forms = []
    refused: Forms = []
    ok: Forms = []


class Value(_Table):
    """One of a step's `fields`: how a value is written, and where, if its slot does not say.

    `at` and `size` are a place in `<data>` (in the whole reply, where `ok` has no such slot),
    `path` is one in the reply's JSON (`"body.serial"`).
    """

    name: ValueName
    at: Annotated[int, Field(ge=0, le=4096)] | None = None
    size: Annotated[int, Field(ge=1, le=4096)] | None = None
    path: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    kind: Kind = "text"
    encoding: Literal["utf-8", "gbk", "gb18030", "ascii", "latin-1"] | None = None
    """None: the profile's."""
    forms: Annotated[list[str], Field(max_length=MOST)] = []
    """How a `moment` is written (strptime), first that fits."""
    codes: dict[str, str] = {}
    """What the value read stands for; one that is not listed says nothing."""

    @model_validator(mode="after")
    def _is_whole(self) -> Value:
        if (self.at is None) != (self.size is None):
            raise ValueError("at and size belong together")
        if self.kind == "moment" and not self.forms:
            raise ValueError('a "moment" needs forms')
        return self


class Step(_Table):
    """One exchange of a function. Its request is what may be sent, and nothing else is."""

    send: Request = ""
    """The request; for SCSI the data that follows the command."""
    cdb: Request | None = None
    """SCSI: the command block."""
    receive: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Bytes to ask for (SCSI, USB control; there None: as many as were sent)."""
    ok: Forms | None = None
    refused: Forms | None = None
    busy: Forms | None = None
    """Of this step's reply; None: the dialect's."""
    leaves: bool = False
    """The recorder may leave the bus before it has answered."""
    fields: Annotated[list[Value], Field(max_length=MOST)] = []

    @property
    def slots(self) -> frozenset[str]:
        """The values that its request needs."""
        return parse_template(self.send).slots | parse_template(self.cdb or "").slots


Steps = Annotated[list[Step], Field(max_length=MOST)]


class Control(_Table):
    """`[control]`: how to speak to a recorder in control mode."""

    transport: Literal["usb-control", "usb-bulk", "scsi", "serial", "tcp"]
    seconds: Seconds = 5.0
    """What one function may take."""
    busy_wait: Seconds = 1.0
    busy_tries: Annotated[int, Field(ge=0, le=30)] = 5
    """How long to listen after "busy" before asking again, and how often to ask again."""
    delimiters: Annotated[str, Field(max_length=50)] = ""
    """Characters that no value may carry, since they end or split a request."""
    json_text: bool = False
    """Requests and replies are JSON: values are written as in JSON texts, replies compared in one
    form (no spaces, every number and truth value as text)."""
    only: ManyForms = []
    """A request that none of these fits is not sent; empty: no such check."""
    never: Annotated[ManyForms, Field(min_length=1)]
    """No request that one of these fits is sent, whatever it was made of; case does not count."""
    only_when_asked: ManyForms = []
    """Requests that only `write_identity` sends, which the dock never calls on its own."""
    storage_unit: Annotated[int, Field(ge=1)] = 1
    """Bytes for which `total` and `free` count."""
    usb: Usb = Usb()
    frame: Frame = Frame()
    replies: Replies = Replies()
    probe: Annotated[Steps, Field(min_length=1)]
    """Harmless, and enough to know the family by."""
    login: Steps = []
    id_code: Steps = []
    identity: Steps = []
    write_identity: Steps = []
    clock: Steps = []
    set_clock: Steps = []
    battery: Steps = []
    storage: Steps = []
    resolution: Steps = []
    disk: Annotated[Steps, Field(min_length=1)]
    """The functions, each in steps; what a dialect does not have is left out."""

    def steps_of(self, function: str) -> list[Step]:
        """The steps of a function; none where the dialect has no such function."""
        steps: list[Step] = getattr(self, function)
        return steps

    @property
    def needs_password(self) -> bool:
        """Whether any function sends or compares it."""
        steps = [step for name in FUNCTIONS for step in self.steps_of(name)]
        return any("password" in step.slots or compares_password(step) for step in steps)

    @model_validator(mode="after")
    def _fits_together(self) -> Control:
        for problem in self._problems():
            raise ValueError(problem)
        return self

    def _problems(self) -> Iterator[str]:
        if self.transport == "usb-control" and self.usb.request is None:
            yield 'transport "usb-control" needs [control.usb] request'
        for function, allowed in FUNCTIONS.items():
            for step in self.steps_of(function):
                if unknown := step.slots - allowed:
                    yield f"{function}: it cannot send a value <{sorted(unknown)[0]}>"
                yield from (f"{function}: {words}" for words in self._problems_of(step))
                if function != "login" and compares_password(step):
                    yield f"{function}: only login reads the recorder's password"

    def _problems_of(self, step: Step) -> Iterator[str]:
        if (step.cdb is not None) != (self.transport == "scsi"):
            yield "cdb is for SCSI, and every SCSI step has one"
        if self.transport != "scsi" and not step.send:
            yield "a step sends something"
        if step.cdb is not None and step.send and step.receive is not None:
            yield "a SCSI command has data in one direction"
        forms = self.replies.ok if step.ok is None else step.ok
        if not forms:
            yield "no ok says which reply is a yes"
        slots = frozenset(slot for form in forms for slot in form_slots(form))
        for value in step.fields:
            if value.at is None and value.path is None and value.name not in slots:
                yield f"nothing says where {value.name} lies"


def form_slots(form: str) -> frozenset[str]:
    """The values that a reply's form takes, in any of its lines."""
    return frozenset().union(*(parse_form(line).slots for line in form.split("\n"))) - FORGOTTEN


def compares_password(step: Step) -> bool:
    """Whether its reply holds the recorder's password, for us to compare."""
    named = any(value.name == "password" for value in step.fields)
    return named or any("password" in form_slots(form) for form in step.ok or [])
