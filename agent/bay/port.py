"""One physical port over one contact, which may span two enumerations of the recorder in it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from agent.bay.plugs import same_device, same_docking, shows_storage
from agent.bay.words import ids
from agent.clock import Clock
from agent.errors import RecorderGone, RecorderMisbehaved
from agent.link.attached import Attached, Disk, SerialPort

T = TypeVar("T")
N = TypeVar("N", Disk, SerialPort)


def may_be_read(node: Path) -> bool:
    """False while udev has not yet given us a new node."""
    return os.access(node, os.R_OK)


class Port:
    """`agent.recorder.plug.Plug`. One thread feeds it every look at the port, any thread waits.

    `over` is set when the recorder was unplugged, or something else has come in its place, or by
    `end`; it never goes back. Only a change that the contact itself expects leaves it unset.
    """

    def __init__(
        self, shows: Attached, clock: Clock, readable: Callable[[Path], bool] = may_be_read
    ) -> None:
        self.port = shows.port
        self.over = threading.Event()
        self._clock = clock
        self._readable = readable
        self._fed = threading.Condition()
        self._shows: Attached | None = shows
        self._change: _Change | None = None
        self._lost = False
        self._grown = False

    @property
    def grown(self) -> bool:
        """Whether a further disk came since `begin`: whoever opened those before does not have it.
        A card that is slow to answer comes as a second disk, when the first is already read."""
        with self._fed:
            return self._grown

    def begin(self) -> None:
        """What it shows is about to be opened, all of it."""
        with self._fed:
            self._grown = False

    @property
    def lost(self) -> bool:
        """Whether it left to become a disk and never came back: nobody unplugged it."""
        with self._fed:
            return self._lost

    def update(self, shows: Attached | None) -> None:
        """What the newest look at this port saw; None for nothing."""
        with self._fed:
            before, self._shows = self._shows, shows
            if self._change is not None:
                self._change.see(shows)
            elif shows is None or before is None or not same_docking(before, shows):
                self.over.set()
            elif before.disks and before.disks != shows.disks:
                self._grown = True
            self._fed.notify_all()

    def end(self) -> None:
        """The contact is over, whatever the port shows; who waits gets `RecorderGone`."""
        with self._fed:
            self.over.set()
            self._fed.notify_all()

    @property
    def shows(self) -> Attached | None:
        """What the newest look saw; None for nothing."""
        with self._fed:
            return self._shows

    def now(self) -> Attached:
        with self._fed:
            return self._present()

    def await_disk(self, seconds: float) -> Disk:
        with self._fed:
            disk = self._wait(seconds, lambda: self._ready(self._present().disks))
            disks = self._present().disks
        if disk or disks:  # one that stays unreadable: opening it says why
            return disk or disks[0]
        raise RecorderMisbehaved(
            f"port {self.port}: no disk within {seconds:.0f} s; no card in it, or it is locked"
        )

    def await_serial(self, seconds: float) -> SerialPort:
        with self._fed:
            serial = self._wait(seconds, lambda: self._ready(self._present().serials))
            serials = self._present().serials
        if serial or serials:
            return serial or serials[0]
        raise RecorderMisbehaved(f"port {self.port}: no serial port within {seconds:.0f} s")

    def change_to_disk(self, seconds: float, unlock: Callable[[], object]) -> Disk:
        with self._fed:
            change = self._change = _Change(self._present())
        try:
            unlock()
            with self._fed:
                disk = self._wait(seconds, lambda: self._ready(self._new_disks(change)))
                disks = self._new_disks(change)
                if disk or disks:
                    return disk or disks[0]
                self._lost = self._shows is None
                raise change.failure(self._shows, seconds)
        finally:
            with self._fed:
                self._change = None

    def pause(self, seconds: float, seen: Attached | None) -> None:
        """Wait until the contact is over, the port shows something else than `seen`, or
        `seconds` have passed."""
        with self._fed:
            self._wait(seconds, lambda: self.over.is_set() or self._shows != seen or None)

    def _wait(self, seconds: float, look: Callable[[], T | None]) -> T | None:
        """What `look` finds in time, asked again at every update; None for nothing."""
        end = self._clock.monotonic() + seconds
        while (found := look()) is None:
            left = end - self._clock.monotonic()
            if left <= 0:
                return None
            self._fed.wait(left)
        return found

    def _present(self) -> Attached:
        if self._shows is None:
            raise RecorderGone(f"port {self.port}: the recorder was unplugged")
        self._check()
        return self._shows

    def _new_disks(self, change: _Change) -> tuple[Disk, ...]:
        self._check()
        return change.disks(self._shows)

    def _check(self) -> None:
        if self.over.is_set():
            raise RecorderGone(f"port {self.port}: its contact is over")

    def _ready(self, nodes: tuple[N, ...]) -> N | None:
        return next((one for one in nodes if self._readable(one.node)), None)


class _Change:
    """A recorder that was told to become a disk: what it did since."""

    def __init__(self, before: Attached) -> None:
        self._before = before
        self._last: Attached | None = before
        self._arrivals = 0

    def see(self, shows: Attached | None) -> None:
        last, self._last = self._last, shows
        if shows is not None and (last is None or not same_device(last, shows)):
            self._arrivals += 1

    def disks(self, shows: Attached | None) -> tuple[Disk, ...]:
        """Those that the unlock brought. Raises `RecorderMisbehaved` where it cannot end well."""
        if self._arrivals > 1:
            raise RecorderMisbehaved(
                f"port {self._before.port}: the recorder re-enumerated twice after its unlock; "
                "unplug it, and look at its cable and battery"
            )
        if shows is None:
            return ()
        if self._arrivals and not shows_storage(shows):
            raise RecorderMisbehaved(
                f"port {self._before.port}: after its unlock it came back as {ids(shows)} and not "
                "as a disk"
            )
        old = {disk.sequence for disk in self._before.disks}
        return tuple(disk for disk in shows.disks if disk.sequence not in old)

    def failure(self, shows: Attached | None, seconds: float) -> RecorderGone | RecorderMisbehaved:
        """Why there is no disk now that the time is up."""
        port = f"port {self._before.port}"
        if shows is None and not self._arrivals:
            return RecorderGone(f"{port}: it left to become a disk and did not come back")
        if shows is None:
            return RecorderGone(f"{port}: it came back after its unlock, and left again")
        if not self._arrivals:
            return RecorderMisbehaved(
                f"{port}: the recorder never became a disk; it said yes, and stayed in control "
                f"mode for {seconds:.0f} s"
            )
        return RecorderMisbehaved(
            f"{port}: it came back as {ids(shows)}, but no disk within {seconds:.0f} s; "
            "perhaps it has no card"
        )
