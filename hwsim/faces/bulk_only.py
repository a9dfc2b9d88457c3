"""A recorder that is a USB disk: Mass Storage Bulk-Only Transport 1.0 over a disk image.

    face = BulkOnlyFace(OnDisk(image))
    bus.plug("1-1.2", face)
    ...
    assert face.writes == 0

A recorder with commands of its own overrides `vendor_command`:

    class JieLiFace(BulkOnlyFace):
        def vendor_command(self, cdb: bytes, data: bytes) -> Reply | None:
            if cdb[0] == 0x81:
                return Reply.of(b"...")         # data for the host
            if cdb[0] == 0x82:
                return OK if self.take(data) else Reply(sense=BAD_FIELD)
            return None                         # not known: ILLEGAL REQUEST

It is called for each command that `hwsim.faces.scsi.ScsiDisk` does not know, with the command
block as long as the wrapper declares it and with all that the host sent (64 KiB at most are
kept). Residue, stalls and status follow from the Reply and from what the wrapper declared.

`hwsim.faults` strike here too: `BadData` and `BadResponse` spoil data and status wrapper (kind:
its signature, code: its status, length: its residue, transaction: added to its tag), `NoAnswer`,
`Repeat` and `AnswerFirst` concern the status wrapper; `operation` is the command's first byte.
"""

from __future__ import annotations

from enum import IntEnum

from hwsim.card import Content, InMemory
from hwsim.faces.bulk_only_wrappers import CommandWrapper, read_command, status_wrapper
from hwsim.faces.ptp_data import Padded, Window
from hwsim.faces.scsi import (
    FAILED,
    GOOD,
    NO_SENSE,
    NO_SUCH_UNIT,
    OK,
    UNKNOWN_COMMAND,
    BadBlocks,
    CheckCondition,
    DiskIdentity,
    Reply,
    ScsiDisk,
    Sense,
)
from hwsim.faults import AnswerFirst, BadData, BadResponse, Faults, NoAnswer, Repeat
from hwsim.usb import (
    BULK_IN,
    BULK_OUT,
    KIND_BULK,
    PACKET,
    Endpoint,
    Pipe,
    Setup,
    Silent,
    Stalled,
    UsbFacts,
)

__all__ = [
    "OK",
    "BadBlocks",
    "BulkOnlyFace",
    "CheckCondition",
    "DiskIdentity",
    "Reply",
    "Sense",
]

MASS_STORAGE = (0x08, 0x06, 0x50)
"""Mass storage, SCSI transparent command set, bulk-only transport."""

ENDPOINTS = (Endpoint(BULK_IN, KIND_BULK, PACKET), Endpoint(BULK_OUT, KIND_BULK, PACKET))

PHASE_ERROR = 0x02
MOST_KEPT = 1 << 16
"""Bytes of a host's data that are kept; what comes beyond is counted and dropped."""


class _Request(IntEnum):
    """Class requests (§3)."""

    GET_MAX_LUN = 0xFE
    RESET = 0xFF


class BulkOnlyFace:
    """One disk of one logical unit; `medium` None where no card is in.

    `stalls`: data that ends early is followed by a stall (§6.7.2 demands it); some devices end
    with a short packet alone.
    """

    def __init__(
        self,
        medium: Content | None,
        faults: Faults | None = None,
        identity: DiskIdentity | None = None,
        *,
        block: int = 512,
        stalls: bool = True,
    ) -> None:
        self.faults = faults if faults is not None else Faults()
        self.identity = identity if identity is not None else DiskIdentity()
        self.disk = ScsiDisk(medium, self.identity, self.faults, block=block)
        self._stalls = stalls
        self._pipe = Pipe()
        self._after_stall: list[bytes] | None = None
        self._taking: CommandWrapper | None = None
        self._taken = 0
        self._kept = b""
        self._lost = False

    @property
    def writes(self) -> int:
        """How often somebody tried to change the medium; nobody ever succeeds."""
        return self.disk.writes

    @property
    def facts(self) -> UsbFacts:
        who = self.identity
        return UsbFacts(
            vendor_id=who.vendor_id,
            product_id=who.product_id,
            maker=who.maker,
            product=who.product,
            serial=who.serial,
            interface_class=MASS_STORAGE,
            endpoints=ENDPOINTS,
        )

    def vendor_command(self, cdb: bytes, data: bytes) -> Reply | None:  # noqa: ARG002
        """A command that no disk knows; see above. None: the recorder does not know it either."""
        return None

    # What ports call.

    def attach(self) -> None:
        self.reset()

    def reset(self) -> None:
        """The bus was reset, or power came."""
        self._recover()
        self.disk.reset()

    def read(self, endpoint: int, into: memoryview) -> tuple[int, bool]:
        if endpoint != BULK_IN or self._lost:
            raise Stalled
        if not len(self._pipe) and self._after_stall is not None:
            statuses, self._after_stall = self._after_stall, None
            self._send(statuses)
            raise Stalled
        return self._pipe.read(into)

    def write(self, endpoint: int, data: bytes) -> None:
        """A wrapper, or a piece of the data that it announced.

        What is no valid wrapper halts both endpoints until a reset recovery (§6.6.1). While the
        last command has something to be read, the endpoint takes nothing: `Silent`.
        """
        if endpoint != BULK_OUT or self._lost:
            raise Stalled
        if len(self._pipe) or self._after_stall is not None:
            raise Silent
        if self._taking is not None:
            self._take(self._taking, data)
            return
        wrapper = read_command(data)
        if wrapper is None:
            self._lost = True
            raise Stalled
        if wrapper.length and not wrapper.reads:
            self._taking, self._taken, self._kept = wrapper, 0, b""
        else:
            self._answer(wrapper, b"")

    def control(self, setup: Setup, data: bytes) -> bytes:  # noqa: ARG002
        """The two requests of the class (§3). Raises `Stalled` for any other."""
        match setup.request_type, setup.request:
            case (0xA1, _Request.GET_MAX_LUN):
                return b"\0"
            case (0x21, _Request.RESET):
                self._recover()
                return b""
        raise Stalled

    def _recover(self) -> None:
        self._pipe.clear()
        self._after_stall = self._taking = None
        self._kept = b""
        self._lost = False

    # Commands.

    def _take(self, wrapper: CommandWrapper, data: bytes) -> None:
        """The command is carried out once all of its data is there, or a packet is short."""
        self._kept += data[: max(0, MOST_KEPT - len(self._kept))]
        self._taken += len(data)
        if self._taken >= wrapper.length or len(data) % PACKET or not data:
            kept, self._taking, self._kept = self._kept[: wrapper.length], None, b""
            self._answer(wrapper, kept)

    def _answer(self, wrapper: CommandWrapper, data: bytes) -> None:
        reply = self._carry_out(wrapper, data)
        content = self._content(wrapper, reply)
        statuses = self._statuses(wrapper, reply)
        if self.faults.due(AnswerFirst, wrapper.cdb[0]):
            self._send(statuses)
            statuses = []
        ended_early = self._send_data(wrapper, content)
        if ended_early and self._stalls:
            self._after_stall = statuses
        else:
            self._send(statuses)

    def _carry_out(self, wrapper: CommandWrapper, data: bytes) -> Reply:
        if wrapper.unit:
            return self.disk.remember(Reply(sense=NO_SUCH_UNIT))
        reply = self.disk.answer(wrapper.cdb)
        if reply is None:
            reply = self.vendor_command(wrapper.cdb, data) or Reply(sense=UNKNOWN_COMMAND)
        return self.disk.remember(reply)

    def _content(self, wrapper: CommandWrapper, reply: Reply) -> Content:
        """What is sent of the reply's data: no more than the host awaits, unless by a fault."""
        awaited = wrapper.length if wrapper.reads else 0
        whole = reply.data if reply.data is not None else InMemory(b"")
        content: Content = Window(whole, 0, min(whole.size, awaited))
        bad = self.faults.due(BadData, wrapper.cdb[0])
        if bad is not None:
            cut = Window(content, 0, content.size - bad.cut + min(0, bad.deliver))
            content = Padded(cut, max(0, bad.deliver))
        return content

    def _send_data(self, wrapper: CommandWrapper, content: Content) -> bool:
        """Queue the data; whether it is less than the host awaits."""
        short = wrapper.reads and content.size < wrapper.length
        if content.size or (short and not self._stalls):
            self._pipe.send(b"", content, zero_packet=short)
        return short

    def _send(self, statuses: list[bytes]) -> None:
        for status in statuses:
            self._pipe.send(status, zero_packet=False)

    def _statuses(self, wrapper: CommandWrapper, reply: Reply) -> list[bytes]:
        """The command status wrapper (§5.2), or what a fault makes of it."""
        if self.faults.due(NoAnswer, wrapper.cdb[0]):
            return []
        code = GOOD if reply.sense == NO_SENSE else FAILED
        sent = reply.data.size if reply.data is not None else 0
        expected = wrapper.length if wrapper.reads else 0
        if sent > expected:
            code = PHASE_ERROR  # cases 2, 7 and 10: the host awaits less, or another direction
        residue = wrapper.length - self._used(wrapper, reply)
        bad = self.faults.due(BadResponse, wrapper.cdb[0])
        raw = status_wrapper(wrapper.tag, residue, code, bad)
        return [raw] * (2 if self.faults.due(Repeat, wrapper.cdb[0]) else 1)

    def _used(self, wrapper: CommandWrapper, reply: Reply) -> int:
        """How many of the bytes that the host declared were processed."""
        if wrapper.reads:
            used = reply.data.size if reply.data is not None else 0
        elif reply.taken is not None:
            used = reply.taken
        else:
            used = self._taken if reply.sense == NO_SENSE and wrapper.length else 0
        return min(used, wrapper.length)
