"""How the daemons log: for the journal, for a machine, or for a person at a terminal."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from datetime import UTC, datetime
from typing import TextIO

from agent.clock import to_text
from agent.model import printable

_PRIORITY = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}


class JournalFormatter(logging.Formatter):
    """`<priority>` in front, as sd-daemon(3) reads it from standard error; no time of our own."""

    def format(self, record: logging.LogRecord) -> str:
        level = _PRIORITY.get(record.levelno, 6)
        return "\n".join(f"<{level}>{line}" for line in _message(self, record).splitlines())


class JsonFormatter(logging.Formatter):
    """One JSON object a line: at, level, from, thread, message."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": _moment(record),
            "level": record.levelname.lower(),
            "from": record.name,
            "thread": record.threadName,
            "message": _message(self, record),
        }
        return json.dumps(line, ensure_ascii=False)


class PlainFormatter(logging.Formatter):
    """For a person: time, level, message."""

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        return f"{clock} {record.levelname.lower():7} {_message(self, record)}"


def _message(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """The message on one safe line, a traceback (ours, never a device's text) below it."""
    text = printable(record.getMessage())
    if record.exc_info:
        text += "\n" + formatter.formatException(record.exc_info)
    return text


def _moment(record: logging.LogRecord) -> str:
    return to_text(datetime.fromtimestamp(record.created, UTC))


def start_logging(*, form: str, level: str, stream: TextIO | None = None) -> None:
    """Configure the root logger once. `form` is auto, journal, json or text.

    auto: journal where standard error goes to the journal, text at a terminal, json elsewhere.
    """
    stream = stream or sys.stderr
    if form == "auto":
        form = "journal" if os.environ.get("JOURNAL_STREAM") else "text"
        if form == "text" and not stream.isatty():
            form = "json"
    formatter = {"journal": JournalFormatter, "json": JsonFormatter, "text": PlainFormatter}[form]()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
