"""TOML files read strictly: bounded, and every fault named at once with its line."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.config.lines import key_lines
from agent.errors import ConfigError, NotPermitted
from agent.model import printable

_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")

STRICT = ConfigDict(
    frozen=True,
    strict=True,
    extra="forbid",
    arbitrary_types_allowed=True,
    hide_input_in_errors=True,
)
"""Of every model that reads such a file: an unknown key is refused, nothing is converted, and no
traceback shows a value, which may be a secret in the wrong place.
"""
T = TypeVar("T", bound=BaseModel)


def read_table(kind: type[T], path: Path, *, limit: int, missing: str = "") -> T:
    """A TOML file of at most `limit` bytes as `kind`; `missing` says what to do where it is not.

    Raises `ConfigError` with a line `file:line: key: reason` for each fault, `NotPermitted`.
    """
    text = read_text(path, limit=limit, missing=missing)
    try:
        return kind.model_validate(_parsed(path, text))
    except ValidationError as error:
        raise ConfigError("\n".join(_faults(path, text, error))) from error


def read_text(path: Path, *, limit: int, missing: str = "") -> str:
    """A regular file's UTF-8 text. Raises `ConfigError`, `NotPermitted`."""
    try:
        # Not to wait for a writer where somebody named a FIFO.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(f"{path}: is no regular file")
            raw = file.read(limit + 1)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file", do=missing) from error
    except PermissionError as error:
        raise NotPermitted(f"{path}: may not be read by this user") from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    if len(raw) > limit:
        raise ConfigError(f"{path}: longer than {limit} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text at byte {error.start}") from error


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:  # also for an integer of too many digits to be one
        at = _AT_LINE.search(str(error))
        place = f"{path}:{at[1]}" if at else f"{path}"
        raise ConfigError(f"{place}: {printable(str(error))}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deeply") from error


def _faults(path: Path, text: str, error: ValidationError) -> list[str]:
    lines = key_lines(text)
    faults: list[tuple[int, str]] = []
    for fault in error.errors(include_input=False, include_url=False):
        where = tuple(fault["loc"])
        line = next((lines[where[:n]] for n in range(len(where), 0, -1) if where[:n] in lines), 1)
        key = f"{printable('.'.join(map(str, where)))}: " if where else ""
        words = f"{path}:{line}: {key}{_reason(fault['type'], fault['msg'])}"
        faults.append((line, words))
    return [words for _, words in sorted(faults, key=lambda fault: fault[0])]


def _reason(kind: str, message: str) -> str:
    words = {"extra_forbidden": "unknown key", "missing": "is missing and has no default"}
    return words.get(kind, printable(message.removeprefix("Value error, ")))
