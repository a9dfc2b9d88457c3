"""What docks wrote in JSON, as every database and terminal takes it."""

from __future__ import annotations

from typing import Any, TypeGuard

DEPTH = 32
"""Lists and objects within each other; no entry that we write has more than four."""


def plain(value: Any, depth: int = DEPTH) -> Any:
    """A value out of JSON with its unpaired surrogates, which UTF-8 has not, as question marks, and
    None for what lies deeper than `DEPTH`, where no reader has to follow."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if not isinstance(value, (list, dict)):
        return value
    if not depth:
        return None
    if isinstance(value, list):
        return [plain(each, depth - 1) for each in value]
    return {plain(name): plain(each, depth - 1) for name, each in value.items()}


def is_number(value: object) -> TypeGuard[int]:
    """Whether it is a count that a database takes."""
    return type(value) is int and 0 <= value < 2**63
