"""What the helper is asked, and what it answers: one JSON object each way. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from agent.errors import Malformed
from agent.link.volume.node import Standing

REQUEST_LIMIT = 64 * 1024
ANSWER_LIMIT = 16 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One file to take away. `standing` says which disk, `listing` is the digest of its whole
    inventory, `start` and `entry` are the file's volume and directory entry, `path`, `size` and
    `recorded` its facts. `places` (offset, length) with `fingerprint` are some of its bytes, as the
    parent read them in the session in which it read the whole file."""

    node: str
    standing: Standing
    listing: str
    start: int
    entry: int
    path: str
    size: int
    recorded: str
    encoding: str
    places: tuple[tuple[int, int], ...]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`refused` says why nothing was written; empty where the name is gone and was looked for.
    `writes` and `written` (bytes) are what went to the card."""

    refused: str = ""
    writes: int = 0
    written: int = 0


def write_request(request: Request) -> str:
    """As JSON."""
    return json.dumps(asdict(request))


def read_request(text: str) -> Request:
    """Raises `Malformed` for what `write_request` does not make."""
    try:
        parts = json.loads(text)
        parts["standing"] = Standing(**parts["standing"])
        parts["places"] = tuple((int(offset), int(length)) for offset, length in parts["places"])
        return Request(**parts)
    except (ValueError, TypeError, KeyError) as error:
        raise Malformed(f"a request to clear that is none: {type(error).__name__}") from error


def write_answer(answer: Answer) -> str:
    """As JSON."""
    return json.dumps(asdict(answer))


def read_answer(text: str) -> Answer:
    """Raises `Malformed` for what `write_answer` does not make."""
    try:
        answer = Answer(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise Malformed(f"an answer of the helper that is none: {type(error).__name__}") from error
    if not isinstance(answer.refused, str):
        raise Malformed("an answer of the helper with a reason that is no text")
    for number in (answer.writes, answer.written):
        if not isinstance(number, int) or isinstance(number, bool):
            raise Malformed("an answer of the helper with a number that is none")
    return answer
