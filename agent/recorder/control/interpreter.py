"""Runs the functions that a profile describes: sends, hears, asks again where it is busy.

Bounded whatever the recorder does: a function has its seconds, "busy" its waits and tries, an
answer its bytes. No word of the recorder's is in an error, since it may be an echo of the password.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping
from datetime import datetime

from agent.clock import Clock
from agent.errors import (
    Malformed,
    RecorderBusy,
    RecorderGone,
    RecorderMisbehaved,
    RecorderRefused,
)
from agent.link.usb_facts import Stalled, TimedOut
from agent.recorder.control.channel import QUIET, Channel, Deadline, Outgoing
from agent.recorder.control.replies import Heard, Judge, Verdict
from agent.recorder.control.requests import Writer
from agent.recorder.profiles.dialect import Control, Step, compares_password
from agent.recorder.profiles.secret import Secret
from agent.wire.dialect.layout import Meaning

MOST_BUSY = 256
"""How often one answer may be announced by "busy", and in how many pieces it may come."""

DOING = {
    "probe": "probing",
    "login": "logging in",
    "id_code": "reading its id code",
    "identity": "reading its identity",
    "write_identity": "writing its identity",
    "clock": "reading its clock",
    "set_clock": "setting its clock",
    "battery": "reading its battery",
    "storage": "reading its storage",
    "resolution": "reading its resolution",
    "disk": "making it a disk",
}
"""What the functions are called in errors."""
_STRANGE = "its answer is none that the dialect knows"

Values = Mapping[str, str | Secret | int | datetime]


class Silence(RecorderGone):
    """Still there, but it answers nothing any more."""


class _Left(Exception):
    """It left the bus where it may; never leaves this module."""


class Interpreter:
    """One dialect over one channel; `values` are what requests may carry beside their own."""

    def __init__(
        self,
        control: Control,
        encoding: str,
        channel: Channel,
        clock: Clock,
        values: Values,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._control = control
        self._channel = channel
        self._clock = clock
        self._values = dict(values)
        self._sleep = sleep or time.sleep
        self._writer = Writer(control, encoding)
        self._judge = Judge(control, encoding)
        self._late = False
        """Whether an answer may still come to something that was asked before."""

    def has(self, function: str) -> bool:
        """Whether the dialect has this function."""
        return bool(self._control.steps_of(function))

    def close(self) -> None:
        self._channel.close()

    def run(self, function: str, values: Values | None = None) -> dict[str, Meaning]:
        """Every step of `function`: what their replies tell. Nothing where there is none.

        Raises `RecorderGone`, `RecorderBusy`, `RecorderMisbehaved`, `RecorderRefused`.
        """
        deadline = Deadline(self._clock, self._control.seconds)
        found: dict[str, Meaning] = {}
        for step in self._control.steps_of(function):
            request = self._writer.write(
                step, {**self._values, **(values or {})}, asked=function == "write_identity"
            )
            try:
                found |= self._step(function, step, request, deadline)
            except Stalled as error:
                raise _refusal(function, step) from error
            except TimedOut as error:
                self._late = True
                raise Silence(f"{DOING[function]}: it answers nothing any more") from error
            except Malformed as error:
                raise RecorderMisbehaved(f"{DOING[function]}: {error.what}") from error
        return found

    def _step(
        self, function: str, step: Step, request: Outgoing, deadline: Deadline
    ) -> dict[str, Meaning]:
        heard = self._ask(function, step, request, deadline)
        if heard is None:
            return {}
        values = self._judge.values(step, heard)
        if compares_password(step):
            self._compare(values.pop("password", ""))
        return values

    def _compare(self, told: Meaning) -> None:
        """Where the recorder tells its password instead of checking ours."""
        ours = self._values.get("password")
        if not isinstance(ours, Secret) or not hmac.compare_digest(
            str(told).encode("utf-8", "surrogatepass"), ours.reveal().encode()
        ):
            raise _wrong_password()

    def _ask(
        self, function: str, step: Step, request: Outgoing, deadline: Deadline
    ) -> Heard | None:
        """The yes to a request, asked again while the recorder is busy. None: it left instead."""
        for attempt in range(1 + self._control.busy_tries):
            try:
                self._send(request, deadline)
                heard = self._hear_or_lose(step, deadline)
            except RecorderBusy:
                heard = None
                self._sleep(self._control.busy_wait)
            except _Left:
                return None
            self._late = attempt > 0 or heard is None
            if heard is not None:
                return self._settled(function, step, heard)
            deadline.earn(self._control.busy_wait)
        raise RecorderBusy(f"{DOING[function]}: the recorder asks for patience")

    def _send(self, request: Outgoing, deadline: Deadline) -> None:
        """Where an earlier question may still be answered, only after a longer silence."""
        late, self._late = self._late, False
        if late:
            deadline.earn(self._control.busy_wait)
        self._channel.send(request, deadline, self._control.busy_wait if late else QUIET)

    def _hear_or_lose(self, step: Step, deadline: Deadline) -> Heard | None:
        """`_hear`. Raises `_Left` where the recorder may leave now, and does."""
        try:
            return self._hear(step, deadline)
        except RecorderGone as error:
            if step.leaves:
                raise _Left from error
            raise

    def _hear(self, step: Step, deadline: Deadline) -> Heard | None:
        """The answer; None where it is busy, and nothing followed while we listened."""
        heard, busy = b"", False
        for _ in range(MOST_BUSY):
            try:
                heard += self._channel.receive(deadline)
            except TimedOut:
                if busy:
                    return None
                if heard:
                    raise RecorderMisbehaved(_STRANGE) from None
                raise
            judged = self._judge.judge(step, heard)
            if judged.verdict is Verdict.BUSY:
                if self._channel.asks_back:
                    self._sleep(self._control.busy_wait)
                    return None
                if not busy:
                    deadline = Deadline(self._clock, self._control.busy_wait)
                busy, heard = True, b""
            elif judged.verdict is not Verdict.UNKNOWN or not self._listens_on:
                return judged
            elif len(heard) > self._control.frame.limit:
                break
        raise RecorderMisbehaved("it talks without end")

    @property
    def _listens_on(self) -> bool:
        """Whether a reply may have more than one message."""
        return not self._channel.asks_back and self._control.frame.kind == "lines"

    def _settled(self, function: str, step: Step, heard: Heard) -> Heard:
        """Raises what a no is; a yes is given back."""
        if heard.verdict is Verdict.UNKNOWN:
            raise RecorderMisbehaved(f"{DOING[function]}: {_STRANGE}")
        if heard.verdict is Verdict.WRONG_PASSWORD:
            raise _wrong_password()
        if heard.verdict is Verdict.REFUSED:
            raise _refusal(function, step)
        return heard


def _refusal(function: str, step: Step) -> RecorderRefused:
    if function == "login" and "password" in step.slots:
        return _wrong_password()
    return RecorderRefused(
        f"{DOING[function]}: the recorder says no",
        do="it may be recording, or have no card" if function == "disk" else "",
    )


def _wrong_password() -> RecorderRefused:
    return RecorderRefused(
        "the recorder does not take the password",
        do="put the right one where the dock looks for it, as [password] of its profile says",
    )
