"""The archive's own keys: the one that signs, the one that will, and those that gave way.

A change takes two steps, each by a person's word. `rotate` makes the next key and the statement
that both keys signed; docks hear of it at once and take receipts by either. `switch` puts the next
key in place; a running receiver signs with it from its next start on. See `agent.custody.rotation`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.archive.settings import KEY
from agent.custody.fingerprint import fingerprint
from agent.custody.keys import PublicKey, SecretKey, is_credential, public_key
from agent.custody.orders import Order
from agent.custody.rotation import KeyFiles, change_of, check, envelopes, prepare, settle
from agent.errors import KeyUnusable, UsageError
from agent.wire.evidence import KeyChange

CREDENTIAL = "archive-key"
"""The name under which systemd may hand over the key; then nothing here ever changes it."""
TOLD = 8
"""Newest statements that a receiver's presence carries."""


def signing_key(root: Path) -> SecretKey:
    """The key that an archive's commands sign with; made where there is none.

    Raises `KeyUnusable` as `SecretKey.load_or_make`.
    """
    return SecretKey.load_or_make(root / KEY, CREDENTIAL)


class OwnKeys:
    """As one process has them: `secret` stays what it was when this began.

    Raises `KeyUnusable` for a key that cannot be used, or not the one that its statements name.
    """

    def __init__(self, root: Path, archive: str, *, make: bool = True) -> None:
        """`make`: a key is made where there is none."""
        self._files = KeyFiles(root / KEY)
        self._owner = f"archive/{archive}"
        if not (make or self._files.key.exists() or is_credential(CREDENTIAL)):
            raise KeyUnusable(f"{self._files.key} is not there", do="has the receiver run here?")
        self.secret = signing_key(root)
        if not is_credential(CREDENTIAL):
            check(self._files, self.secret.public)
        self._look()

    @property
    def statements(self) -> tuple[str, ...]:
        """Every change so far, the oldest first."""
        return self._statements

    @property
    def newest(self) -> list[str]:
        """What presence carries of them."""
        return list(self._statements[-TOLD:])

    @property
    def upcoming(self) -> PublicKey | None:
        """The key that has its statement and does not sign yet."""
        if not self._changes or self._changes[-1].new == self.secret.public.text:
            return None
        return public_key(self._changes[-1].new)

    @property
    def former(self) -> list[PublicKey]:
        """Keys that signed before, the newest first."""
        known = {self.secret.public.text, *filter(None, [self.upcoming and self.upcoming.text])}
        old = [each.old for each in reversed(self._changes) if each.old not in known]
        return [public_key(text) for text in dict.fromkeys(old)]

    @property
    def ever(self) -> list[PublicKey]:
        """The key that signs, the next one, and those that signed before."""
        return [self.secret.public, *filter(None, [self.upcoming]), *self.former]

    @property
    def waits(self) -> bool:
        """Whether the next key waits for `switch`, and not only for a receiver's next start."""
        return self.upcoming is not None and self._files.next.exists()

    def changes(self) -> list[KeyChange]:
        return list(self._changes)

    def rotate(self, order: Order, at: str) -> dict[str, Any]:
        """Make the next key and the statement. Raises `UsageError` where one waits already, nobody
        says who or why, or the key is not ours to change; `KeyUnusable`."""
        self._insist_ours()
        if self.waits:
            raise UsageError(
                "a next key waits already", do="`bodydock archive keys switch` lets it sign"
            )
        if SecretKey.load(self._files.key).public != self.secret.public:
            raise UsageError(
                "the receiver does not sign with its new key yet", do="start the receiver again"
            )
        change = prepare(
            self._files,
            owner=self._owner,
            at=at,
            by=order.who,
            why=order.why,
            approval=order.approval,
        )
        self._look()
        return {"event": "rotated", **_both(change)}

    def switch(self) -> dict[str, Any]:
        """Put the next key in place. Raises `UsageError` where none waits; `KeyUnusable`."""
        self._insist_ours()
        if not settle(self._files):
            raise UsageError(
                "no next key waits", do="`bodydock archive keys rotate` makes one first"
            )
        self._look()
        return {"event": "switched", **_both(self._changes[-1])}

    def _insist_ours(self) -> None:
        if is_credential(CREDENTIAL):
            raise UsageError(
                "systemd hands this archive its key",
                do=f"put both keys into every dock's configuration, then change {CREDENTIAL}",
            )

    def _look(self) -> None:
        found = envelopes(self._files)
        self._changes = [each for each in map(change_of, found) if each.owner == self._owner]
        self._statements = tuple(each.decode("ascii", "replace") for each in found)


def _both(change: KeyChange) -> dict[str, Any]:
    return {
        "old": change.old,
        "new": change.new,
        "fingerprint": fingerprint(public_key(change.new)),
    }
