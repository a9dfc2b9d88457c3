"""A serial recorder that takes AT commands: ITU-T V.250 with 3GPP TS 27.007's words.

A command line ends with CR, is echoed until `ATE0`, and is answered with information lines and
`OK`, `ERROR` or `+CME ERROR: n`, each between CR LF (V.250 §5.2, §5.7). `+CPIN` takes the
password; before it, everything but AT, E and +GMI asks for it (`+CME ERROR: 11`). No standard has
a word for disk mode: `+UDISKEN=1` is that of the BC+ family.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from hwsim.faces.zfy import Busy, Dialect, Function, ZfyBody
from hwsim.faults import Faults

MOST_HELD = 4096
CLOCK = "%y/%m/%d,%H:%M:%S"
OK, ERROR = "OK", "ERROR"
PIN_REQUIRED, SIM_BUSY, WRONG_PASSWORD = (f"+CME ERROR: {n}" for n in (11, 14, 16))
QUARTER = timedelta(minutes=15)


class AtSerial(Dialect):
    """One recorder's answers on a serial line (`hwsim.ports.pty_port`)."""

    def __init__(self, recorder: ZfyBody, faults: Faults | None = None) -> None:
        super().__init__(recorder, faults)
        self._send: Callable[[bytes], None] = lambda _data: None
        self._held = b""
        self._echo = True
        body = recorder.body
        self._questions: dict[str, tuple[Function, Callable[[], str]]] = {
            "": (Function.CONNECT, lambda: ""),
            "+GMI": (Function.ID_CODE, lambda: body.maker),
            "+GMM": (Function.READ_IDENTITY, lambda: body.model),
            "+GMR": (Function.READ_IDENTITY, lambda: body.firmware),
            "+GSN": (Function.READ_IDENTITY, lambda: body.serial),
            "+CCLK?": (Function.READ_CLOCK, self._clock),
            "+CBC": (Function.BATTERY, lambda: f"+CBC: 0,{self.battery()}"),
        }
        self._orders: dict[str, tuple[Function, Callable[[str], str]]] = {
            "+CPIN": (Function.LOGIN, self._log_in),
            "+LOGIN": (Function.LOGIN, self._log_in),
            "+CCLK": (Function.SET_CLOCK, self._set_clock),
            "+UDISKEN": (Function.BECOME_DISK, self._become_disk),
        }

    # What ports call.

    def attach(self, send: Callable[[bytes], None]) -> None:
        self.lock()
        self._send = send
        self._held = b""
        self._echo = True

    def receive(self, data: bytes) -> None:
        if self._echo:
            self._send(data)
        *lines, self._held = (self._held + data)[-MOST_HELD:].split(b"\r")
        for line in lines:
            self._take(line.strip(b"\n").decode("gbk", "replace"))

    # Lines.

    def _take(self, line: str) -> None:
        if not line:
            return
        if line[:2].upper() != "AT":
            self._say(None, ERROR)
            return
        rest = line[2:]
        word, _, value = rest.partition("=")
        if rest.upper() in ("E0", "E1"):
            self._echo = rest.endswith("1")
            self._say(Function.CONNECT, OK)
        elif rest.upper() in self._questions:
            self._ask(*self._questions[rest.upper()])
        elif word.upper() in self._orders:
            function, order = self._orders[word.upper()]
            self._reply(function, lambda: order(value))
        else:
            self.dangers.append(line)
            self._say(None, ERROR)

    def _ask(self, function: Function, ask: Callable[[], str]) -> None:
        self._reply(function, lambda: f"{ask()}\r\n\r\n{OK}" if function > 1 else OK)

    def _reply(self, function: Function, answer: Callable[[], str]) -> None:
        if self.faults.due(Busy, function):
            self._say(function, SIM_BUSY)
        elif self.may(function):
            self._say(function, answer())
        else:
            self._say(function, ERROR if self._logged_in else PIN_REQUIRED)

    def _say(self, function: Function | None, text: str) -> None:
        for each in self.spoilt(function, f"\r\n{text}\r\n".encode("gbk", "replace")):
            self._send(each)

    # Functions.

    def _log_in(self, value: str) -> str:
        return OK if self.log_in(value.strip('"')) else WRONG_PASSWORD

    def _clock(self) -> str:
        """Local time and its zone in quarters of an hour (27.007 §8.15)."""
        body = self.recorder.body
        return f'+CCLK: "{body.now():{CLOCK}}{body.zone // QUARTER:+03}"'

    def _set_clock(self, value: str) -> str:
        """A zone may follow the time; the recorder keeps its own."""
        try:
            local = datetime.strptime(value.strip('"')[:17], CLOCK)  # noqa: DTZ007
        except ValueError:
            return ERROR
        self.recorder.body.set_clock(local)
        return OK

    def _become_disk(self, value: str) -> str:
        return OK if value == "1" and self.become_disk() else ERROR
