"""The dock's own key at start: a waiting change is carried out, and the log is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.custody.keys import SecretKey, is_credential
from agent.custody.rotation import KeyFiles, check, envelopes, settle
from agent.spool.keybook import Keybook

CREDENTIAL = "dock-key"
"""The name under which systemd may hand over the key; then nothing here ever changes it."""
TOLD = 8
"""Newest statements that the dock's status carries."""


@dataclass(frozen=True, slots=True)
class DockKey:
    """The key that signs, and the statements that lead to it, the oldest first."""

    secret: SecretKey
    changes: tuple[str, ...]

    @property
    def newest(self) -> tuple[str, ...]:
        return self.changes[-TOLD:]


def dock_key(path: Path) -> DockKey:
    """The key that this dock signs with from now on; made where there is none.

    Raises `KeyUnusable` for a key that cannot be used, or not the one that its statements name.
    """
    if is_credential(CREDENTIAL):
        return DockKey(SecretKey.load_or_make(path, CREDENTIAL), ())
    files = KeyFiles(path)
    settle(files)
    secret = SecretKey.load_or_make(path)
    check(files, secret.public)
    return DockKey(secret, tuple(each.decode("utf-8", "replace") for each in envelopes(files)))


def enter(key: DockKey, ledger: Keybook) -> None:
    """Tell the custody log which key is in use."""
    ledger.key_in_use(key.secret.public.text, key.changes)
