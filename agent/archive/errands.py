"""Orders of the archive's people to docks: signed, and repeated until the dock's result came.

What is to be ordered stands in the catalogue (table `errand`), so that a restart goes on with it.
A command may arrive any number of times; the dock carries it out once and answers each time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from agent.archive.case_queries import ErrandRow
from agent.archive.catalogue import Catalogue
from agent.archive.trust import Trust
from agent.clock import Clock, to_text
from agent.custody.envelopes import seal, unseal
from agent.custody.keys import SecretKey
from agent.errors import Malformed, Untrusted
from agent.model import printable
from agent.wire.contract import decode, down
from agent.wire.evidence import COMMAND_TYPE, RESULT_TYPE, Command, Result

log = logging.getLogger(__name__)

REPEAT_S = 30.0
"""A command without a result is sent again after so long."""
_AT_ONCE = 64


class Errands:
    """Sends what is open. Called from the receiver's thread."""

    def __init__(
        self,
        catalogue: Catalogue,
        trust: Trust,
        key: SecretKey,
        send: Callable[[str, bytes], None],
        clock: Clock,
    ) -> None:
        self._catalogue = catalogue
        self._trust = trust
        self._key = key
        self._send = send
        self._clock = clock
        self._sent: dict[str, float] = {}

    def tick(self) -> None:
        """Send what was not sent lately. Raises `StoreBroken`."""
        now = self._clock.monotonic()
        errands = self._catalogue.open_errands()
        self._sent = {each.id: self._sent[each.id] for each in errands if each.id in self._sent}
        due = [e for e in errands if now - self._sent.get(e.id, -REPEAT_S) >= REPEAT_S]
        for errand in due[:_AT_ONCE]:
            self._sent[errand.id] = now
            if (what := self._what(errand)) is not None:
                self._order(errand, what)

    def result(self, dock: str, envelope: bytes) -> None:
        """A dock answers. Raises `Malformed`; a result that the dock did not sign changes
        nothing."""
        key = self._trust.key_of(dock)
        try:
            payload = unseal(RESULT_TYPE, envelope, [key] if key else [])
        except Untrusted as error:
            log.warning("result of dock %s: %s", dock, error)
            return
        result = decode(Result, payload)
        if result.dock != dock:
            raise Malformed(f"result: names dock {result.dock}")
        if self._done(result.id, dock, done=result.done, words=result.words):
            verdict = "carried out" if result.done else "refused"
            log.info("dock %s %s %s: %s", dock, verdict, result.id[:8], printable(result.words))

    def _order(self, errand: ErrandRow, what: dict[str, Any]) -> None:
        command = Command(
            id=errand.id,
            dock=errand.dock,
            action="lift" if errand.action == "lift" else "hold",
            clip=errand.clip,
            who=errand.who,
            why=errand.why,
            approval=errand.approval,
            what=what,
        )
        self._send(down(errand.dock, "command"), seal(COMMAND_TYPE, command.encode(), self._key))

    def _what(self, errand: ErrandRow) -> dict[str, Any] | None:
        """What the dock needs to be told; None where it cannot be told yet, or need not."""
        parts = errand.parts
        if errand.action == "hold":
            return {"reason": parts["reason"], "note": parts["note"]}
        if "hold" in parts:
            return {"hold": parts["hold"]}
        return self._lifting(errand, str(parts["errand"]))

    def _lifting(self, errand: ErrandRow, of: str) -> dict[str, Any] | None:
        """The dock's own number of a hold that it set by our order, which its log tells."""
        order = next((e for e in self._catalogue.errands_of(errand.clip) if e.id == of), None)
        if order is None or (order.done_at and not order.done):
            self._done(errand.id, errand.dock, done=True, words="nothing was held there")
            return None
        reason = order.parts["reason"]
        for each in self._catalogue.holds_on(errand.clip):
            hold = each.hold
            words = (hold.reason.value, hold.who, hold.approval)
            if each.origin == errand.dock and words == (reason, order.who, order.approval):
                if hold.stands and hold.number >= 0:
                    return {"hold": hold.number}
                if not hold.stands:
                    self._done(errand.id, errand.dock, done=True, words="lifted there already")
        return None

    def _done(self, errand: str, dock: str, *, done: bool, words: str) -> bool:
        at = to_text(self._clock.now())
        return self._catalogue.errand_done(errand, dock, done=done, words=words[:1024], at=at)
