"""The dock's daemon: builds every object by hand, in this one place; supervises; stops in order."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from random import Random, SystemRandom

from agent import live
from agent.bay.bays import Bays
from agent.bay.contact import Contact
from agent.bay.meeting import Guide
from agent.bay.ownership import ownership_of
from agent.bay.port import Port
from agent.bay.practice import Practice
from agent.bay.status import Shown
from agent.bay.turns import Turns
from agent.clock import Clock, SystemClock, trust
from agent.config import DockConfig
from agent.custody.counter import Counter
from agent.custody.dock_key import dock_key, enter
from agent.custody.log import CustodyLog, tell_start
from agent.custody.orders import Office
from agent.custody.orders_table import handlers_for
from agent.errors import SpoolFull
from agent.link.attached import Roots
from agent.link.machine import Machine
from agent.link.udev import Doorbell, Hotplug, udev_doorbell
from agent.link.usb import Backend, UsbBus
from agent.live import Live
from agent.making import (
    make_cipher,
    make_clearing,
    make_folders,
    make_spool,
    make_stamper,
    make_uplink,
)
from agent.offload.pull import Offload
from agent.recorder.profiles.load import load_profiles, shipped_folder
from agent.spool.recovery import open_ledger, recover

log = logging.getLogger(__name__)

LIVE_SECONDS = 1.0
START_AGAIN_SECONDS = 10.0
NOWHERE = Roots(Path(os.devnull), Path(os.devnull))
"""No machine's folders: a dock of simulated recorders never looks at this machine's own disks."""


class DockDaemon:
    """One dock. `usb_backend` replaces libusb beneath pyusb, and `roots` the kernel's own
    folders, for simulated recorders; then no udev is asked either. `trust` says how far `clock` can
    be trusted, see `agent.clock.trust`.

    Raises at once what keeps the dock from working at all: `KeyUnusable`, `ConfigError`,
    `SpoolBroken`, `LedgerBroken`.
    """

    def __init__(
        self,
        config: DockConfig,
        *,
        usb_backend: Backend | None = None,
        roots: Roots | None = None,
        clock: Clock | None = None,
        random: Random | None = None,
        trust: Callable[[], str] = trust,
    ) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._trust = trust
        self._random = random or SystemRandom()
        self._made = ExitStack()
        with ExitStack() as making:
            self._make(making)
            self._make_bays(making, usb_backend, roots or (NOWHERE if usb_backend else Roots()))
            self._counter = making.enter_context(Counter(config.dock.runtime, self._office))
            self._made = making.pop_all()

    def _make(self, making: ExitStack) -> None:
        config, clock, random = self._config, self._clock, self._random
        cipher = make_cipher(config)
        make_folders(config)
        own = dock_key(config.key)
        self._ledger = ledger = open_ledger(config.dock.state, clock, self._trust)
        making.callback(ledger.close)
        enter(own, ledger)
        tell_start(ledger, config)
        self._custody = CustodyLog(ledger, config.dock.id, own.secret, clock)
        self._spool = spool = make_spool(config, ledger, cipher, random)
        making.callback(spool.close)
        recover(spool)
        self._office = Office(ledger, handlers_for(config))
        self._offload = Offload(spool, ledger)
        self._uplink = make_uplink(
            config, own, ledger, spool, self._office, self._custody, clock, random
        )
        self._stamper = make_stamper(config, ledger, clock, random)

    def _make_bays(self, making: ExitStack, usb_backend: Backend | None, roots: Roots) -> None:
        config = self._config
        bus = UsbBus(usb_backend)
        guide = Guide(
            bus=bus,
            profiles=load_profiles(shipped_folder(), config.recorders.profiles),
            passwords=config.recorders.passwords,
            clock=self._clock,
            zone=config.recorders.zone,
        )
        practice = Practice(
            ledger=self._ledger,
            offload=self._offload,
            clock=self._clock,
            random=self._random,
            set_clock=config.recorders.set_clock,
            guide=guide,
            turns=Turns(config.recorders.parallel),
            spooled=self._uplink.poke,
            owned=ownership_of(config, self._clock).owned,
            clearing=make_clearing(config, self._ledger, self._spool),
        )
        machine = Machine(bus, roots, config.serial_ports, config.addresses)
        begin = partial(_contact, practice)
        self._bays = Bays(machine, begin, guide.knows, config.bay, self._clock)
        bell = udev_doorbell() if usb_backend is None else Doorbell()
        self._hotplug = making.enter_context(closing(bell))

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set, then end contacts, uplink and ledger, in this order.

        Raises what ended a thread of ours; a service manager then starts us anew.
        """
        with self._made, ThreadPoolExecutor(2, thread_name_prefix="uplink") as threads:
            uplink_stop = threading.Event()
            if self._stamper:
                threads.submit(self._stamper.run, uplink_stop)
            uplink = threads.submit(self._uplink.run, uplink_stop)
            _ring_at(stop, self._hotplug)
            log.info("dock %s is up", self._config.dock.id)
            try:
                self._supervise(stop, uplink)
            finally:
                self._bays.close()
                uplink_stop.set()
                self._uplink.poke()
                live.remove(self._config.dock.runtime)
            uplink.result()
        log.info("dock %s stopped", self._config.dock.id)

    def _supervise(self, stop: threading.Event, uplink: Future[None]) -> None:
        shown = 0.0
        while not stop.is_set():
            if uplink.done():
                uplink.result()
                return
            self._counter.check()
            self._bays.poll()
            self._tick()
            if self._clock.monotonic() - shown >= LIVE_SECONDS:
                shown = self._clock.monotonic()
                self._show()
            self._hotplug.wait(min(self._config.recorders.poll_seconds, LIVE_SECONDS))

    def _tick(self) -> None:
        try:
            self._ledger.tick()
            self._custody.keep_up()
        except SpoolFull as full:  # the hold times stand still until there is room again
            log.warning("the ledger has no room: %s", full)

    def _show(self) -> None:
        moment = Live(
            at=self._clock.now(),
            pid=os.getpid(),
            bays=[status.document() for status in self._bays.statuses()],
            uplink=self._uplink.snapshot(),
            intake=self._offload.paused,
        )
        try:
            live.write(self._config.dock.runtime, moment)
        except OSError as error:  # nobody depends on it but people who look
            log.warning("%s cannot be written: %s", self._config.dock.runtime, error.strerror)


def run_dock(
    config: DockConfig,
    stop: threading.Event,
    *,
    usb_backend: Backend | None = None,
    roots: Roots | None = None,
    clock: Clock | None = None,
    trust: Callable[[], str] = trust,
) -> None:
    """Build a dock and run it until `stop`. A disk without room for the ledger is waited for."""
    while not stop.is_set():
        try:
            daemon = DockDaemon(
                config, usb_backend=usb_backend, roots=roots, clock=clock, trust=trust
            )
        except SpoolFull as full:
            log.error("cannot start yet: %s", full)
            stop.wait(START_AGAIN_SECONDS)
        else:
            daemon.run(stop)
            return


def _ring_at(stop: threading.Event, hotplug: Hotplug) -> None:
    """Let a stop end the wait for the next plug."""

    def wait() -> None:
        stop.wait()
        hotplug.ring()

    threading.Thread(target=wait, name="stop", daemon=True).start()


def _contact(practice: Practice, port: Port, shown: Shown) -> Callable[[], None]:
    return Contact(practice, shown, port).run
