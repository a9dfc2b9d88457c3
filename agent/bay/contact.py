"""One contact: one recorder in one bay, from plug to unplug."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from random import Random

from agent.bay.status import Doing, Shown
from agent.clock import Clock
from agent.errors import RecorderError, RecorderRefused, SpoolFull
from agent.model import Clip, ClockReading, Health, Identity, printable
from agent.offload.pull import Offload, Pulled
from agent.patience import delay_before
from agent.recorder.base import Recorder
from agent.spool.ledger import Ledger

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 2.0, 600.0
"""Seconds before a recorder that was busy, misbehaved or kept some clips is opened again."""
LOOK_SECONDS = 30.0
"""How often a recorder that is ready is asked for, should a clip be wanted again."""
ROOM_SECONDS = 5.0
"""How often a bay that waits for room in the spool looks again."""


@dataclass(frozen=True, slots=True)
class Practice:
    """What every contact of this dock shares."""

    ledger: Ledger
    offload: Offload
    clock: Clock
    random: Random
    set_clock: bool
    zone: tzinfo | None
    spooled: Callable[[], None]
    """Called from a bay's thread when there is something new to send."""


class Contact:
    """Runs in a thread of its own until the recorder is unplugged or the dock stops."""

    def __init__(
        self,
        practice: Practice,
        shown: Shown,
        over: threading.Event,
        open_it: Callable[[], Recorder],
    ) -> None:
        self._practice = practice
        self._shown = shown
        self._over = over
        self._open = open_it
        self._bay = shown.now.bay

    def run(self) -> None:
        """Go on until the unplugging: pull everything, and again what is wanted again.

        Recorder errors end in words on the bay and another try, and so does a dock without room
        for its ledger; other errors of the dock itself are raised, since they concern every bay.
        """
        attempt = 0
        while not self._over.is_set():
            self._shown.change(doing=Doing.OPENING)
            try:
                if self._once():
                    attempt = 0
                    self._rest()
                    continue
            except SpoolFull as full:
                self._shown.change(doing=Doing.PAUSED, trouble=printable(str(full)))
                log.warning("bay %s: paused: %s", self._bay, full)
            except RecorderError as error:
                # RecorderGone too: if it is really gone, the next poll ends this contact.
                self._say(error)
            attempt += 1
            random = self._practice.random
            self._over.wait(
                delay_before(attempt, random=random, first=FIRST_WAIT, longest=LONGEST_WAIT)
            )

    def _rest(self) -> None:
        """Everything is here. Wait for the unplugging, or until a clip is wanted again because
        the dock's copy was found damaged."""
        serial = self._shown.now.recorder
        while not self._over.wait(LOOK_SECONDS):
            if wanting := self._practice.ledger.wanting(serial):
                log.info("bay %s: %d clips are wanted again", self._bay, wanting)
                return

    def _say(self, error: RecorderError) -> None:
        if self._over.is_set():
            return
        log.warning("bay %s: %s", self._bay, error)
        self._shown.change(doing=Doing.TROUBLE, trouble=printable(str(error)))

    def _once(self) -> bool:
        """Open, ask, pull, close. True when nothing on the recorder is left to pull."""
        recorder = self._open()
        try:
            return self._with(recorder)
        finally:
            recorder.close()

    def _with(self, recorder: Recorder) -> bool:
        self._shown.change(doing=Doing.READING)
        identity = recorder.identify()
        health = recorder.health()
        reading = recorder.clock()
        self._introduce(identity, health, reading)
        contact = self._practice.ledger.begin_contact(self._bay, identity, health, reading)
        reason = "agent stopped"
        try:
            if self._practice.set_clock and reading is not None:
                self._set_clock(recorder)
            pulled = self._pull(recorder, identity, contact)
            reason = "everything pulled" if pulled.complete else "some clips are left"
            return pulled.complete
        except RecorderError as error:
            reason = str(error)
            raise
        finally:
            self._practice.ledger.end_contact(contact, reason)

    def _introduce(self, identity: Identity, health: Health, reading: ClockReading | None) -> None:
        error = clock_error(reading, self._practice.zone)
        self._shown.change(
            recorder=identity.serial,
            model=f"{identity.maker} {identity.model}".strip(),
            battery_percent=health.battery_percent,
            clock_error=error,
        )
        log.info(
            "bay %s: recorder %s (%s %s, firmware %s), battery %s, clock %s",
            self._bay,
            identity.serial,
            identity.maker,
            identity.model,
            identity.firmware,
            "unknown" if health.battery_percent is None else f"{health.battery_percent} %",
            "unknown" if error is None else f"{error:+.1f} s",
        )

    def _set_clock(self, recorder: Recorder) -> None:
        """After its error was measured. A recorder that refuses keeps its clock; no harm done."""
        try:
            recorder.set_clock(self._practice.clock.now().astimezone(self._practice.zone))
        except RecorderRefused as error:
            log.warning("bay %s: the clock cannot be set: %s", self._bay, error)

    def _pull(self, recorder: Recorder, identity: Identity, contact: int) -> Pulled:
        self._shown.change(doing=Doing.PULLING)
        pulled = self._practice.offload.pull(
            recorder,
            identity,
            self._bay,
            contact,
            stop=self._over,
            progress=self._progress,
            wait=self._wait_for_room,
        )
        self._practice.spooled()
        for path, error in pulled.failed:
            log.warning("bay %s: %s: %s", self._bay, path or "listing", error)
        log.info(
            "bay %s: clips pulled %d, known %d, left %d; %d bytes read",
            self._bay,
            pulled.pulled,
            pulled.known,
            len(pulled.failed),
            pulled.bytes,
        )
        doing, trouble = Doing.READY, ""
        if not pulled.complete:
            doing = Doing.TROUBLE
            trouble = pulled.ended or f"{len(pulled.failed)} left: {pulled.failed[0][1]}"
        self._shown.change(
            doing=doing,
            trouble=printable(trouble),
            path="",
            pulled=pulled.pulled,
            known=pulled.known,
        )
        return pulled

    def _progress(self, pulled: Pulled, clip: Clip, done: int) -> None:
        if pulled.pulled != self._shown.now.pulled:
            self._practice.spooled()
        self._shown.change(
            doing=Doing.PULLING,
            trouble="",
            path=printable(clip.path),
            done=done,
            size=clip.size,
            pulled=pulled.pulled,
            known=pulled.known,
        )

    def _wait_for_room(self, full: SpoolFull) -> bool:
        self._shown.change(doing=Doing.PAUSED, trouble=printable(str(full)))
        return not self._over.wait(ROOM_SECONDS)


def clock_error(reading: ClockReading | None, zone: tzinfo | None) -> float | None:
    """Seconds that a recorder's clock is ahead of ours; None where it showed none.

    A clock that names no zone is taken to show `zone`, or this machine's own where that is None.
    """
    if reading is None:
        return None
    shown = reading.recorder
    if shown.tzinfo is None:
        shown = shown.replace(tzinfo=zone) if zone else shown.astimezone()
    return (shown - reading.dock).total_seconds()
