"""Every bay of the dock: looks what is plugged in, and gives each recorder a thread of its own."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from agent.bay.port import Port
from agent.bay.status import BayStatus, Doing, Shown
from agent.bay.strangers import Strangers
from agent.bay.words import ids
from agent.clock import Clock, to_text
from agent.config import Bay
from agent.errors import BodydockError, Fault
from agent.link.attached import Attached

log = logging.getLogger(__name__)

MOST_BAYS = 64

Begin: TypeAlias = Callable[[Port, Shown], Callable[[], None]]
"""Makes a contact; what it gives back runs in a thread of its own until `port.over`."""


class Looks(Protocol):
    """`agent.link.machine.Machine`."""

    def attached(self) -> tuple[Attached, ...]: ...


@dataclass(slots=True)
class _Docked:
    """One contact."""

    port: Port
    shown: Shown
    future: Future[None]


class Bays:
    """`known` says whether any profile may match what a port shows. Without `bays` every port
    is one. One thread calls `poll`, any thread `statuses`.
    """

    def __init__(
        self,
        machine: Looks,
        begin: Begin,
        known: Callable[[Attached], bool],
        bays: Sequence[Bay],
        clock: Clock,
    ) -> None:
        self._machine = machine
        self._contact = begin
        self._known = known
        self._bays = {bay.port: bay for bay in bays}
        self._clock = clock
        self._docked: dict[str, _Docked] = {}
        self._leaving: dict[str, _Docked] = {}
        self._lost: dict[str, Shown] = {}
        """Recorders that never came back from their unlock, until something else comes."""

        self._strangers = Strangers(clock)
        self._threads = ThreadPoolExecutor(MOST_BAYS, thread_name_prefix="bay")

    def poll(self) -> None:
        """Look at all ports once; begin and end contacts.

        Raises what ended a contact's thread where that was the dock's own fault.
        """
        now = {attached.port: attached for attached in self._machine.attached()}
        for port, docked in list(self._docked.items()):
            docked.port.update(now.get(port))
            if docked.port.lost:
                self._lost[port] = docked.shown
            elif docked.port.over.is_set():
                log.info("bay %s: unplugged", docked.shown.now.bay)
            if docked.port.over.is_set():
                self._end(port)
        for port in now.keys() - self._docked.keys():
            self._lost.pop(port, None)
            self._meet(now[port])
        self._strangers.keep(now.keys() - self._docked.keys())
        for docked in (*self._docked.values(), *self._leaving.values()):
            _look_at(docked)
        self._leaving = {p: one for p, one in self._leaving.items() if not one.future.done()}

    def statuses(self) -> list[BayStatus]:
        """What every occupied bay shows now, by bay name; bay 2 comes before bay 10."""
        docked = [docked.shown for docked in self._docked.values()]
        shown = [one.now for one in (*docked, *self._lost.copy().values())]
        return sorted([*shown, *self._strangers.statuses()], key=_by_name)

    def close(self) -> None:
        """End every contact and wait until their threads have ended."""
        for port in list(self._docked):
            self._end(port)
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _meet(self, attached: Attached) -> None:
        bay = self._bays.get(attached.port)
        if self._bays and bay is None:
            self._strangers.refuse(attached, attached.port, "this port is no bay of this dock")
        elif not self._known(attached):
            name = bay.name if bay else attached.port
            self._strangers.refuse(attached, name, "no profile matches it")
        else:
            self._dock(attached, bay)

    def _dock(self, attached: Attached, bay: Bay | None) -> None:
        shown = Shown(
            BayStatus(
                bay=bay.name if bay else attached.port,
                port=attached.port,
                doing=Doing.OPENING,
                since=to_text(self._clock.now()),
                what=ids(attached),
                priority=bay is not None and bay.priority,
            )
        )
        port = Port(attached, self._clock)
        before = self._leaving.get(attached.port)
        future = self._threads.submit(_after, before, self._contact(port, shown))
        self._docked[attached.port] = _Docked(port, shown, future)

    def _end(self, port: str) -> None:
        docked = self._leaving[port] = self._docked.pop(port)
        docked.port.end()


def _by_name(status: BayStatus) -> list[tuple[int, str]]:
    """Numbers in a name count as numbers."""
    parts = re.findall(r"\d+|\D+", status.bay)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _after(before: _Docked | None, contact: Callable[[], None]) -> None:
    """One contact at a time in a bay: the one before may still be closing a clip."""
    if before is not None:
        wait([before.future])
    contact()


def _look_at(docked: _Docked) -> None:
    """Raise what concerns the whole dock; keep to this bay what does not."""
    error = docked.future.exception() if docked.future.done() else None
    if error is None:
        return
    if isinstance(error, BodydockError) and error.fault is Fault.DOCK and not error.retry:
        raise error
    if docked.shown.now.doing is not Doing.TROUBLE:
        log.error("bay %s: left alone until replugged", docked.shown.now.bay, exc_info=error)
        docked.shown.change(doing=Doing.TROUBLE, trouble=f"a fault in this program: {error!r}")
