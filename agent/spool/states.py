"""The states of a clip, and the only ways between them.

The rule behind the table: a state is entered only when its evidence is durably on disk, and a
failure falls back to the last state whose evidence still is.

```
seen ──► spooled ──► offered ──► receipted ──► released
  ▲         │           │ ▲
  │         │           ▼ │
  │         │        refused
  └─damaged ◄───────────┘   (from spooled, offered and refused)
```

An archive that lost a clip which it had receipted says so itself: then a clip that is here is
spooled again, to be sent, and one whose copy was given up is as good as damaged.

A receipt counts from wherever the digests are known: from spooled, refused and damaged too. The
archive has the clip then, even where the dock's own copy was found damaged meanwhile.
"""

from __future__ import annotations

from enum import Enum

from agent.errors import WrongState


class State(Enum):
    """Where a clip is on its way."""

    SEEN = "seen"
    """Listed by a recorder; the dock has no whole copy yet."""
    SPOOLED = "spooled"
    """Whole, verified and durable on the dock."""
    OFFERED = "offered"
    """An archive has been told of it; it may hold parts."""
    RECEIPTED = "receipted"
    """The archive's signed receipt was checked and committed."""
    RELEASED = "released"
    """The dock's own copy is gone, after receipt and hold time."""
    REFUSED = "refused"
    """The archive will not take it as it is; it stays here and is offered again each day."""
    DAMAGED = "damaged"
    """The dock's copy failed its digests and lies in quarantine; the recorder's is wanted."""


NEXT: dict[State, frozenset[State]] = {
    State.SEEN: frozenset({State.SPOOLED}),
    State.SPOOLED: frozenset({State.OFFERED, State.RECEIPTED, State.DAMAGED}),
    State.OFFERED: frozenset({State.RECEIPTED, State.REFUSED, State.DAMAGED}),
    State.REFUSED: frozenset({State.OFFERED, State.RECEIPTED, State.DAMAGED}),
    State.RECEIPTED: frozenset({State.RELEASED, State.SPOOLED}),
    State.RELEASED: frozenset({State.DAMAGED}),
    State.DAMAGED: frozenset({State.SEEN, State.RECEIPTED}),
}

WAITING_FOR: dict[State, str] = {
    State.SEEN: "the recorder, to be pulled",
    State.SPOOLED: "its turn on the uplink",
    State.OFFERED: "the archive's receipt",
    State.RECEIPTED: "the end of its hold time",
    State.RELEASED: "nothing",
    State.REFUSED: "a person, and the next daily offer",
    State.DAMAGED: "its recorder, to be pulled again",
}


def check_move(now: State, to: State) -> None:
    """Raise `WrongState` unless the table has a way from `now` to `to`."""
    if to not in NEXT[now]:
        raise WrongState(f"a clip that is {now.value} cannot become {to.value}")
