"""Every bay of the dock: looks what is plugged in, and gives each recorder a thread of its own."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial

from agent.bay.contact import Contact, Practice
from agent.bay.plugs import Plugs
from agent.bay.status import BayStatus, Doing, Shown
from agent.errors import BodydockError, Fault
from agent.link.usb import UsbBus
from agent.link.usb_facts import UsbDevice
from agent.recorder.registry import driver_for, open_recorder

log = logging.getLogger(__name__)

MOST_BAYS = 64


@dataclass(slots=True)
class _Occupied:
    """One docking; `future` is None where nothing is to be done on this port."""

    shown: Shown
    over: threading.Event
    future: Future[None] | None = None

    @property
    def busy(self) -> bool:
        return self.future is not None and not self.future.done()


class Bays:
    """`names` maps port paths to the names people know; empty: every port is a bay."""

    def __init__(self, bus: UsbBus, practice: Practice, names: Mapping[str, str]) -> None:
        self._bus = bus
        self._practice = practice
        self._names = names
        self._plugs: Plugs[UsbDevice] = Plugs()
        self._occupied: dict[str, _Occupied] = {}
        self._leaving: dict[str, _Occupied] = {}
        self._threads = ThreadPoolExecutor(MOST_BAYS, thread_name_prefix="bay")

    def poll(self) -> None:
        """Look at the bus once; begin and end contacts.

        Raises what ended a contact's thread where that was the dock's own fault.
        """
        changes = self._plugs.update(self._bus.list_devices())
        for device in changes.gone:
            if occupied := self._occupied.get(device.port):
                log.info("bay %s: unplugged", occupied.shown.now.bay)
            self._end(device.port)
        for device in changes.come:
            self._begin(device)
        for occupied in (*self._occupied.values(), *self._leaving.values()):
            _look_at(occupied)
        self._leaving = {port: one for port, one in self._leaving.items() if one.busy}

    def statuses(self) -> list[BayStatus]:
        """What every occupied bay shows now, by bay name; bay 2 comes before bay 10."""
        return sorted((one.shown.now for one in self._occupied.values()), key=_by_name)

    def close(self) -> None:
        """End every contact and wait until their threads have ended."""
        for port in list(self._occupied):
            self._end(port)
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _begin(self, device: UsbDevice) -> None:
        if driver_for(device) is None:
            log.debug("port %s: no driver knows this device; it is left alone", device.port)
            return
        name = self._names.get(device.port, device.port)
        shown = Shown(BayStatus(bay=name, port=device.port, doing=Doing.OPENING))
        occupied = self._occupied[device.port] = _Occupied(shown, threading.Event())
        if self._names and device.port not in self._names:
            log.warning("port %s is no bay of this dock: what is plugged in is left alone", name)
            shown.change(doing=Doing.REFUSED, trouble="this port is no bay of this dock")
            return
        opener = partial(open_recorder, self._bus, device, self._practice.clock)
        contact = Contact(self._practice, shown, occupied.over, opener)
        before = self._leaving.get(device.port)
        occupied.future = self._threads.submit(_after, before, contact)

    def _end(self, port: str) -> None:
        if occupied := self._occupied.pop(port, None):
            occupied.over.set()
            self._leaving[port] = occupied


def _by_name(status: BayStatus) -> list[tuple[int, str]]:
    """Numbers in a name count as numbers."""
    parts = re.findall(r"\d+|\D+", status.bay)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _after(before: _Occupied | None, contact: Contact) -> None:
    """One contact at a time in a bay: the one before may still be closing a clip."""
    if before is not None and before.future is not None:
        wait([before.future])
    contact.run()


def _look_at(occupied: _Occupied) -> None:
    """Raise what concerns the whole dock; keep to this bay what does not."""
    if occupied.busy or occupied.future is None:
        return
    error = occupied.future.exception()
    if error is None:
        return
    if isinstance(error, BodydockError) and error.fault is Fault.DOCK and not error.retry:
        raise error
    if occupied.shown.now.doing is not Doing.TROUBLE:
        log.error("bay %s: left alone until replugged", occupied.shown.now.bay, exc_info=error)
        occupied.shown.change(doing=Doing.TROUBLE, trouble=f"a fault in this program: {error!r}")
