"""One contact: one recorder in one bay, from plug to unplug."""

from __future__ import annotations

import logging

from agent.bay.meeting import Meeting
from agent.bay.port import Port
from agent.bay.practice import Practice
from agent.bay.session import Session
from agent.bay.status import Doing, Shown
from agent.errors import (
    ConfigError,
    RecorderError,
    RecorderGone,
    RecorderMisbehaved,
    RecorderRefused,
    SpoolFull,
)
from agent.link.attached import SERIAL_PREFIX
from agent.model import printable
from agent.patience import delay_before

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 2.0, 600.0
"""Seconds before a recorder that was busy, misbehaved or kept some clips is opened again."""
LOOK_SECONDS = 30.0
"""How often a recorder that is ready is asked for, should a clip be wanted again."""
ASK_SECONDS = 5.0
"""How often a serial port of the machine's own is asked who is there."""


class Contact:
    """Runs in a thread of its own until the recorder is unplugged or the dock stops.

    One contact may span two enumerations: `port` says when it is over.
    """

    def __init__(
        self,
        practice: Practice,
        shown: Shown,
        port: Port,
    ) -> None:
        self._practice = practice
        self._shown = shown
        self._port = port
        self._over = port.over
        self._meeting = Meeting(practice.guide, port)
        self._in_vain = 0
        """How many clips were wanted again when the recorder was last asked for them."""
        self._met_at = 0.0
        """When, in running time, the last session began: proofs that came since are news."""
        self._misdeed: RecorderMisbehaved | None = None
        """What the recorder did wrong last, until something else happens."""
        self._bay = shown.now.bay

    def run(self) -> None:
        """Go on until the unplugging: pull everything, and again what is wanted again.

        Recorder errors end in words on the bay and another try, and so do a password that nobody
        wrote down and a dock without room for its ledger; other errors of the dock itself are
        raised, since they concern every bay.
        """
        attempt = 0
        self._settle()
        while not self._over.is_set():
            try:
                if self._once():
                    attempt = 0
                    self._rest()
                    continue
            except SpoolFull as full:
                self._shown.change(doing=Doing.PAUSED, trouble=printable(str(full)))
                log.warning("bay %s: paused: %s", self._bay, full)
            except (RecorderError, ConfigError) as error:
                # RecorderGone too: if it is really gone, the next poll ends this contact.
                if self._nobody_there(error):
                    attempt = 0
                    self._port.pause(ASK_SECONDS, self._port.shows)
                    continue
                self._say(error)
            attempt += 1
            delay = delay_before(
                attempt, random=self._practice.random, first=FIRST_WAIT, longest=LONGEST_WAIT
            )
            self._port.pause(delay, self._port.shows)

    def _settle(self) -> None:
        """Some recorders want to be left alone for a while after they were plugged in."""
        try:
            seconds = self._meeting.settle_seconds()
        except RecorderGone:
            return
        self._over.wait(seconds)

    def _rest(self) -> None:
        """Everything is here. Wait for the unplugging, or for a reason to look again: a further
        disk, another recorder on the line, a clip of which the dock's copy was found damaged.

        A clip that the recorder no longer has is wanted in vain: it is asked for once, since each
        look is a contact of its own and may unlock the recorder anew."""
        serial = self._shown.now.recorder
        hidden = self._port.port.startswith(SERIAL_PREFIX)
        while not self._over.is_set():
            seen = self._port.shows
            if self._port.grown:
                log.info("bay %s: a further disk has come", self._bay)
                return
            self._port.pause(ASK_SECONDS if hidden else LOOK_SECONDS, seen)
            if hidden and not self._over.is_set() and not self._is_there(serial):
                log.info("bay %s: recorder %s is gone", self._bay, printable(serial))
                self._meeting = Meeting(self._practice.guide, self._port)
                return
            if self._practice.ledger.newest_proof(serial) > self._met_at:
                log.info("bay %s: clips are proved to be safe", self._bay)
                return
            wanting = self._practice.ledger.wanting(serial)
            if wanting and wanting != self._in_vain:
                self._in_vain = wanting
                log.info("bay %s: %d clips are wanted again", self._bay, wanting)
                return

    def _is_there(self, serial: str) -> bool:
        """Whether the same recorder still answers on a line that shows no plugging."""
        try:
            recorder, _profile = self._meeting.open()
            try:
                return recorder.identify().serial == serial
            finally:
                recorder.close()
        except (RecorderError, ConfigError) as error:
            log.debug("bay %s: %s", self._bay, printable(str(error)))
            return False

    def _nobody_there(self, error: RecorderError | ConfigError) -> bool:
        """A serial port of the machine's own does not show what is plugged into it, and a card
        reader is there without a card: where nobody answers, the bay is empty."""
        profile, shows = self._meeting.profile, self._port.shows
        if self._port.port.startswith(SERIAL_PREFIX):
            empty = profile is None and isinstance(error, RecorderGone | RecorderRefused)
        else:
            plain = profile is not None and profile.driver == "volume" and profile.control is None
            empty = plain and shows is not None and shows.usb is not None and not shows.disks
        if empty and not self._over.is_set():
            self._shown.change(doing=Doing.EMPTY, trouble="", recorder="")
        return empty

    def _say(self, error: RecorderError | ConfigError) -> None:
        if self._over.is_set() and not self._port.lost:
            return
        log.warning("bay %s: %s", self._bay, printable(str(error)))
        unknown = isinstance(error, RecorderRefused) and self._meeting.profile is None
        doing = Doing.REFUSED if unknown else Doing.TROUBLE
        if isinstance(error, RecorderRefused) and self._misdeed and not self._is_known():
            # It became something that no profile knows: how that came about is worth more.
            error = self._misdeed
        self._misdeed = error if isinstance(error, RecorderMisbehaved) else None
        self._shown.change(doing=doing, trouble=printable(str(error)))
        if isinstance(error, RecorderGone) and self._port.port.startswith(SERIAL_PREFIX):
            self._meeting = Meeting(self._practice.guide, self._port)  # whoever comes is met anew

    def _is_known(self) -> bool:
        shows = self._port.shows
        return shows is not None and self._practice.guide.knows(shows)

    def _once(self) -> bool:
        """Open, ask, pull, close. True when nothing on the recorder is left to pull."""
        if self._shown.now.doing is not Doing.EMPTY:
            self._shown.change(doing=Doing.OPENING)
        self._port.begin()
        self._met_at = self._practice.ledger.running
        recorder, profile = self._meeting.open()
        try:
            return Session(self._practice, self._shown, self._port, recorder, profile).run()
        finally:
            recorder.close()
