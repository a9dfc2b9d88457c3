"""Orders from elsewhere: carried out once, however often they come, and answered every time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.errors import BodydockError, LedgerBroken, Malformed, SpoolBroken, SpoolFull
from agent.log_entry import Kind
from agent.spool.told import storable
from agent.spool.writer import Writer

_WORDS_LIMIT = 1024


@dataclass(frozen=True, slots=True)
class ErrandOutcome:
    """What became of an order. `digest` is of the whole order, so that its id stands for no other.
    `words` are what its handler answered, in JSON, or why it was refused."""

    done: bool
    words: str
    digest: str


@dataclass(frozen=True, slots=True)
class ErrandFacts:
    """An order as the custody log tells it: by whom, and with whose key it was signed."""

    id: str
    action: str
    clip: str
    who: str
    why: str
    approval: str
    key: str
    digest: str


class ErrandBook(Writer):
    """Keeps orders from elsewhere with what became of them."""

    def errand(self, number: str) -> ErrandOutcome | None:
        """What became of the order with this id; None where it never came. Raises `Malformed` for
        a row that makes no sense."""
        found = self._database.value("SELECT result FROM errand WHERE id = ?", [number])
        if found is None:
            return None
        try:
            told: Any = json.loads(found)
            return ErrandOutcome(bool(told["done"]), str(told["words"]), str(told["digest"]))
        except (ValueError, TypeError, KeyError) as error:
            raise Malformed(f"ledger: errand {number[:64]}: {error}") from error

    def run_errand(self, facts: ErrandFacts, act: Callable[[], dict[str, Any]]) -> ErrandOutcome:
        """Carry an order out by `act`, in one transaction with its outcome; where it came before,
        only what became of it then is told.

        What `act` refuses is an outcome, too, and nothing of it stays. Raises `LedgerBroken` and
        `SpoolFull`, after which nothing is kept, and the order may come again.
        """
        with self._writing():
            if (before := self.errand(facts.id)) is not None:
                return before
            outcome = self._outcome(facts, act)
            told = {"done": outcome.done, "words": outcome.words, "digest": outcome.digest}
            self._insert(
                "errand",
                id=facts.id,
                at=self._now(),
                kind=facts.action,
                result=json.dumps(told, ensure_ascii=False),
            )
            words = "" if outcome.done else outcome.words
            self._enter(
                Kind.ORDER,
                clip=facts.clip,
                who=storable(facts.who),
                order=facts.id,
                action=facts.action,
                done=outcome.done,
                words=words,
                why=storable(facts.why),
                approval=storable(facts.approval),
                key=facts.key,
                digest=facts.digest,
            )
            return outcome

    def _outcome(self, facts: ErrandFacts, act: Callable[[], dict[str, Any]]) -> ErrandOutcome:
        try:
            with self._writing():
                words = json.dumps(act(), ensure_ascii=False, separators=(",", ":"))
        except (LedgerBroken, SpoolBroken, SpoolFull):
            raise
        except BodydockError as error:
            return ErrandOutcome(done=False, words=_short(str(error)), digest=facts.digest)
        return ErrandOutcome(done=True, words=storable(words)[:4096], digest=facts.digest)


def _short(text: str) -> str:
    return storable(text)[:_WORDS_LIMIT]
