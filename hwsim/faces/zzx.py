"""Android recorders, protocol "zzx": JSON lines over TCP.

As the recorder's own side does it (public source: `PcSocketNewUtils.java` of com.zzx.police): a
line is `{"header":{version,device,id},"body":{}}`, every value of a reply's body is text, the
password comes with each request and `"password":"true"` back with each reply; the time is set in
milliseconds and read in seconds, disk mode is refused while it records. Ids that it does not
know, and lines that are no JSON, it leaves unanswered.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hwsim.faces.zfy import Busy, Dialect, Function, ZfyBody
from hwsim.faults import Faults

MOST_HELD = 1 << 16
MIB = 1 << 20
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the body's clock is naive
HARMLESS = frozenset((19, 20, 21, 23))
"""Questions about switches, and a log-in of its screen: neither answered here nor dangerous."""

Body = dict[str, str]
Handler = Callable[[dict[str, Any]], Body]

YES: Body = {"Result": "true"}
NO: Body = {"Result": "false"}


class Zzx(Dialect):
    """One recorder's answers on a stream (`hwsim.ports.tcp_port`)."""

    def __init__(self, recorder: ZfyBody, faults: Faults | None = None) -> None:
        super().__init__(recorder, faults)
        self._send: Callable[[bytes], None] = lambda _data: None
        self._held = b""
        self._handlers: dict[int, tuple[Function, Handler]] = {
            1: (Function.CONNECT, self._id_code),
            2: (Function.ID_CODE, self._id_code),
            3: (Function.READ_IDENTITY, self._read_identity),
            4: (Function.WRITE_IDENTITY, self._write_identity),
            5: (Function.SET_CLOCK, self._set_clock),
            6: (Function.BECOME_DISK, lambda _body: YES if self.become_disk() else NO),
            7: (Function.RESOLUTION, self._resolution),
            8: (Function.BATTERY, lambda _body: {"battery": str(self.battery())}),
            16: (Function.READ_CLOCK, self._read_clock),
            18: (Function.STORAGE, self._storage),
            22: (
                Function.READ_IDENTITY,
                lambda _body: {"serialNum": recorder.body.serial, **YES},
            ),
        }

    # What ports call.

    def attach(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._held = b""

    def receive(self, data: bytes) -> None:
        *lines, self._held = (self._held + data)[-MOST_HELD:].split(b"\n")
        for line in lines:
            self._take(line)

    # Lines.

    def _take(self, line: bytes) -> None:
        try:
            asked = json.loads(line[max(0, line.find(b"{")) :])
            number, body = int(asked["header"]["id"]), asked["body"]
            if not isinstance(body, dict):
                return
        except (ValueError, TypeError, KeyError):
            return
        if number in self._handlers:
            self._reply(number, *self._handlers[number], body)
        elif number not in HARMLESS:
            self.dangers.append(str(number))

    def _reply(
        self, number: int, function: Function, handler: Handler, body: dict[str, Any]
    ) -> None:
        if self.faults.due(Busy, function):
            return
        said: Body = {}
        if function in (Function.CONNECT, Function.ID_CODE):
            self.may(function)
            said = handler(body)
        else:
            right = self.log_in(str(body.get("password", "")))
            said = {"password": "true" if right else "false"}
            if self.may(function):
                said |= handler(body)
            elif right:
                said |= NO
        header = {"version": "1.0", "id": number, "device": "ZZX2080"}
        self._say(function, {"header": header, "body": said})

    def _say(self, function: Function, reply: dict[str, Any]) -> None:
        line = json.dumps(reply, ensure_ascii=False, separators=(",", ":")) + "\r\n"
        for each in self.spoilt(function, line.encode()):
            self._send(each)

    # Functions.

    def _id_code(self, _body: dict[str, Any]) -> Body:
        return {"IDCode": self.recorder.id_code}

    def _read_identity(self, _body: dict[str, Any]) -> Body:
        names = ("serial", "policeNo", "policeName", "groupNo", "groupName")
        return dict(zip(names, self.recorder.fields(), strict=True))

    def _write_identity(self, body: dict[str, Any]) -> Body:
        """Its reply names nothing but the password."""
        names = ("serial", "policeNo", "policeName", "groupNo", "groupName")
        if all(isinstance(body.get(name), str) for name in names):
            self.recorder.take([body[name] for name in names])
        return {}

    def _set_clock(self, body: dict[str, Any]) -> Body:
        held = self.recorder.body
        try:
            true = EPOCH + timedelta(milliseconds=int(str(body["Time"])))
        except (KeyError, ValueError, OverflowError):
            return NO
        held.set_clock(true + held.zone)
        return YES

    def _read_clock(self, _body: dict[str, Any]) -> Body:
        held = self.recorder.body
        seconds = (held.now() - held.zone).replace(tzinfo=UTC).timestamp()
        return {"Time": str(int(seconds)), **YES}

    def _resolution(self, _body: dict[str, Any]) -> Body:
        return {"VideoWidth": str(self.recorder.width), "VideoHeight": str(self.recorder.height)}

    def _storage(self, _body: dict[str, Any]) -> Body:
        cards = self.recorder.body.cards
        free, total = sum(card.free for card in cards), sum(card.capacity for card in cards)
        return {"free": str(free // MIB), "total": str(total // MIB), **YES}
