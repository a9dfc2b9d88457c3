"""`[control]`: a control dialect described as data."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Control(BaseModel):
    """How to speak to a recorder in control mode."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    transport: Literal["usb-control", "usb-bulk", "scsi", "serial", "tcp"]
