"""Orders that come in signed commands, from an archive or a case system.

A command counts where a pinned archive key or one of `[cases] keys` signed it, it names this dock,
and it is not past its time. It is carried out once: its id is kept in the ledger with what became
of it, in the same transaction, and whoever sends it again gets that same answer. What nobody
signed whom this dock trusts, and what is for another dock, leaves no trace but a grumble: else
anybody at the broker could fill the custody log.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import sha256
from math import inf
from typing import Any, Protocol

from agent.clock import Clock, from_text
from agent.config import DockConfig
from agent.custody.envelopes import seal, unseal
from agent.custody.keys import PublicKey, SecretKey, public_key
from agent.custody.orders import Office, Order
from agent.errors import Malformed, Untrusted, UsageError
from agent.model import printable
from agent.spool.errand_book import ErrandFacts, ErrandOutcome
from agent.spool.ledger import Ledger
from agent.uplink.errands import Errand, Post
from agent.wire.contract import decode, up
from agent.wire.evidence import COMMAND_TYPE, RESULT_TYPE, Command, Result

log = logging.getLogger(__name__)

ANSWERS_KEPT = 64
"""Results that wait to be sent; whoever misses one sends the command again."""


class ErrandBooks(Protocol):
    """`agent.spool.ledger.Ledger`."""

    def run_errand(
        self, facts: ErrandFacts, act: Callable[[], dict[str, Any]]
    ) -> ErrandOutcome: ...


class Commands(Errand):
    """Takes commands, has them carried out, sends their results."""

    hears = ("command",)

    def __init__(
        self,
        *,
        dock: str,
        ledger: ErrandBooks,
        carry_out: Callable[[Order], dict[str, Any]],
        trusted: Sequence[PublicKey],
        also: Sequence[PublicKey] = (),
        key: SecretKey,
        clock: Clock,
    ) -> None:
        """`trusted` may change while it runs; `also` are further keys."""
        self._dock = dock
        self._ledger = ledger
        self._carry_out = carry_out
        self._trusted = trusted
        self._also = tuple(also)
        self._key = key
        self._clock = clock
        self._answers: OrderedDict[str, Result] = OrderedDict()

    def on_message(self, name: str, payload: bytes) -> str:
        """Raises `Malformed`, `Untrusted`, `SpoolFull`, `LedgerBroken`."""
        raw, signer = self._opened(payload)
        command = decode(Command, raw)
        if command.dock != self._dock:
            return f"a {name} for dock {command.dock}"
        facts = _facts(command, signer, sha256(raw).hexdigest())
        outcome = self._ledger.run_errand(facts, lambda: self._act(command, signer))
        if outcome.digest == facts.digest:
            self._answer(command.id, done=outcome.done, words=outcome.words)
            return ""
        self._answer(command.id, done=False, words="this id was used before, for another order")
        return f"order {command.id} is not the one that had this id before"

    def lost(self) -> None:
        self._answers.clear()

    def tick(self, now: float, post: Post) -> None:  # noqa: ARG002
        while self._answers:
            number, result = next(iter(self._answers.items()))
            envelope = seal(RESULT_TYPE, result.encode(), self._key)
            if not post(up(self._dock, "result"), envelope):
                return
            del self._answers[number]

    def next_moment(self, now: float) -> float:
        return now if self._answers else inf

    def _opened(self, payload: bytes) -> tuple[bytes, PublicKey]:
        """The command, and which of the trusted keys signed it."""
        if not payload.isascii():
            raise Malformed("Command: an envelope is base64 and field names, all ASCII")
        for key in (*self._trusted, *self._also):
            try:
                return unseal(COMMAND_TYPE, payload, [key]), key
            except Untrusted:
                continue
        raise Untrusted("a command that no key signed which may order here")

    def _act(self, command: Command, signer: PublicKey) -> dict[str, Any]:
        """Raises what refuses it."""
        self._check_time(command.not_after)
        return self._carry_out(
            Order(
                action=command.action,
                clip=command.clip,
                who=command.who,
                why=command.why,
                approval=command.approval,
                what=command.what,
                via=f"order {command.id} by key {signer.name}",
            )
        )

    def _check_time(self, not_after: str) -> None:
        if not not_after:
            return
        try:
            end = from_text(not_after)
        except (ValueError, OverflowError) as error:
            words = printable(not_after[:64])
            raise UsageError(f"not_after {words!r} is no moment with a time zone") from error
        if self._clock.now() > end:
            raise UsageError(f"the order was valid until {not_after}", do="give it anew")

    def _answer(self, number: str, *, done: bool, words: str) -> None:
        log.info("order %s: %s", number, "done" if done else f"refused: {printable(words)}")
        while len(self._answers) >= ANSWERS_KEPT:
            self._answers.popitem(last=False)
        self._answers[number] = Result(id=number, dock=self._dock, done=done, words=words[:4096])


def commands_for(
    config: DockConfig,
    pinned: Sequence[PublicKey],
    ledger: Ledger,
    office: Office,
    key: SecretKey,
    clock: Clock,
) -> Commands:
    """As a dock's configuration says: its archive's keys may order, and its case systems'."""
    return Commands(
        dock=config.dock.id,
        ledger=ledger,
        carry_out=office.carry_out,
        trusted=pinned,
        also=[public_key(text) for text in config.cases.keys],
        key=key,
        clock=clock,
    )


def _facts(command: Command, signer: PublicKey, digest: str) -> ErrandFacts:
    return ErrandFacts(
        id=command.id,
        action=command.action,
        clip=command.clip,
        who=command.who,
        why=command.why,
        approval=command.approval,
        key=signer.name,
        digest=digest,
    )
