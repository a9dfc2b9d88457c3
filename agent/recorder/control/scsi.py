"""SCSI commands over bulk-only transport, past the kernel's own disk driver.

Source: USB Mass Storage Class, Bulk-Only Transport 1.0. Every command has its own tag; a status
that is not valid, or a phase error, is answered with a reset recovery (clause 5.3.4), so that
the kernel finds the device in order afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random, SystemRandom

from agent.errors import Malformed, RecorderBusy, RecorderMisbehaved
from agent.link.usb import BulkPair
from agent.link.usb_facts import LinkTrouble, Stalled
from agent.recorder.control.channel import QUIET, Deadline, Outgoing
from agent.wire.dialect.bulk_only import (
    CSW_BYTES,
    REQUEST_SENSE,
    RESET,
    SENSE_BYTES,
    SenseKey,
    Status,
    decode_status,
    encode_command,
    sense_key,
)

log = logging.getLogger(__name__)

_ATTENTIONS = 3
"""How often a recorder may say that something changed before it carries a command out."""
_RECOVERY_SECONDS = 2.0


class ScsiChannel:
    """One logical unit. The answer to a command is its data; one without data answers nothing."""

    asks_back = True

    def __init__(self, pair: BulkPair, random: Random | None = None) -> None:
        self._pair = pair
        self._tag = (random or SystemRandom()).getrandbits(32)
        self._request = Outgoing(b"")

    def send(self, request: Outgoing, deadline: Deadline, quiet: float = QUIET) -> None:  # noqa: ARG002
        """The command, and the data that goes with it."""
        self._request = request
        with self._in_order():
            self._begin(request, deadline)

    def receive(self, deadline: Deadline) -> bytes:
        """The data that comes with the command; none for one without, once it was carried out.

        Raises `Stalled` for one that the recorder does not carry out, `RecorderBusy` while it is
        not ready.
        """
        for _ in range(_ATTENTIONS):
            with self._in_order():
                data, passed = self._end(self._request, deadline)
            if passed:
                return data
            key = self._sense(deadline)
            if key == SenseKey.NOT_READY:
                raise RecorderBusy("it is not ready yet")
            if key in (SenseKey.ILLEGAL_REQUEST, SenseKey.DATA_PROTECT):
                raise Stalled("it does not carry the command out")
            if key != SenseKey.UNIT_ATTENTION:
                raise RecorderMisbehaved(f"its command fails with sense key {key}")
            self.send(self._request, deadline)
        raise RecorderMisbehaved("reports changes without end")

    def close(self) -> None:
        self._pair.close()

    def _sense(self, deadline: Deadline) -> int:
        """Why the last command failed (SPC-4 clause 6.39)."""
        asked = Outgoing(b"", REQUEST_SENSE, SENSE_BYTES)
        with self._in_order():
            self._begin(asked, deadline)
            raw, passed = self._end(asked, deadline)
        try:
            return sense_key(raw) if passed else -1
        except Malformed as error:
            raise RecorderMisbehaved(f"answers with {error.what}") from error

    @contextmanager
    def _in_order(self) -> Iterator[None]:
        """Whatever goes wrong in an exchange, the next one finds the device in order."""
        try:
            yield
        except Malformed as error:
            self._recover()
            raise RecorderMisbehaved(f"answers with {error.what}") from error
        except (RecorderMisbehaved, LinkTrouble):
            self._recover()
            raise

    def _begin(self, request: Outgoing, deadline: Deadline) -> None:
        """Command, and data to the device (clause 5)."""
        self._tag = (self._tag + 1) % 2**32
        to_host = request.receive is not None
        wrapper = encode_command(self._tag, request.command, _size(request), to_host=to_host)
        try:
            self._pair.write(wrapper, deadline.left())
        except Stalled as error:
            raise RecorderMisbehaved("refuses the command block wrapper") from error
        if request.message:
            self._write_data(request.message, deadline)

    def _end(self, request: Outgoing, deadline: Deadline) -> tuple[bytes, bool]:
        """Data from the device, and whether the command passed. A stalled data phase is followed
        by the status like any other.
        """
        size = _size(request)
        data = self._read_data(size, deadline) if request.receive is not None else b""
        told = decode_status(self._status(deadline), self._tag, size)
        if told.status == Status.PHASE_ERROR:
            raise RecorderMisbehaved("reports a phase error")
        passed = told.status == Status.PASSED
        if passed and request.receive is not None and len(data) != size - told.residue:
            raise RecorderMisbehaved(f"gives {len(data)} bytes, a residue of {told.residue}")
        return data, passed

    def _read_data(self, size: int, deadline: Deadline) -> bytes:
        try:
            data = self._pair.read(size, deadline.left())
        except Stalled:
            return b""
        if len(data) > size:
            raise RecorderMisbehaved(f"gives {len(data)} bytes, {size} were asked for")
        return data

    def _write_data(self, data: bytes, deadline: Deadline) -> None:
        try:
            self._pair.write(data, deadline.left())
        except Stalled as error:
            log.debug("the recorder does not take the data: %s", error)

    def _status(self, deadline: Deadline) -> bytes:
        """It may be asked for once more where the endpoint stalls (clause 5.3.3)."""
        try:
            return self._pair.read(CSW_BYTES, deadline.left())
        except Stalled:
            try:
                return self._pair.read(CSW_BYTES, deadline.left())
            except Stalled as error:
                raise RecorderMisbehaved("stalls its status twice") from error

    def _recover(self) -> None:
        """Reset recovery: the class request, then both endpoints."""
        try:
            self._pair.tell(RESET, _RECOVERY_SECONDS)
            self._pair.clear_halts()
        except LinkTrouble as error:
            log.debug("the recorder does not recover: %s", error)


def _size(request: Outgoing) -> int:
    return request.receive or len(request.message)
