"""A scenario is played: recorders come and go at their seconds, on a time that is passed in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from agent.clock import Clock
from hwsim.body import Body
from hwsim.recorders import Hardware, SimulatedRecorder, record
from hwsim.scenario import Event, Role, Scenario

Wait = Callable[[float], bool]
"""Waits so many seconds; True to end the day here."""

Tell = Callable[[str], None]


class Player:
    """Plays one scenario on some hardware. `speed` 60 makes a minute of the day a second; the
    recorders' own clocks and batteries keep the day's time.
    """

    def __init__(
        self,
        scenario: Scenario,
        hardware: Hardware,
        *,
        clock: Clock,
        wait: Wait,
        home: Path = Path(),
        speed: float = 1.0,
        tell: Tell = lambda _line: None,
    ) -> None:
        """Raises ConfigError where a recorder's folder (below `home`) cannot be used."""
        self._scenario = scenario
        self._hardware = hardware
        self._clock = clock
        self._wait = wait
        self._speed = speed
        self._tell = tell
        self._random = Random(scenario.seed)
        self.bodies = {role.name: self._body(role, home) for role in scenario.recorder}
        self.docked: dict[str, SimulatedRecorder] = {}
        """By port."""

        self._kinds = {role.name: role.kind for role in scenario.recorder}

    def play(self) -> bool:
        """The whole day; False where `wait` ended it before. What is docked stays docked."""
        now = 0.0
        for event in self._scenario.events:
            if self._pass(event.second - now):
                return False
            now = event.second
            self._happen(event)
        return True

    def close(self) -> None:
        """Take every recorder out."""
        for recorder in self.docked.values():
            recorder.close()
        self.docked.clear()

    def _body(self, role: Role, home: Path) -> Body:
        if role.folder is not None:
            return Body.from_folder(home / role.folder, clock=self._clock)
        body = Body(serial=role.serial or role.name, clock=self._clock)
        record(body, role.clips, role.size, self._random)
        return body

    def _pass(self, seconds: float) -> bool:
        """Let `seconds` of the day pass; True where it ends here."""
        if seconds <= 0:
            return False
        began = self._clock.monotonic()
        ended = self._wait(seconds / self._speed)
        skipped = seconds - (self._clock.monotonic() - began)
        for body in self.bodies.values():
            body.advance(skipped)
        return ended

    def _happen(self, event: Event) -> None:
        port, when = event.port or "", f"{event.second:8.1f} s"
        if event.plug is not None:
            self._plug(event.plug, port, when)
        elif event.record is not None:
            record(self.bodies[event.record], event.clips, event.size, self._random)
            self._tell(f"{when}  {event.record} records {event.clips} clips")
        elif event.fault is not None:
            self.docked[port].faults.add(event.make_fault())
            self._tell(f"{when}  {port}  {event.fault}")
        else:
            self.docked.pop(port).close()
            self._tell(f"{when}  {port}  is empty")

    def _plug(self, name: str, port: str, when: str) -> None:
        recorder = SimulatedRecorder(self._kinds[name], self._hardware, port, self.bodies[name])
        self.docked[port] = recorder
        recorder.plug()
        self._tell(f"{when}  {port}  {name}, {recorder.kind.name}")
