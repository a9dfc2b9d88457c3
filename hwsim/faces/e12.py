"""Android recorders, protocol "E12": a length and a text, over a socket.

As the recorder's own side does it (public source: `E12DeviceInfo.java`, `E12DeviceInfoUtil.java`,
`ThreadReadWriterIOSocket.java`): a command of ten characters is answered with `E12DATR880` ("I am
at it") and then with its result; the time and a new identity come as a second message. It checks
no password: the host fetches it (010) and compares. That the length's four bytes are
little-endian is inferred from code of the same descent.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from hwsim.faces.zfy import ZFY_INFO, Busy, Dialect, Function, ZfyBody
from hwsim.faults import Faults

AT_IT = "E12DATR880"
MOST = 2048
"""Bytes of a message; the recorder's buffer has no more."""

TIME = "%Y-%m-%d %H:%M:%S"
NETWORK_TEST, NETWORK_OK = "E12CMDF808", "E12CMDF809"

Answer = Callable[[], str | bytes]
Second = Callable[[bytes], bool]


class E12(Dialect):
    """One recorder's answers on a stream (`hwsim.ports.tcp_port`)."""

    def __init__(self, recorder: ZfyBody, faults: Faults | None = None) -> None:
        super().__init__(recorder, faults)
        self._send: Callable[[bytes], None] = lambda _data: None
        self._held = b""
        self._awaits: tuple[Function, Second, str] | None = None
        body = recorder.body
        self._answers: dict[str, tuple[Function, Answer, str]] = {
            "E12CMDS009": (Function.ID_CODE, lambda: recorder.id_code, "E12DATR150"),
            "E12CMDS004": (
                Function.READ_IDENTITY,
                lambda: recorder.packed(ZFY_INFO),
                "E12DATR120",
            ),
            "E12CMDS006": (
                Function.RESOLUTION,
                lambda: f"{recorder.width}*{recorder.height}",
                "E12DATR130",
            ),
            "E12CMDS007": (Function.BATTERY, lambda: str(self.battery()), "E12DATR140"),
            "E12CMDS008": (Function.BECOME_DISK, self._become_disk, "E12DATR010"),
            "E12CMDS010": (Function.LOGIN, lambda: recorder.password, "E12DATR030"),
            "E12CMDN030": (Function.READ_CLOCK, lambda: f"{body.now():{TIME}}", "E12DATR050"),
        }
        self._seconds: dict[str, tuple[Function, Second, str]] = {
            "E12CMDS003": (Function.SET_CLOCK, self._set_clock, "E12DATR00"),
            "E12CMDS005": (Function.WRITE_IDENTITY, self._write_identity, "E12DATR02"),
        }

    # What ports call.

    def attach(self, send: Callable[[bytes], None]) -> None:
        """A connection came, and there is no locked state."""
        self._send = send
        self._held = b""
        self._awaits = None
        self._logged_in = True

    def receive(self, data: bytes) -> None:
        self._held += data
        while len(self._held) >= 4:
            length = int.from_bytes(self._held[:4], "little")
            if length > MOST:
                self._held = b""
                return
            if len(self._held) < 4 + length:
                return
            message, self._held = self._held[4 : 4 + length], self._held[4 + length :]
            self._take(message)

    # Messages.

    def _take(self, message: bytes) -> None:
        if self._awaits is not None:
            (function, second, code), self._awaits = self._awaits, None
            self._say(function, f"{code}{int(second(message))}")
            return
        word = message.decode("gbk", "replace")
        if word == NETWORK_TEST:
            self._say(Function.CONNECT, NETWORK_OK)
        elif word in ("E12CMDS001", "E12CMDS002"):
            self._say(Function.CONNECT, "NULL")
        elif word in self._answers:
            self._answer(*self._answers[word])
        elif word in self._seconds:
            self._ask_for_more(*self._seconds[word])
        else:
            self.dangers.append(word)

    def _answer(self, function: Function, answer: Answer, failed: str) -> None:
        self._at_it(function)
        self._say(function, answer() if self.may(function) else failed)

    def _ask_for_more(self, function: Function, second: Second, code: str) -> None:
        willing = self.may(function)
        self._awaits = (function, lambda message: willing and second(message), code)
        self._at_it(function)

    def _at_it(self, function: Function) -> None:
        busy = self.faults.due(Busy, function)
        for _ in range(1 + (busy.more if busy else 0)):
            self._send(self.framed(AT_IT.encode()))

    def _say(self, function: Function, said: str | bytes) -> None:
        raw = said.encode("gbk", "replace") if isinstance(said, str) else said
        for each in self.spoilt(function, raw):
            self._send(each)

    def framed(self, raw: bytes, length: int | None = None) -> bytes:
        return (len(raw) if length is None else length).to_bytes(4, "little") + raw

    # Functions.

    def _become_disk(self) -> str:
        return "E12DATR011" if self.become_disk() else "E12DATR010"

    def _set_clock(self, message: bytes) -> bool:
        """`2017-05-15 8:00:00`, the recorder's local time."""
        try:
            local = datetime.strptime(message.decode("ascii"), TIME)  # noqa: DTZ007
        except ValueError:
            return False
        self.recorder.body.set_clock(local)
        return True

    def _write_identity(self, message: bytes) -> bool:
        try:
            self.recorder.take_packed(ZFY_INFO, message)
        except ValueError:
            return False
        return True
