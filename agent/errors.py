"""Every error that bodydock raises on purpose.

An error says three things: what happened (its message), whose fault it was (`fault`)
and whether waiting helps (`retry`). Where somebody can do something, `do` says what.
Library exceptions are translated into these once, at the edge, in `agent.link` and
in the modules that own a file or a database.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar


class Fault(Enum):
    """Whose fault an error was, and therefore who can mend it."""

    OPERATOR = "operator"
    """A person's input: configuration, command line, a file handed to us."""
    RECORDER = "recorder"
    DOCK = "dock"
    """This machine: disk, file system, database, permissions."""
    NETWORK = "network"
    ARCHIVE = "archive"
    SENDER = "sender"
    """Whoever sent a message that does not keep the contract."""


class BodydockError(Exception):
    """The root of all; never raised itself."""

    fault: ClassVar[Fault]
    retry: ClassVar[bool] = False
    exit_code: ClassVar[int] = 1
    """For the command line; the values follow sysexits.h."""

    def __init__(self, what: str, *, do: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.do = do

    def __str__(self) -> str:
        return f"{self.what}; {self.do}" if self.do else self.what


# A person's input.


class ConfigError(BodydockError):
    """A configuration file cannot be used; the message names file, line and reason."""

    fault = Fault.OPERATOR
    exit_code = 78


class NotPermitted(BodydockError):
    """This user may not read or write a file that the command needs."""

    fault = Fault.OPERATOR
    exit_code = 77


class UsageError(BodydockError):
    """A command cannot be carried out as asked."""

    fault = Fault.OPERATOR
    exit_code = 2


# A recorder.


class RecorderError(BodydockError):
    """Something about one recorder; the other bays are not concerned."""

    fault = Fault.RECORDER


class RecorderGone(RecorderError):
    """Unplugged, switched off, or no longer answering: its contact is over."""


class RecorderBusy(RecorderError):
    """The recorder asks for patience, or another program holds it."""

    retry = True


class RecorderMisbehaved(RecorderError):
    """The recorder broke its own protocol; nothing it said in this exchange counts."""


class RecorderRefused(RecorderError):
    """The recorder understood and said no."""


# This machine.


class SpoolFull(BodydockError):
    """The quota or the free-space floor leaves no room; the footage stays on the recorder."""

    fault = Fault.DOCK
    retry = True


class SpoolBroken(BodydockError):
    """The spool's medium failed to write, sync or give back what was written."""

    fault = Fault.DOCK


class ClipDamaged(BodydockError):
    """A spooled clip no longer has the bytes that its digests promise."""

    fault = Fault.DOCK


class MediumFull(BodydockError):
    """The medium of an export has no room for it, or takes no file that large."""

    fault = Fault.OPERATOR


class MediumBroken(BodydockError):
    """The medium of an export failed to write, or gives back other bytes than were written."""

    fault = Fault.OPERATOR


class LedgerBroken(BodydockError):
    """The ledger cannot be opened, is damaged, or is of a version we do not know."""

    fault = Fault.DOCK


class LedgerInUse(LedgerBroken):
    """Another process writes this ledger: a dock that runs, or a command at its work."""

    retry = True


class LedgerDamaged(LedgerBroken):
    """The ledger's file is no database, or its pages contradict each other: move it aside."""


class NoAnswer(BodydockError):
    """The daemon of this machine took an order and did not answer, or not as it should."""

    fault = Fault.DOCK


class WrongState(BodydockError):
    """A clip was asked to go where its state has no way to."""

    fault = Fault.DOCK


class KeyUnusable(BodydockError):
    """A key file is missing, readable by others, or no key."""

    fault = Fault.OPERATOR
    exit_code = 77


# The network and the archive.


class BrokerUnreachable(BodydockError):
    """No connection to the broker, or it does not let us in."""

    fault = Fault.NETWORK
    retry = True
    exit_code = 69


class ReceiptRejected(BodydockError):
    """A receipt that does not prove what it says; the clip counts as not archived."""

    fault = Fault.ARCHIVE


class ArchiveRefused(BodydockError):
    """The archive says that it will never store this clip as it was offered."""

    fault = Fault.ARCHIVE


class StoreFull(BodydockError):
    """The archive's store has no room."""

    fault = Fault.ARCHIVE
    retry = True


class StoreBroken(BodydockError):
    """The archive's store or catalogue failed, or holds other bytes than it should."""

    fault = Fault.ARCHIVE


# Bytes from outside.


class Malformed(BodydockError):
    """Bytes that break their format; they are dropped and nothing follows from them."""

    fault = Fault.SENDER


class StampRejected(BodydockError):
    """A time stamp authority's answer is not what it was asked for, or not by who is trusted."""

    fault = Fault.SENDER


class AuthorityUnreachable(BodydockError):
    """No answer of a time stamp authority; the checkpoint is stamped later."""

    fault = Fault.NETWORK
    retry = True


class Untrusted(BodydockError):
    """A signature by no key that we trust, or one that does not fit."""

    fault = Fault.SENDER
