"""What two people read to each other over the telephone to find out that they mean one key."""

from __future__ import annotations

from hashlib import sha256

from agent.custody.keys import PublicKey

_GROUPS, _DIGITS = 8, 4


def fingerprint(key: PublicKey) -> str:
    """Eight groups of four decimal digits: SHA-256 over the key's 32 raw bytes, as a number,
    modulo 10^32. Digits are the same word in every language; 106 bits are too many to search."""
    number = int.from_bytes(sha256(key.raw).digest(), "big") % 10 ** (_GROUPS * _DIGITS)
    digits = f"{number:0{_GROUPS * _DIGITS}d}"
    return " ".join(digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS))
