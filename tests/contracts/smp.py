"""A simulated SMP recorder on a pseudo-terminal, with the driver in front."""

from __future__ import annotations

import time

from agent.link.serial_port import SerialLine
from agent.recorder.profiles.model import Profile
from agent.recorder.smp.recorder import SmpRecorder, open_on
from hwsim.body import Body
from hwsim.faces.smp import SmpFace
from hwsim.faces.smp_make import SmpMake
from hwsim.faults import Faults
from hwsim.ports.pty_port import QUIET, LineNoise, PtyPort
from tests.contracts.mtp import clock_of
from tests.contracts.recorder import Docked, TestClock

BAUD = 921_600


def smp_profile(**smp: object) -> Profile:
    """The profile of a recorder as `SmpFace` simulates it."""
    facts = {
        "serial_info": "n",
        "battery_group": "battery",
        "battery_field": "percent",
        "storage_group": "card",
        "storage_total_field": "total",
        "storage_free_field": "free",
        "storage_unit": 1,
    }
    return Profile.model_validate(
        {
            "id": "test-smp",
            "name": "SMP recorder of the tests",
            "driver": "smp",
            "source": {"facts": "hwsim", "certainty": "inferred"},
            "match": [{"serial_port": "ttyUSB*", "probe": True}],
            "identity": {"maker": "北斗"},
            "serial": {"baud": BAUD},
            "smp": facts | smp,
        }
    )


class HurriedLine:
    """A line on which time runs `factor` times as fast as at the pseudo-terminal, by a test's clock
    that moves with every reading.
    """

    def __init__(self, line: SerialLine, clock: TestClock, factor: float) -> None:
        self.baud = line.baud
        self._line = line
        self._clock = clock
        self._factor = factor

    def read(self, size: int, timeout: float) -> bytes:
        began = time.monotonic()
        try:
            return self._line.read(size, timeout / self._factor)
        finally:
            self._clock.advance((time.monotonic() - began) * self._factor)

    def write(self, data: bytes, timeout: float) -> None:
        self._line.write(data, timeout)

    def close(self) -> None:
        self._line.close()


class SmpDocks:
    """Recorders on pseudo-terminals; `unplug` ends them all."""

    def __init__(self) -> None:
        self._ports: list[tuple[PtyPort, SmpFace]] = []

    def port(
        self,
        body: Body,
        make: SmpMake | None = None,
        faults: Faults | None = None,
        *,
        noise: LineNoise = QUIET,
        seed: int = 0,
        cut: int | None = None,
        baud: int | None = None,
    ) -> PtyPort:
        face = SmpFace(body, make, faults)
        port = PtyPort(face, baud=baud, noise=noise, seed=seed, cut=cut)
        self._ports.append((port, face))
        return port

    def face(self, port: PtyPort) -> SmpFace:
        return next(face for one, face in self._ports if one is port)

    def dock(
        self,
        body: Body,
        make: SmpMake | None = None,
        faults: Faults | None = None,
        profile: Profile | None = None,
    ) -> Docked:
        """Raises what opening raises."""
        port = self.port(body, make, faults)
        recorder = self.open(port, body, profile)
        return Docked(recorder, body, port.unplug)

    def open(
        self, port: PtyPort, body: Body, profile: Profile | None = None, *, hurry: float = 0
    ) -> SmpRecorder:
        """`hurry`: how much faster than it seems time runs for the driver; 0: it stands still."""
        line, clock = SerialLine(port.node, BAUD), clock_of(body)
        seen = HurriedLine(line, clock, hurry) if hurry else line
        return open_on(seen, profile or smp_profile(), clock)

    def unplug(self) -> None:
        while self._ports:
            self._ports.pop()[0].unplug()
