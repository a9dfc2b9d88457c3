"""Everything that a recorder is asked, and what its answers mean (SMP groups 0, 2 and 8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agent.errors import Malformed
from agent.wire.smp.cbor import Value
from agent.wire.smp.message import Command, Fields, Request


@dataclass(frozen=True, slots=True)
class Parameters:
    """`buffer`: bytes in the largest packet, head included; `count`: of such buffers."""

    buffer: int
    count: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a file; `length` is the whole file's, said with its first piece."""

    offset: int
    data: bytes
    length: int | None


@dataclass(frozen=True, slots=True)
class Digest:
    """Of `length` bytes from `offset`; `value` is a byte string, or a number for a checksum."""

    kind: str
    offset: int
    length: int
    value: bytes | int


def echo(text: str) -> Request[str]:
    return Request(Command.ECHO, {"d": text}, lambda fields: fields.text("r"))


def clock() -> Request[str]:
    """The time as text, for `decode_moment`."""
    return Request(Command.CLOCK, {}, lambda fields: fields.text("datetime"))


def set_clock(moment: datetime) -> Request[None]:
    """The time as it stands, with its zone if it has one; whole seconds, as servers parse them."""
    text = moment.isoformat(timespec="seconds")
    return Request(Command.SET_CLOCK, {"datetime": text}, lambda _fields: None)


def parameters() -> Request[Parameters]:
    return Request(
        Command.PARAMETERS,
        {},
        lambda fields: Parameters(fields.number("buf_size"), fields.number("buf_count")),
    )


def info(letters: str) -> Request[str]:
    """`letters` name what is asked for: `n` node name, `r` release, `v` version, `i` hardware …"""
    return Request(Command.INFO, {"format": letters}, lambda fields: fields.text("output"))


def statistics(group: str) -> Request[dict[str, int]]:
    return Request(Command.STATISTICS, {"name": group}, _numbers)


def statistics_groups() -> Request[tuple[str, ...]]:
    return Request(Command.STATISTICS_GROUPS, {}, lambda fields: fields.texts("stat_list"))


def download(path: str, offset: int) -> Request[Piece]:
    return Request(Command.DOWNLOAD, {"off": offset, "name": path}, _piece)


def status(path: str) -> Request[int]:
    """The file's length in bytes."""
    return Request(Command.STATUS, {"name": path}, lambda fields: fields.number("len"))


def digest(path: str, kind: str, offset: int, length: int) -> Request[Digest]:
    fields: dict[str, Value] = {"name": path, "type": kind, "off": offset, "len": length}
    return Request(Command.HASH, fields, _digest)


def digests() -> Request[tuple[str, ...]]:
    """The kinds that the recorder can compute."""
    return Request(Command.HASHES, {}, lambda fields: fields.map("types").names())


def decode_moment(text: str) -> datetime:
    """ISO 8601; naive, unless the text names a zone."""
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise Malformed(f"SMP clock: {text[:40]!r} is no time") from error


def _numbers(fields: Fields) -> dict[str, int]:
    found = fields.map("fields")
    return {name: found.number(name) for name in found.names()}


def _piece(fields: Fields) -> Piece:
    return Piece(fields.number("off"), fields.data("data"), fields.optional_number("len"))


def _digest(fields: Fields) -> Digest:
    kind, length = fields.text("type"), fields.number("len")
    offset = fields.optional_number("off") or 0
    value = fields.data("output") if kind == "sha256" else fields.number("output")
    return Digest(kind, offset, length, value)
