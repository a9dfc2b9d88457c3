"""Which keys a key is tied to, by statements that both keys of a change signed. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from agent.custody.keys import PublicKey, public_key
from agent.custody.rotation import change_of
from agent.errors import Malformed, Untrusted

Tie = tuple[str, str]
"""A key, and the one that it gave way to."""


def tie_of(statement: str) -> tuple[str, str, str] | None:
    """Whose key changed, `dock` or `archive`, and both keys; None where both did not sign."""
    try:
        change = change_of(statement.encode())
    except (Malformed, Untrusted, UnicodeEncodeError):
        return None
    return change.owner.partition("/")[0], change.old, change.new


def tied(keys: Sequence[PublicKey], ties: Sequence[Tie]) -> list[PublicKey]:
    """Those before a known key and those after it. Whoever stole one that gave way can make it
    give way again, to one of his own: such another branch leads nowhere."""
    known = {key.text for key in keys}
    before = _onwards(known, [(new, old) for old, new in ties])
    return [public_key(each) for each in sorted(before | _onwards(known, ties))]


def _onwards(known: set[str], ties: Sequence[Tie]) -> set[str]:
    found = set(known)
    while more := {new for old, new in ties if old in found and new not in found}:
        found |= more
    return found
