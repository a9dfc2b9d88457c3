"""Time stamps (RFC 3161) over checkpoints of the custody log, from a configured authority.

A checkpoint says what the log held; the token says, by somebody else's clock and signature, that
it held that by then. The imprint is SHA-256 over the checkpoint's note, all of its bytes, so that
`openssl ts -verify -data NOTE -in TOKEN -CAfile CERTIFICATES` checks it without us.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from random import Random
from threading import Event
from typing import Protocol

from cryptography import x509

from agent.clock import Clock, to_text
from agent.config import Stamping
from agent.custody.rfc3161 import Exchange, insist_installed, stamp
from agent.errors import AuthorityUnreachable, ConfigError, SpoolFull, StampRejected
from agent.patience import delay_before
from agent.spool.stamps import Stamp

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 60.0, 3600.0
LOOK_SECONDS = 300.0
"""How often it is looked whether a stamp is due."""


class Books(Protocol):
    """`agent.spool.stamps.Stamps`."""

    def to_stamp(self, authority: str) -> tuple[int, str] | None: ...
    def stamped(self, stamp: Stamp) -> None: ...
    def stamped_since(self, authority: str, moment: str) -> bool: ...


def insist_certificates(path: Path) -> None:
    """Raises `ConfigError` for a file that holds no certificates (PEM)."""
    try:
        x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"timestamps.certificates: {path}: {error}", do="name the authority's PEM file"
        ) from error


class Stamper:
    """Asks for a stamp when one is due. `run` has a thread of its own."""

    def __init__(
        self,
        books: Books,
        settings: Stamping,
        clock: Clock,
        random: Random,
        post: Exchange,
    ) -> None:
        """Raises `ConfigError` for certificates or an installation that cannot work."""
        self._books = books
        self._settings = settings
        self._clock = clock
        self._random = random
        self._post = post
        insist_certificates(settings.certificates)
        insist_installed()

    def run(self, stop: Event) -> None:
        """Until `stop` is set. An authority that does not answer is asked again, ever later."""
        failed = 0
        while not stop.is_set():
            try:
                self.stamp_if_due()
                failed = 0
            except (AuthorityUnreachable, StampRejected, SpoolFull) as error:
                failed += 1
                log.warning("no time stamp: %s", error)
            wait = LOOK_SECONDS
            if failed:
                wait = delay_before(
                    failed, random=self._random, first=FIRST_WAIT, longest=LONGEST_WAIT
                )
            stop.wait(wait)

    def stamp_if_due(self) -> bool:
        """Stamp the newest checkpoint where the last stamp is old enough; whether one came."""
        url = self._settings.url
        since = self._clock.now() - timedelta(hours=self._settings.every_hours)
        if self._books.stamped_since(url, to_text(since)):
            return False
        if (next_one := self._books.to_stamp(url)) is None:
            return False
        size, note = next_one
        token = stamp(url, note.encode(), self._settings.certificates, self._post)
        self._books.stamped(Stamp(size, url, to_text(token.at), token.answer, note))
        log.info("checkpoint %d is stamped by %s", size, url)
        return True
