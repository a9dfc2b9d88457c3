"""The SMP driver keeps the contract, with servers of every make."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hwsim.body import Body
from hwsim.faces.smp_faults import SmpRefusal
from hwsim.faces.smp_make import EBUSY, SmpMake
from hwsim.faults import Faults
from tests.contracts.recorder import Docked, PatienceContract
from tests.contracts.smp import SmpDocks


class SmpContract(PatienceContract):
    """`make` is the server's."""

    deletes = False
    make = SmpMake(buffer=2048)

    @pytest.fixture(autouse=True)
    def docks(self) -> Iterator[None]:
        self._docks = SmpDocks()
        yield
        self._docks.unplug()

    def dock(self, body: Body) -> Docked:
        self.faults = Faults()
        return self._docks.dock(body, self.make, self.faults)

    def make_busy(self, docked: Docked) -> None:
        self.faults.add(SmpRefusal(code=EBUSY))


class TestZephyr(SmpContract):
    pass


class TestSmallBuffer(SmpContract):
    make = SmpMake(buffer=512)


class TestOriginalProtocol(SmpContract):
    make = SmpMake(buffer=1024, versions=1, says_success=True, digests=("crc32",))


class TestBareServer(SmpContract):
    make = SmpMake(
        buffer=2048,
        tells_buffer=False,
        has_status=False,
        has_clock=False,
        digests=(),
        seeks_behind=True,
    )
