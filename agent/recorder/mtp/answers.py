"""How a transaction ended, and which error it is where that was not OK."""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import RecorderBusy, RecorderError, RecorderMisbehaved, RecorderRefused
from agent.wire.ptp.codes import Response, response_name


@dataclass(frozen=True, slots=True)
class Answer:
    """Response code, its parameters, and data if there was any."""

    code: int
    parameters: tuple[int, ...]
    data: bytes

    @property
    def ok(self) -> bool:
        return self.code == Response.OK

    @property
    def unsupported(self) -> bool:
        """Whether the recorder does not know the operation, its parameters or the property."""
        return self.code in _UNSUPPORTED


class TooLarge(RecorderMisbehaved):
    """A dataset larger than its budget."""


_UNSUPPORTED = frozenset(
    {
        Response.OPERATION_NOT_SUPPORTED,
        Response.PARAMETER_NOT_SUPPORTED,
        Response.DEVICE_PROP_NOT_SUPPORTED,
    }
)

_KINDS: dict[int, type[RecorderError]] = {
    Response.DEVICE_BUSY: RecorderBusy,
    Response.SESSION_NOT_OPEN: RecorderMisbehaved,
    Response.INVALID_TRANSACTION_ID: RecorderMisbehaved,
    Response.INCOMPLETE_TRANSFER: RecorderMisbehaved,
}


def complaint(doing: str, code: int) -> RecorderError:
    """The error for a response that is not OK."""
    return _KINDS.get(code, RecorderRefused)(f"{doing}: the recorder answers {response_name(code)}")
