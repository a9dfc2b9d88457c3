"""How far a clip is on its way off its recorder, beside its own state. Pure.

```
(none) ──► wanted ──► proved ──► clearing ──► cleared
   ▲         │ ▲        │ │         │ │          │
   ├─────────┘ └────────┘ │         │ └──────────┤  it was kept, or is listed again:
   ├──────────────────────┴─────────┴────────────┘  back to what is still proved
```

The two tables, this one and `states.NEXT`, are joined in one place: `stage`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from agent.errors import WrongState
from agent.model import ClipId
from agent.spool.states import State


class Clearance(Enum):
    """What stands in the row of a clip that is on its way; most clips have no row."""

    WANTED = "wanted"
    """Only the archive's proof is missing."""
    PROVED = "proved"
    """The archive proved that it has the clip."""
    CLEARING = "clearing"
    """The intent is committed. Whether the recorder still has the clip is not known."""
    CLEARED = "cleared"
    """Looked for after the command, and not there any more."""


Step = Clearance | None

DOUBTED = "doubted"
"""The note of a clip that is wanted because its archive's epoch changed: nobody knows whether the
archive still has it, until it proves that, whatever it calls its epoch meanwhile."""

NEXT: dict[Step, frozenset[Step]] = {
    None: frozenset({Clearance.WANTED}),
    Clearance.WANTED: frozenset({Clearance.PROVED, None}),
    Clearance.PROVED: frozenset({Clearance.WANTED, Clearance.CLEARING, None}),
    Clearance.CLEARING: frozenset(
        {Clearance.CLEARED, Clearance.PROVED, Clearance.WANTED, None},
    ),
    Clearance.CLEARED: frozenset({Clearance.PROVED, Clearance.WANTED, None}),
}


@dataclass(frozen=True, slots=True)
class Clearing:
    """The row of one clip. Moments are running time, in seconds.

    `archive` and `epoch` are the proof's, empty without one. `kept` counts how often the recorder
    had the clip still after it was told to delete it; `note` is for whoever looks next:
    witnesses of a storage, or `DOUBTED`.
    """

    clip: ClipId
    state: Clearance
    wanted_from: float
    archive: str
    epoch: str
    proof: str
    proved_from: float | None
    contact: int | None
    cleared_from: float | None
    kept: int
    note: str


def check_step(now: Step, to: Step) -> None:
    """Raise `WrongState` unless the table has a way from `now` to `to`."""
    if to not in NEXT[now]:
        raise WrongState(f"a clip that is {_word(now)} cannot become {_word(to)}")


def stage(state: State, clearance: Step) -> str:
    """Where a clip is on the whole way, in one word of the states' own.

    Its own state says so until it has a receipt, and once its copy here was released; in between
    the clearing does. A clip that has to be sent again after it was cleared counts as what it is
    here: that is what is to be done about it.
    """
    if state is State.RECEIPTED and clearance is not None:
        return "receipted" if clearance is Clearance.WANTED else clearance.value
    return state.value


def _word(step: Step) -> str:
    return "not on its way off its recorder" if step is None else step.value
