"""Whose signature counts for which dock."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from agent.archive.catalogue import Catalogue
from agent.clock import Clock, to_text
from agent.custody.envelopes import unseal
from agent.custody.keys import PublicKey, public_key
from agent.custody.rotation import follow
from agent.errors import Untrusted
from agent.model import printable
from agent.wire.contract import OFFER_TYPE, DockStatus

log = logging.getLogger(__name__)

ANNOUNCED_LIMIT = 10_000
"""Docks without a pinned key whose announced keys are remembered."""


class KeyUnknown(Untrusted):
    """No key of this dock is known yet; its status, which carries one, may still come."""

    retry = True


class KeyLost(Untrusted):
    """The dock's pinned key cannot be read any more; an operator may still configure it."""

    retry = True


class Trust:
    """Keys by dock: those configured win, then the one pinned at first sight, for good.

    A dock whose pin is damaged is not met for the first time again: nobody's signature counts
    for it until its key is configured.
    """

    def __init__(
        self, configured: Mapping[str, PublicKey], catalogue: Catalogue, clock: Clock
    ) -> None:
        self._catalogue = catalogue
        self._clock = clock
        pins = catalogue.pins()
        self._known = {**{dock: key for dock, key in pins.items() if key}, **configured}
        self._lost = pins.keys() - self._known.keys()
        for dock in sorted(self._lost):
            log.critical("%s", _key_lost(printable(dock)))
        self._announced: dict[str, PublicKey] = {}

    def announce(self, status: DockStatus) -> None:
        """Hear a dock's status. A known dock's other key changes nothing but is `Untrusted`, unless
        statements that both keys signed lead from the known one to it.

        Raises `Malformed` where the key, or a statement, is none.
        """
        if not status.key:
            return
        key = public_key(status.key)
        known = self._follow(status, self._known.get(status.dock))
        if known is None and len(self._announced) < ANNOUNCED_LIMIT:
            self._announced[status.dock] = key
        elif known not in (None, key):
            raise _other_key(status.dock, known, f"it announces {key.name}")

    def _follow(self, status: DockStatus, known: PublicKey | None) -> PublicKey | None:
        """The key that the dock is known by after the statements that it sent."""
        if known is None or known.text == status.key:
            return known
        statements = [each.encode() for each in status.changes]
        changes = follow(known, statements, f"dock/{status.dock}")
        if not changes or changes[-1].statement.new != status.key:
            return known
        key, last = public_key(status.key), changes[-1].statement
        now = to_text(self._clock.now())
        self._catalogue.repin(status.dock, key, now, [each.envelope.decode() for each in changes])
        self._known[status.dock] = key
        log.warning(
            "dock %s changed its key from %s to %s: %s, by %s",
            status.dock,
            known.name,
            key.name,
            printable(last.why),
            printable(last.by),
        )
        return key

    def key_of(self, dock: str) -> PublicKey | None:
        """The key that a dock is known by; None where it is not."""
        return self._known.get(dock)

    def knows(self, dock: str) -> bool:
        return dock in self._known

    def unseal(self, dock: str, envelope: bytes) -> bytes:
        """The offer in an envelope that this dock signed.

        The first good signature pins an announced key. Raises `KeyUnknown`, `KeyLost`,
        `Untrusted` for a signature by another key than the dock's, `Malformed` for what is no
        offer.
        """
        if dock in self._lost:
            raise _key_lost(dock)
        if known := self._known.get(dock):
            try:
                return unseal(OFFER_TYPE, envelope, [known])
            except Untrusted as error:
                raise _other_key(dock, known, "the offer is signed by another") from error
        if not (announced := self._announced.get(dock)):
            raise KeyUnknown(f"no key of dock {dock} is known yet")
        try:
            payload = unseal(OFFER_TYPE, envelope, [announced])
        except Untrusted as error:
            raise KeyUnknown(f"dock {dock} announced another key than it signs with") from error
        self._pin(dock, announced)
        return payload

    def insist(self, dock: str, signed: Callable[[PublicKey], bool]) -> None:
        """Raises as `unseal` unless this dock's key signed; `signed` says whether a key did."""
        if dock in self._lost:
            raise _key_lost(dock)
        if known := self._known.get(dock):
            if not signed(known):
                raise _other_key(dock, known, "the custody log is signed by another")
        elif (announced := self._announced.get(dock)) and signed(announced):
            self._pin(dock, announced)
        else:
            raise KeyUnknown(f"no key of dock {dock} is known that signed its custody log")

    def _pin(self, dock: str, key: PublicKey) -> None:
        self._catalogue.pin(dock, key, to_text(self._clock.now()))
        self._known[dock] = key
        self._announced.pop(dock, None)
        log.info("dock %s is known from now on by key %s", dock, key.name)


def _key_lost(dock: str) -> KeyLost:
    return KeyLost(
        f"the key that dock {dock} was known by is damaged in the catalogue",
        do="put the dock's key into the archive's configuration",
    )


def _other_key(dock: str, known: PublicKey | None, what: str) -> Untrusted:
    name = known.name if known else "none"
    return Untrusted(
        f"dock {dock} is known by key {name}; {what}",
        do="if its key was changed on purpose, give the archive the new one",
    )
