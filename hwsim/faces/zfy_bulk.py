"""A control dialect that is spoken on a pair of bulk endpoints."""

from __future__ import annotations

from abc import ABC, abstractmethod

from hwsim.faces.zfy import Dialect, ZfyBody
from hwsim.faults import Faults
from hwsim.usb import BULK_IN, BULK_OUT, KIND_BULK, PACKET, Endpoint, Pipe, Setup, Silent, Stalled

BULK_PAIR = (Endpoint(BULK_IN, KIND_BULK, PACKET), Endpoint(BULK_OUT, KIND_BULK, PACKET))


class BulkDialect(Dialect, ABC):
    """What ports call, as `hwsim.usb.UsbFace` has it. Vendor control transfers stall."""

    def __init__(self, recorder: ZfyBody, faults: Faults | None = None) -> None:
        super().__init__(recorder, faults)
        self._pipe = Pipe()

    @abstractmethod
    def take(self, data: bytes) -> None:
        """One transfer from the host; answers go into the pipe."""

    def attach(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.lock()
        self._pipe.clear()

    def read(self, endpoint: int, into: memoryview) -> tuple[int, bool]:
        if endpoint != BULK_IN:
            raise Stalled
        return self._pipe.read(into)

    def write(self, endpoint: int, data: bytes) -> None:
        """Raises `Silent` while an answer waits to be read."""
        if endpoint != BULK_OUT:
            raise Stalled
        if len(self._pipe):
            raise Silent
        self.take(data)

    def control(self, setup: Setup, data: bytes) -> bytes:  # noqa: ARG002
        raise Stalled
