"""What docks wrote in JSON, as every database and terminal takes it."""

from __future__ import annotations

from typing import Any, TypeGuard


def plain(value: Any) -> Any:
    """A value out of JSON with its unpaired surrogates, which UTF-8 has not, as question marks."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {plain(name): plain(each) for name, each in value.items()}
    return value


def is_number(value: object) -> TypeGuard[int]:
    """Whether it is a count that a database takes."""
    return type(value) is int and 0 <= value < 2**63
