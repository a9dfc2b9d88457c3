"""The ledger against a model of it: any history of calls, restarts and crashes gives the same."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from agent.errors import WrongState
from agent.model import Clip, ClipId, Digests
from agent.spool.entry import Sealed
from agent.spool.ledger import Ledger
from agent.spool.states import NEXT, State

from .places import IDENTITY, RECEIPT, HandClock, sighting_of

HEX = "cd" * 32
SENDING = {State.SPOOLED, State.OFFERED, State.REFUSED}
HOLD = 100.0


@dataclass(frozen=True)
class Known:
    """What the model knows of one clip."""

    seq: int
    size: int
    state: State = State.SEEN
    sealed: bool = False
    receipt: bool = False
    reason: str = ""
    attempts: int = 0
    due: datetime | None = None
    held_from: float = 0.0


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = HandClock()
        self.ledger = Ledger(self.folder / "ledger.db", self.clock)
        self.known: dict[ClipId, Known] = {}
        self.running = 0.0

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.folder)

    @initialize()
    def dock(self) -> None:
        self.contact = self.ledger.begin_contact("3", IDENTITY, None, None)

    @rule(number=st.integers(0, 9))
    def see(self, number: int) -> None:
        clip = Clip("SD", f"{number}.MP4", number * 1000, "")
        entry = self.ledger.see(sighting_of(clip, self.contact))
        self.known.setdefault(entry.clip, Known(entry.seq, clip.size))

    def anyone(self, number: int) -> ClipId:
        return list(self.known)[number % len(self.known)]

    def change(self, clip: ClipId, **facts: object) -> None:
        self.known[clip] = replace(self.known[clip], **facts)  # type: ignore[arg-type]

    def allowed(self, clip: ClipId, to: State, *staying: State) -> bool:
        return to in NEXT[self.known[clip].state] or self.known[clip].state in staying

    @precondition(lambda self: self.known)
    @rule(number=st.integers(0, 9))
    def spooled(self, number: int) -> None:
        clip = self.anyone(number)
        sealed = Sealed(clip, self.known[clip].size, Digests(HEX, HEX), HEX)
        if self.allowed(clip, State.SPOOLED):
            self.ledger.spooled(sealed)
            self.change(clip, state=State.SPOOLED, sealed=True, reason="", attempts=0, due=None)
        else:
            with pytest.raises(WrongState):
                self.ledger.spooled(sealed)

    @precondition(lambda self: self.known)
    @rule(number=st.integers(0, 9))
    def offered(self, number: int) -> None:
        clip = self.anyone(number)
        if self.allowed(clip, State.OFFERED, State.OFFERED):
            self.ledger.offered(clip)
            self.change(clip, state=State.OFFERED)
        else:
            with pytest.raises(WrongState):
                self.ledger.offered(clip)

    @precondition(lambda self: self.known)
    @rule(number=st.integers(0, 9))
    def receipted(self, number: int) -> None:
        clip = self.anyone(number)
        done = (State.RECEIPTED, State.RELEASED)
        if not self.allowed(clip, State.RECEIPTED, *done):
            with pytest.raises(WrongState):
                self.ledger.receipted(clip, RECEIPT)
            return
        self.ledger.receipted(clip, RECEIPT)
        if self.known[clip].state not in done:
            facts = {"receipt": True, "held_from": self.running, "reason": "", "attempts": 0}
            self.change(clip, state=State.RECEIPTED, due=None, **facts)

    @precondition(lambda self: self.known)
    @rule(number=st.integers(0, 9), hours=st.integers(-48, 48))
    def refused(self, number: int, hours: int) -> None:
        clip, due = self.anyone(number), self.clock.wall + timedelta(hours=hours)
        if self.allowed(clip, State.REFUSED, State.REFUSED):
            self.ledger.refused(clip, "no", due)
            self.change(clip, state=State.REFUSED, reason="no", due=due)
        else:
            with pytest.raises(WrongState):
                self.ledger.refused(clip, "no", due)

    @precondition(lambda self: self.known)
    @rule(number=st.integers(0, 9))
    def damaged(self, number: int) -> None:
        clip = self.anyone(number)
        if self.allowed(clip, State.DAMAGED):
            self.ledger.damaged(clip, "rot")
            self.change(clip, state=State.DAMAGED, reason="rot", due=None)
        else:
            with pytest.raises(WrongState):
                self.ledger.damaged(clip, "rot")

    @precondition(lambda self: self.known)
    @rule(number=st.integers(0, 9))
    def wanted_again(self, number: int) -> None:
        clip = self.anyone(number)
        if self.allowed(clip, State.SEEN):
            self.ledger.wanted_again(clip)
            self.change(clip, state=State.SEEN, sealed=False, attempts=0, due=None)
        else:
            with pytest.raises(WrongState):
                self.ledger.wanted_again(clip)

    @precondition(lambda self: self.known)
    @rule(number=st.integers(0, 9))
    def released(self, number: int) -> None:
        clip = self.anyone(number)
        if self.allowed(clip, State.RELEASED):
            self.ledger.released(clip)
            self.change(clip, state=State.RELEASED, reason="")
        else:
            with pytest.raises(WrongState):
                self.ledger.released(clip)

    @precondition(lambda self: self.known)
    @rule(number=st.integers(0, 9), hours=st.integers(-48, 48))
    def postpone(self, number: int, hours: int) -> None:
        clip, due = self.anyone(number), self.clock.wall + timedelta(hours=hours)
        self.ledger.postpone(clip, due, "silence")
        attempts = self.known[clip].attempts + 1
        self.change(clip, attempts=attempts, due=due, reason="silence")

    @precondition(lambda self: self.known)
    @rule(number=st.integers(0, 9))
    def progressed(self, number: int) -> None:
        clip = self.anyone(number)
        self.ledger.progressed(clip)
        if self.known[clip].attempts or self.known[clip].due:
            self.change(clip, attempts=0, due=None, reason="")

    @rule(seconds=st.integers(0, 200), days=st.integers(-3650, 3650))
    def time_passes(self, seconds: int, days: int) -> None:
        self.clock.elapsed += seconds
        self.running += seconds
        self.clock.wall += timedelta(days=days)
        self.ledger.tick()

    @rule(cleanly=st.booleans())
    def restart(self, cleanly: bool) -> None:
        if cleanly:
            self.ledger.close()
        else:
            self.running = self.ledger._ran_saved
            self.ledger._let_go()
        self.clock.elapsed = 0.0
        self.ledger = Ledger(self.folder / "ledger.db", self.clock)

    @invariant()
    def knows_the_same(self) -> None:
        for clip, known in self.known.items():
            entry = self.ledger.find(clip)
            assert entry is not None
            assert (entry.seq, entry.state, entry.sighting.size) == (
                known.seq,
                known.state,
                known.size,
            )
            assert (entry.sealed is not None, entry.receipt is not None) == (
                known.sealed,
                known.receipt,
            )
            facts = (known.reason, known.attempts, known.due)
            assert (entry.reason, entry.attempts, entry.due) == facts

    @invariant()
    def counts_the_same(self) -> None:
        for state, counted in self.ledger.counts().items():
            sizes = [known.size for known in self.known.values() if known.state is state]
            assert counted == (len(sizes), sum(sizes))

    @invariant()
    def sends_and_releases_the_same(self) -> None:
        now = self.clock.wall
        ready = sorted(
            (known.seq, clip)
            for clip, known in self.known.items()
            if known.state in SENDING
            and (known.due is None or not now < known.due <= now + timedelta(hours=24))
        )
        assert [entry.clip for entry in self.ledger.to_send(now, 100)] == [c for _, c in ready]
        dues = [k.due for k in self.known.values() if k.state in SENDING and k.due]
        assert self.ledger.next_due() == min(dues, default=None)
        over = sorted(
            (known.held_from, known.seq, clip)
            for clip, known in self.known.items()
            if known.state is State.RECEIPTED and known.held_from <= self.running - HOLD
        )
        found = [entry.clip for entry in self.ledger.releasable(HOLD, 100)]
        assert found == [clip for _, _, clip in over]


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
