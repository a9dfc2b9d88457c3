"""Being told at once that something was plugged or unplugged. The only importer of pyudev.

What was plugged is not asked of udev: an event only brings forward the look that comes anyway
every few seconds, so that a lost event costs a moment and never a recorder.
"""

from __future__ import annotations

import errno
import logging
import select
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from agent.link.bell import Bell

log = logging.getLogger(__name__)

SUBSYSTEMS = ("usb", "block", "tty")
SETTLE_SECONDS = 0.1
"""A plug makes ten events and more; they are waited for together, and a storm of them cannot
bring more looks than one in this time."""
MOST_AT_ONCE = 1000
"""Events taken in by one wait; what is left wakes the next."""
_CONTROL = Path("/run/udev/control")
"""Where udev runs (systemd's udevd and eudev alike)."""
_Monitor: TypeAlias = Any
"""pyudev's `Monitor`; pyudev has no types."""


class Hotplug(Protocol):
    """What wakes the thread that looks at the ports."""

    def wait(self, timeout: float) -> bool:
        """Wait until something changed, or `ring`, or `timeout` seconds; False for the last."""
        ...

    def ring(self) -> None:
        """Wake it at once; any thread may, also after `close`."""
        ...

    def close(self) -> None: ...


class Doorbell:
    """`Hotplug` over udev's events, or over nothing but `ring`. One thread waits."""

    def __init__(self, monitor: _Monitor | None = None, settle: float = SETTLE_SECONDS) -> None:
        self._monitor: _Monitor = monitor
        self._settle = settle
        self._bell = Bell()

    def wait(self, timeout: float) -> bool:
        rung, changed = self._heard(timeout)
        if changed and not rung:
            rung, _ = self._heard(self._settle, udev=False)
        if changed:
            self._take_in()
        if rung:
            self._bell.hush()
        return rung or changed

    def ring(self) -> None:
        self._bell.ring()

    def close(self) -> None:
        self._monitor = None  # its last reference: libudev closes the socket
        self._bell.close()

    def _heard(self, timeout: float, *, udev: bool = True) -> tuple[bool, bool]:
        """Whether the bell was rung, and whether udev has something to say."""
        poll = select.poll()
        poll.register(self._bell.fileno(), select.POLLIN)
        if udev and self._monitor is not None:
            poll.register(self._monitor.fileno(), select.POLLIN)
        heard = {file for file, _ in poll.poll(max(0.0, timeout) * 1000)}
        return self._bell.fileno() in heard, bool(heard - {self._bell.fileno()})

    def _take_in(self) -> None:
        try:
            for _ in range(MOST_AT_ONCE):
                if self._monitor.poll(timeout=0) is None:
                    return
        except OSError as error:
            if error.errno == errno.ENOBUFS:  # more than the kernel keeps: some are lost, no matter
                return
            log.warning("udev has gone quiet (%s); recorders are noticed a little later", error)
            self._monitor = None


def udev_doorbell() -> Doorbell:
    """One that udev rings when it has set the permissions of a node that came.

    Where there is no udev, the log says so once, and `wait` lasts its time.
    """
    return Doorbell(_monitor())


def _monitor() -> _Monitor | None:
    """pyudev's monitor, listening; None where there cannot be one."""
    try:
        import pyudev

        monitor = pyudev.Monitor.from_netlink(pyudev.Context())
        for subsystem in SUBSYSTEMS:
            monitor.filter_by(subsystem)
        monitor.start()
    except (ImportError, OSError) as error:  # no libudev, no netlink
        log.warning("no udev events (%s); recorders are noticed a little later", error)
        return None
    if not _CONTROL.exists():
        log.warning("udev does not run here; recorders are noticed a little later")
    return monitor
