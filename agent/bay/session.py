"""One opening of one recorder: asked who and how it is, then pulled."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import tzinfo
from functools import partial

from agent.bay.cards import whose_card
from agent.bay.port import Port
from agent.bay.practice import Practice
from agent.bay.status import Doing, Shown
from agent.errors import RecorderError, RecorderMisbehaved, RecorderRefused, SpoolFull
from agent.model import Clip, ClipFacts, ClockReading, Health, Identity, printable
from agent.offload.clearing.docked import Docked
from agent.offload.clearing.erasers import eraser_for
from agent.offload.result import Pulled
from agent.recorder.base import Recorder
from agent.recorder.fitness import shortcomings
from agent.recorder.profiles.model import Profile
from agent.recorder.telling import clock_error, facts_of
from agent.recorder.two_phase import TwoPhase

log = logging.getLogger(__name__)

ROOM_SECONDS = 5.0
"""How often a bay that waits for room in the spool looks again."""


class Session:
    """Made for one opening; whoever opened the recorder closes it."""

    def __init__(
        self, practice: Practice, shown: Shown, port: Port, recorder: Recorder, profile: Profile
    ) -> None:
        self._practice = practice
        self._shown = shown
        self._over = port.over
        self._recorder = recorder
        self._profile = profile
        self._bay = shown.now.bay

    def run(self) -> bool:
        """True when nothing on the recorder is left to pull. Raises `RecorderError`."""
        recorder = self._recorder
        self._shown.change(doing=Doing.READING, profile=self._profile.id)
        identity = recorder.identify()
        health = recorder.health()
        if owner := whose_card(
            self._practice.ledger, self._practice.guide.profiles, self._bay, self._profile, health
        ):
            identity, self._profile = owner
            self._shown.change(profile=self._profile.id)
        reading = recorder.clock()
        zone = self._practice.guide.zone_of(profile := self._profile)
        error = clock_error(reading, zone)
        self._introduce(identity, health, error)
        ledger = self._practice.ledger
        contact = ledger.begin_contact(
            self._bay,
            identity,
            health,
            reading,
            profile=profile.id,
            clock_error=error,
            serial_is_label=profile.quirks.serial_is_label,
        )
        reason = "agent stopped"
        try:
            if self._may_set() and (reading is not None or profile.control is not None):
                self._set_clock(zone)
            tell = self._telling(reading, zone, identity, contact)
            if (pulled := self._pull(identity, contact, tell)).complete:
                self._clear(identity, contact, error)
            self._look_again(identity, contact, error)
            reason = "everything pulled" if pulled.complete else "some clips are left"
            return pulled.complete
        except RecorderError as trouble:
            reason = str(trouble)
            raise
        finally:
            ledger.end_contact(contact, reason)

    def _telling(
        self,
        reading: ClockReading | None,
        zone: tzinfo | None,
        identity: Identity,
        contact: int,
    ) -> Callable[[Clip], ClipFacts]:
        """What each clip's facts are told by; each is judged at the moment that it is met."""
        earlier = self._practice.ledger.readings(identity.serial, before=contact)
        clock, profile = self._practice.clock, self._profile

        def tell(clip: Clip) -> ClipFacts:
            return facts_of(clip, profile, reading, zone, clock.now(), earlier)

        return tell

    def _introduce(self, identity: Identity, health: Health, error: float | None) -> None:
        """`error` is its clock's, in seconds."""
        self._shown.change(
            recorder=identity.serial,
            model=f"{identity.maker} {identity.model}".strip(),
            battery_percent=health.battery_percent,
            clock_error=error,
        )
        self._check_fitness(identity, health, error)
        log.info(
            "bay %s: recorder %s (%s %s, firmware %s), battery %s, clock %s",
            self._bay,
            printable(identity.serial),
            printable(identity.maker),
            printable(identity.model),
            printable(identity.firmware),
            "unknown" if health.battery_percent is None else f"{health.battery_percent} %",
            "unknown" if error is None else f"{error:+.1f} s",
        )

    def _check_fitness(self, identity: Identity, health: Health, error: float | None) -> None:
        """Say what is below the profile's thresholds, once for each time that it is new."""
        found = shortcomings(self._profile, identity, health, error)
        shown = tuple(map(printable, found))
        for words in shown:
            if words not in self._shown.now.shortcomings:
                log.warning("bay %s: recorder %s: %s", self._bay, printable(identity.serial), words)
        self._shown.change(shortcomings=shown)

    def _may_set(self) -> bool:
        """Setting the clock is the profile's and the operator's choice."""
        if self._profile.clock.set == "operator":
            return self._practice.set_clock
        return self._profile.clock.set == "always"

    def _set_clock(self, zone: tzinfo | None) -> None:
        """After its error was measured. One that refuses, or answers what nobody knows, keeps its
        clock; its footage does not wait for that."""
        try:
            self._recorder.set_clock(self._practice.clock.now().astimezone(zone))
        except (RecorderRefused, RecorderMisbehaved) as error:
            words = printable(str(error))
            log.warning("bay %s: the clock cannot be set: %s", self._bay, words)

    def _pull(
        self,
        identity: Identity,
        contact: int,
        tell: Callable[[Clip], ClipFacts],
    ) -> Pulled:
        with self._turn():
            if isinstance(self._recorder, TwoPhase):
                self._unlock(self._recorder, contact)
            self._shown.change(doing=Doing.PULLING)
            pulled = self._practice.offload.pull(
                self._recorder,
                identity,
                self._bay,
                contact,
                stop=self._over,
                progress=self._progress,
                wait=self._wait_for_room,
                tell=tell,
                whose=partial(self._practice.owned, identity.serial),
            )
        self._practice.spooled()
        for path, error in pulled.failed:
            log.warning("bay %s: %s: %s", self._bay, path or "listing", printable(str(error)))
        log.info(
            "bay %s: clips pulled %d, known %d, left %d; %d bytes read",
            self._bay,
            pulled.pulled,
            pulled.known,
            len(pulled.failed),
            pulled.bytes,
        )
        self._show_result(pulled)
        return pulled

    def _clear(self, identity: Identity, contact: int, error: float | None) -> None:
        """Once everything on it is here. What was begun and not seen to end, the next looks at."""
        if (office := self._practice.clearing) is None:
            return
        docked = Docked(
            recorder=self._recorder,
            identity=identity,
            bay=self._bay,
            contact=contact,
            health=self._recorder.health(),
            clock_error=error,
            firmware_known=self._profile.firmware.covers(identity.firmware),
            eraser=eraser_for(self._recorder, self._profile),
            over=self._over,
        )
        with self._turn():
            done = office.run(docked)
        if done.wanted:
            self._practice.spooled()

    def _unlock(self, recorder: TwoPhase, contact: int) -> None:
        """Its card is noted before anything is read: should the disk leave and come once more,
        that tells whose it is."""
        if not recorder.unlocked:
            self._shown.change(doing=Doing.UNLOCKING)
        recorder.unlock()
        self._note_storages(contact, recorder.health())

    def _turn(self) -> AbstractContextManager[None]:
        return self._practice.turns.taken(
            priority=self._shown.now.priority, over=self._over, on_wait=self._show_waiting
        )

    def _show_waiting(self) -> None:
        self._shown.change(doing=Doing.WAITING)

    def _show_result(self, pulled: Pulled) -> None:
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

    def _look_again(self, identity: Identity, contact: int, error: float | None) -> None:
        """Health after the pull: battery and room have changed."""
        try:
            health = self._recorder.health()
        except RecorderError as trouble:  # the clips are here; the next docking asks again
            log.info("bay %s: no health after the pull: %s", self._bay, printable(str(trouble)))
            return
        self._shown.change(battery_percent=health.battery_percent)
        self._check_fitness(identity, health, error)
        self._note_storages(contact, health)

    def _note_storages(self, contact: int, health: Health) -> None:
        self._practice.ledger.storages_seen(
            contact, health.storages, serial_is_label=self._profile.quirks.serial_is_label
        )

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
