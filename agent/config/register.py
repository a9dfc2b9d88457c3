"""`[[recorder]]`: the recorders that an office knows as its own, and whose they are.

The recorder itself has room for six characters of an officer's number, administrative licence
numbers are longer (`field.md` §2): so the dock keeps the mapping, by the recorder's serial.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, Field

from agent.config.strict import STRICT
from agent.model import Identity

UNREGISTERED = "unregistered"

Word = Annotated[str, Field(max_length=255)]


class Registered(BaseModel):
    """One recorder: its `serial` as it says it, and what the office knows of it."""

    model_config = STRICT

    serial: Annotated[str, Field(min_length=1, max_length=255)]
    officer: Word = ""
    """The officer's number."""
    unit: Word = ""
    name: Word = ""
    """The officer's name."""
    id_code: Word = ""

    @property
    def state(self) -> str:
        """`matched` to an officer, or only `registered`."""
        return "matched" if self.officer else "registered"

    def differs(self, said: Identity) -> list[str]:
        """In which facts the recorder says something else; what either leaves out is no matter.

        As its officer a recorder says a name or a number.
        """
        both = {
            "id_code": ({self.id_code}, said.id_code),
            "officer": ({self.officer, self.name}, said.officer),
            "unit": ({self.unit}, said.unit),
        }
        return [
            fact
            for fact, (ours, theirs) in both.items()
            if any(ours) and theirs and theirs not in ours
        ]


def by_serial(recorders: Sequence[Registered]) -> dict[str, Registered]:
    return {each.serial: each for each in recorders}


def state_of(registered: Registered | None) -> str:
    """`unregistered`, `registered`, or `matched` to an officer."""
    return registered.state if registered else UNREGISTERED
