"""What messages tell of clips and recorders, and the kinds of values that they are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""An id that is safe in a topic: of a dock, an archive, a receiver."""
Hex64 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(max_length=4096)]
Size = Annotated[int, Field(ge=0, lt=2**63)]
Seconds = Annotated[float, Field(allow_inf_nan=False)]
Ranges = Annotated[list[tuple[Size, Size]], Field(max_length=4096)]
"""Byte ranges [start, end), ascending, apart."""


class RecorderFacts(BaseModel):
    """The recorder that a clip came from."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    maker: Text
    model: Text
    serial: Text
    firmware: Text
    id_code: Text = ""
    officer: Text = ""
    unit: Text = ""


class TimeFacts(BaseModel):
    """When a clip was recorded: the recorder's local time, and the dock's interval in UTC
    (RFC 3339), neither in place of the other; see `agent.model.ClipTime`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    local: Text
    source: Text
    zone_offset: Seconds
    clock_error: Seconds | None = None
    earliest: Text
    latest: Text


class ToldFacts(BaseModel):
    """What a clip's name and its contact tell; see `agent.model.ClipFacts`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    kind: Text = "footage"
    profile: Text = ""
    device: Text = ""
    officer: Text = ""
    marked: bool = False
    time: TimeFacts | None = None


class CaseFacts(BaseModel):
    """Article 17's fields beside recorder number, and what offices keep with them; see
    `agent.model.CaseData`. `version` counts from 1."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    version: Size
    name: Text = ""
    officer: Text = ""
    officer_name: Text = ""
    unit: Text = ""
    used_from: Text = ""
    used_until: Text = ""
    party: Text = ""
    cause: Text = ""
    case_number: Text = ""
    business: Text = ""
    business_part: Text = ""
    remark: Text = ""
    importance: Annotated[int, Field(ge=0, le=9)] = 0
    retention: Text = ""


class HoldFacts(BaseModel):
    """One standing hold; see `agent.model.Hold`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    reason: Text
    note: Text = ""
    who: Text
    approval: Text
    at: Text


class StoredFacts(BaseModel):
    """The form in which a clip travels and is stored, where that is not as it was recorded: its
    own size and digests. `age` is https://age-encryption.org/v1, to `recipient`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    form: Literal["age"]
    size: Size
    blake3: Hex64
    chunks: Hex64
    sha256: Hex64 | None = None
    recipient: Text


@dataclass(frozen=True, slots=True)
class Sent:
    """Size and digests of the bytes of a clip that travel: encrypted, where it is encrypted."""

    size: int
    blake3: str
    chunks: str
    sha256: str | None
    sm3: str | None


class RetentionFacts(BaseModel):
    """How long a clip is to be kept: the class, and the policy's words for it."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    name: Text
    months: Annotated[int, Field(ge=0, le=12_000)] | None = None
    """Counted from the recording; None for as long as the case, or for ever."""
    until: Literal["date", "case", "ever"] = "date"
