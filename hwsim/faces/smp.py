"""A body that speaks SMP on a serial console, as Zephyr's MCUmgr does.

Sources: the Zephyr project's SMP specifications and its server's source, subsys/mgmt/mcumgr, for
what a server says where the specification leaves it open.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from hwsim.body import Body, HeldClip
from hwsim.faces.smp_codec import FrameReader, frame, from_cbor, to_cbor
from hwsim.faces.smp_faults import (
    Babble,
    Forged,
    NoSmpAnswer,
    SmpRefusal,
    TwiceAnswered,
    WrongData,
    WrongFrame,
    WrongHead,
)
from hwsim.faces.smp_make import (
    EINVAL,
    EMPTY,
    ENOENT,
    ENOTSUP,
    FILES,
    NO_SUCH_DIGEST,
    NOT_FOUND,
    OS,
    OVERHEAD,
    READ,
    SEEK_FAILED,
    STATS,
    TIME,
    TOO_NEW,
    TRANSLATED,
    UNKNOWN,
    WRITE,
    No,
    SmpMake,
)
from hwsim.faults import BadClock, FalseBattery, FalseSize, Faults, OtherBytes, SizeChanges, Vanish


class SmpFace:
    """The server; `port` carries its bytes. `asked` are operation, group and command so far."""

    def __init__(
        self, body: Body, make: SmpMake | None = None, faults: Faults | None = None
    ) -> None:
        self.asked: list[tuple[int, int, int]] = []
        self.files: dict[str, bytes] = {}
        """Files beside the clips, by path."""
        self._body = body
        self._make = make or SmpMake()
        self._faults = faults or Faults()
        self._frames = FrameReader()
        self._send: Callable[[bytes], None] = lambda _data: None
        self._clips: dict[str, HeldClip] = {}
        self._list = b""
        self._edition = -1
        self._answers: dict[tuple[int, int, int], Callable[[dict[str, Any]], dict[str, Any]]] = {
            (WRITE, OS, 0): lambda request: {"r": request["d"]},
            (READ, OS, 0): lambda request: {"r": request["d"]},
            (READ, OS, 4): self._clock,
            (WRITE, OS, 4): self._set_clock,
            (READ, OS, 6): self._parameters,
            (READ, OS, 7): self._info,
            (READ, STATS, 0): self._statistics,
            (READ, STATS, 1): lambda _request: {"stat_list": ["battery", "card"]},
            (READ, FILES, 0): self._download,
            (READ, FILES, 1): self._status,
            (READ, FILES, 2): self._digest,
            (READ, FILES, 3): self._digests,
        }

    def attach(self, send: Callable[[bytes], None]) -> None:
        self._send = send

    def receive(self, data: bytes) -> None:
        for packet in self._frames.feed(data):
            self._handle(packet)

    def _handle(self, packet: bytes) -> None:
        if len(packet) < 8:
            return
        first, _flags, _length, group, sequence, command = struct.unpack_from(">BBHHBB", packet)
        operation, version = first & 7, first >> 3 & 3
        self.asked.append((operation, group, command))
        chance = group << 8 | command
        try:
            if version >= self._make.versions:
                raise No(TOO_NEW)
            if refusal := self._faults.due(SmpRefusal, chance):
                raise No(refusal.code, refusal.group)
            answer = self._answered((operation, group, command), packet[8:])
        except No as no:
            answer = _refused(no, version)
        if forged := self._faults.due(Forged, chance):
            answer = answer | dict(forged.fields)
        self._reply(first + 1, group, sequence, command, to_cbor(answer))

    def _answered(self, what: tuple[int, int, int], body: bytes) -> dict[str, Any]:
        if what not in self._answers:
            raise No(ENOTSUP)
        try:
            answer = self._answers[what](from_cbor(body))
        except (KeyError, ValueError, TypeError) as error:
            raise No(EINVAL) from error
        return {"rc": 0} | answer if self._make.says_success else answer

    def _reply(self, first: int, group: int, sequence: int, command: int, body: bytes) -> None:
        chance = group << 8 | command
        head = self._faults.due(WrongHead, chance) or WrongHead()
        body = body if head.body is None else head.body
        packet = (
            struct.pack(
                ">BBHHBB",
                first,
                0,
                (len(body) + head.length) & 0xFFFF,
                group + head.group,
                (sequence + head.sequence) & 0xFF,
                (command + head.command) & 0xFF,
            )
            + body
        )
        wrong = self._faults.due(WrongFrame, chance) or WrongFrame()
        lines = frame(packet, crc=wrong.crc, length=wrong.length)[: wrong.lines]
        if babble := self._faults.due(Babble, chance):
            for _ in range(babble.count):
                self._send(babble.text)
            lines = [] if babble.instead else lines
        if self._faults.due(NoSmpAnswer, chance):
            return
        for line in lines * (2 if self._faults.due(TwiceAnswered, chance) else 1):
            self._send(line)

    # Who and how it is.

    def _clock(self, _request: dict[str, Any]) -> dict[str, Any]:
        if not self._make.has_clock:
            raise No(ENOTSUP)
        if not self._make.clock_set:
            raise No(4, OS)
        if bad := self._faults.due(BadClock):
            return {"datetime": bad.text}
        shown = self._body.now()
        if self._make.shows_zone:
            shown = shown.replace(tzinfo=timezone(self._body.zone))
        return {"datetime": shown.isoformat(timespec="milliseconds")}

    def _set_clock(self, request: dict[str, Any]) -> dict[str, Any]:
        if not self._make.has_clock:
            raise No(ENOTSUP)
        text = request["datetime"]
        if not TIME.match(text):
            raise No(EINVAL)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            moment = moment.astimezone(timezone(self._body.zone)).replace(tzinfo=None)
        self._body.set_clock(moment)
        return {}

    def _parameters(self, _request: dict[str, Any]) -> dict[str, Any]:
        if not self._make.tells_buffer:
            raise No(ENOTSUP)
        return {"buf_size": self._make.buffer, "buf_count": 4}

    def _info(self, request: dict[str, Any]) -> dict[str, Any]:
        """As Zephyr: one text, what is asked for separated by spaces."""
        known = {"s": "Zephyr", "n": self._body.serial, "v": self._body.firmware}
        known |= {"i": self._body.model, "m": "arm", "o": "Zephyr"}
        letters = request.get("format", "s")
        if not set(letters) <= known.keys():
            raise No(2, OS)
        return {"output": " ".join(known[letter] for letter in letters)}

    def _statistics(self, request: dict[str, Any]) -> dict[str, Any]:
        card = self._body.cards[0]
        false = self._faults.due(FalseBattery)
        battery = false.percent if false else self._body.battery_percent()
        groups = {
            "battery": {"percent": battery},
            "card": {"total": card.capacity, "free": card.free},
        }
        name = request["name"]
        if name not in groups:
            raise No(2, STATS)
        return {"name": name, "fields": groups[name]}

    # Files.

    def _download(self, request: dict[str, Any]) -> dict[str, Any]:
        path, offset = request["name"], request["off"]
        size = self._size(path)
        if offset > size and not self._make.seeks_behind:
            raise No(SEEK_FAILED, FILES)
        if self._faults.due(Vanish):
            raise No(NOT_FOUND, FILES)
        room = max(1, self._make.buffer - OVERHEAD)
        data = self._read(path, offset, room)
        answer = {"off": offset, "data": self._spoiled(data)}
        return answer if offset else answer | {"len": size}

    def _spoiled(self, data: bytes) -> bytes:
        if data and self._faults.due(OtherBytes):
            return self._faults.random.randbytes(len(data))
        if data and (wrong := self._faults.due(WrongData)):
            at = wrong.at_byte % len(data)
            return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        return data

    def _status(self, request: dict[str, Any]) -> dict[str, Any]:
        if not self._make.has_status:
            raise No(ENOTSUP)
        return {"len": self._size(request["name"])}

    def _digest(self, request: dict[str, Any]) -> dict[str, Any]:
        kind, path = request.get("type", "sha256"), request["name"]
        if not self._make.digests:
            raise No(ENOTSUP)
        if kind not in self._make.digests:
            raise No(NO_SUCH_DIGEST, FILES)
        offset, size = request.get("off", 0), self._size(path)
        if offset >= size:
            raise No(EMPTY if size == 0 else 12, FILES)
        data = self._read(path, offset, min(request.get("len", size), size - offset))
        output = hashlib.sha256(data).digest() if kind == "sha256" else zlib.crc32(data)
        answer = {"type": kind, "len": len(data), "output": output}
        return answer | ({"off": offset} if offset else {})

    def _digests(self, _request: dict[str, Any]) -> dict[str, Any]:
        if not self._make.digests:
            raise No(ENOTSUP)
        known = {"sha256": {"format": 1, "size": 32}, "crc32": {"format": 0, "size": 4}}
        return {"types": {kind: known[kind] for kind in self._make.digests}}

    def _size(self, path: str) -> int:
        """Raises `No` where there is no such file."""
        content = self._content(path)
        if not isinstance(content, HeldClip):
            return len(content)
        if false := self._faults.due(FalseSize):
            return false.size
        changes = self._faults.due(SizeChanges)
        return content.size + (changes.by * self._faults.fired[changes] if changes else 0)

    def _read(self, path: str, offset: int, size: int) -> bytes:
        content = self._content(path)
        if isinstance(content, HeldClip):
            return content.content.read(offset, size)
        return content[offset : offset + size]

    def _content(self, path: str) -> HeldClip | bytes:
        if self._edition != self._body.edition:
            self._clips = {f"/{clip.path}": clip for clip in self._body.clips}
            self._list = "\n".join(map(_line, self._body.clips)).encode()
            self._edition = self._body.edition
        files: dict[str, HeldClip | bytes] = {self._make.list_file: self._list}
        found = (files | self.files).get(path, self._clips.get(path))
        if found is None:
            raise No(NOT_FOUND, FILES)
        return found


def _line(clip: HeldClip) -> str:
    return f"/{clip.path}" + (f"\t{clip.recorded.isoformat()}" if clip.recorded else "")


def _refused(no: No, version: int) -> dict[str, Any]:
    if no.group is None:
        return {"rc": no.code}
    if version:
        return {"err": {"group": no.group, "rc": no.code}}
    if no.group == FILES:
        return {"rc": TRANSLATED.get(no.code, UNKNOWN)}
    return {"rc": ENOENT if (no.group, no.code) == (OS, 4) else EINVAL}
