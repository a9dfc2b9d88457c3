"""A key gives way to its successor: a statement that both of them signed, and files in an order
that a crash at any point leaves whole.

```
keys/dock.pem          signs
keys/dock.next.pem     will sign from the next start on
keys/changes/0001.json every change so far: a DSSE envelope with the signatures of both keys
```

`prepare` writes the next key, then the statement; `settle`, at the next start, renames the key.
Whoever knew the old key follows the statements to the new one (`follow`). A private key that gave
way is gone with the rename.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.custody.envelopes import peek, seal_by, unseal
from agent.custody.keys import PublicKey, SecretKey, public_key
from agent.errors import BodydockError, KeyUnusable, Malformed, Untrusted, UsageError
from agent.wire.contract import decode
from agent.wire.evidence import KEY_CHANGE_TYPE, KeyChange

CHANGES_LIMIT = 1000
_CHANGE_LIMIT = 16_384
"""Bytes of one statement."""


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where a key, its successor and the statements lie."""

    key: Path

    @property
    def next(self) -> Path:
        return self.key.with_suffix(".next.pem")

    @property
    def changes(self) -> Path:
        return self.key.parent / "changes"


def change_of(envelope: bytes) -> KeyChange:
    """The statement in an envelope, both of its signatures verified.

    Raises `Malformed` for what is no statement, `Untrusted` where one of both keys did not sign.
    """
    claimed = decode(KeyChange, peek(envelope))
    for text in (claimed.old, claimed.new):
        unseal(KEY_CHANGE_TYPE, envelope, [public_key(text)])
    if claimed.old == claimed.new:
        raise Malformed("KeyChange: a key cannot give way to itself")
    return claimed


@dataclass(frozen=True, slots=True)
class Change:
    """One statement, verified, and its envelope as it came."""

    statement: KeyChange
    envelope: bytes


def follow(known: PublicKey, envelopes: Sequence[bytes], owner: str) -> list[Change]:
    """The changes of `owner`'s key that lead from the known key onwards; none where nothing does.

    Raises `Malformed` and `Untrusted` for a statement that is not what it says.
    """
    found: list[Change] = []
    changes = [Change(change_of(each), each) for each in envelopes]
    after = {each.statement.old: each for each in changes if each.statement.owner == owner}
    at = known.text
    while (change := after.pop(at, None)) is not None:
        found.append(change)
        at = change.statement.new
    return found


def prepare(files: KeyFiles, *, owner: str, at: str, by: str, why: str, approval: str) -> KeyChange:
    """Make the next key and the statement; it signs from the next start on.

    Raises `UsageError` where a next key waits already, or somebody's name or reason is missing;
    `KeyUnusable` where the files cannot be read or written.
    """
    if not by.strip() or not why.strip():
        raise UsageError("who changes the key, and why?", do="give --by and --why")
    old = SecretKey.load(files.key)
    stated = envelopes(files)
    if stated and change_of(stated[-1]).old == old.public.text:
        raise UsageError("a change of this key waits already", do="start bodydock again")
    new = SecretKey.load_or_make(files.next)
    change = KeyChange(
        owner=owner,
        old=old.public.text,
        new=new.public.text,
        at=at,
        by=by,
        why=why,
        approval=approval,
    )
    envelope = seal_by(KEY_CHANGE_TYPE, change.encode(), [old, new])
    _keep(files.changes / f"{len(stated) + 1:04d}.json", envelope)
    return change


def settle(files: KeyFiles) -> bool:
    """Let a next key that has its statement sign from here on; whether there was one.

    A next key without a statement (a crash between the two) goes on waiting for it.
    """
    stated = envelopes(files)
    if not stated or not files.next.exists():
        return False
    upcoming = SecretKey.load(files.next).public
    if change_of(stated[-1]).new != upcoming.text:
        return False
    try:
        files.next.replace(files.key)
        _sync(files.key.parent)
    except OSError as error:
        raise KeyUnusable(f"{files.key} cannot be replaced: {error.strerror}") from error
    return True


def envelopes(files: KeyFiles) -> list[bytes]:
    """Every statement so far, the oldest first. Raises `KeyUnusable` for unreadable files."""
    try:
        if not files.changes.is_dir():
            return []
        names = sorted(each for each in files.changes.iterdir() if each.suffix == ".json")
        return [_read(name) for name in names[-CHANGES_LIMIT:]]
    except OSError as error:
        raise KeyUnusable(f"{files.changes} cannot be read: {error.strerror}") from error


def check(files: KeyFiles, current: PublicKey) -> None:
    """Raises `KeyUnusable` where the newest statement names another key than the one in use."""
    stated = envelopes(files)
    if not stated:
        return
    try:
        newest = change_of(stated[-1])
    except (Malformed, Untrusted) as error:
        raise _broken(files, error) from error
    if newest.new != current.text and newest.old != current.text:
        raise KeyUnusable(
            f"{files.key} is not the key that {files.changes} leads to",
            do="bring both back from one backup",
        )


def _broken(files: KeyFiles, error: BodydockError) -> KeyUnusable:
    return KeyUnusable(f"{files.changes}: {error.what}", do="bring it back from a backup")


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_CHANGE_LIMIT)


def _keep(path: Path, envelope: bytes) -> None:
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(envelope)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync(path.parent)
        _sync(path.parent.parent)
    except OSError as error:
        raise KeyUnusable(f"{path} cannot be written: {error.strerror}") from error


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
