"""The recorder's verbs over one SMP session."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TypeVar

from agent.clock import Clock
from agent.errors import Malformed, RecorderBusy, RecorderMisbehaved, RecorderRefused
from agent.link.attached import SerialPort
from agent.link.serial_port import SerialLine
from agent.model import Clip, ClockReading, Health, Identity, Storage, printable
from agent.recorder.footage import SIZE_LIMIT, Choice, Taken, own_path
from agent.recorder.plug import Site
from agent.recorder.profiles.model import Profile
from agent.recorder.smp.listing import LIST_LIMIT, Line, iter_lines
from agent.recorder.smp.reading import Reader
from agent.recorder.smp.refusals import complaint, is_missing, is_no_clock
from agent.recorder.smp.session import SerialLine as AnyLine
from agent.recorder.smp.session import Session
from agent.wire.smp import requests
from agent.wire.smp.message import Refusal, Request

R = TypeVar("R")

log = logging.getLogger(__name__)

STORAGE = "0"
"""SMP knows no storages: all files lie in one tree."""
_SERIAL_LIMIT = 256
_PORT_SECONDS = 5.0
_GROUPS_TOLD = 32


def open_smp(site: Site) -> SmpRecorder:
    """Open the serial port that `site` shows and greet the recorder.

    Raises `RecorderGone`, `RecorderBusy`, `RecorderRefused` and `RecorderMisbehaved`.
    """
    port = _port(site)
    return open_on(_line(site, port), site.profile, site.clock, usb_serial=port.serial)


def open_on(line: AnyLine, profile: Profile, clock: Clock, *, usb_serial: str = "") -> SmpRecorder:
    """The same over a line that is open already; it is closed where the greeting fails."""
    session = Session(line, clock)
    try:
        session.open()
    except BaseException:
        session.close()
        raise
    return SmpRecorder(session, profile, clock, usb_serial)


def answers(site: Site) -> bool:
    """Whether an SMP server answers an echo on the port that `site` shows.

    Raises `RecorderBusy` and `RecorderGone` where the port cannot be opened or goes away.
    """
    session = Session(_line(site, _port(site)), site.clock)
    try:
        return session.answers()
    finally:
        session.close()


def _port(site: Site) -> SerialPort:
    serials = site.attached.serials
    return serials[0] if serials else site.plug.await_serial(_PORT_SECONDS)


def _line(site: Site, port: SerialPort) -> SerialLine:
    serial = site.profile.serial
    return SerialLine(port.node, serial.baud, serial.flow)


class SmpRecorder:
    """A recorder that speaks SMP, as `agent.recorder.base.Recorder` promises it.

    It is told apart, listed and measured as its profile's `[smp]` says: SMP itself has no words for
    a serial number, a folder, a battery or a card.
    """

    def __init__(self, session: Session, profile: Profile, clock: Clock, usb_serial: str) -> None:
        self._session = session
        self._profile = profile
        self._clock = clock
        self._usb_serial = usb_serial
        self._reader = Reader(session)
        self._listed: dict[Clip, str] = {}
        """The recorder's own path of every clip."""

    def identify(self) -> Identity:
        """By the letters of OS info that the profile names, else by its `[identity]`.

        Raises `RecorderMisbehaved` where none of them gives a serial number.
        """
        smp, own = self._profile.smp, self._profile.identity
        serial = self._info(smp.serial_info) or self._serial_elsewhere()
        if not serial.strip("0"):
            raise RecorderMisbehaved(
                "the recorder has no serial number where its profile looks for one",
                do="say in the profile where it is: [smp] serial_info or [identity] serial",
            )
        model = self._info(smp.model_info) or own.model
        return Identity(own.maker, model, serial, self._info(smp.firmware_info))

    def health(self) -> Health:
        """Battery and card by the statistics that the profile names."""
        smp = self._profile.smp
        asked = {name for name in (smp.battery_group, smp.storage_group) if name}
        if not asked:
            self._greet()  # so that an unplugged recorder is told apart from a silent profile
        found = {name: self._statistics(name) for name in asked}
        battery = found.get(smp.battery_group, {}).get(smp.battery_field)
        if battery is not None and battery > 100:
            log.warning("the recorder's battery level is %d percent", battery)
            battery = None
        card = found.get(smp.storage_group, {})
        total, free = card.get(smp.storage_total_field), card.get(smp.storage_free_field)
        if total is None or free is None:
            return Health(battery, ())
        unit = smp.storage_unit
        return Health(battery, (Storage(STORAGE, "", total * unit, free * unit),))

    def clock(self) -> ClockReading | None:
        """Its date and time beside ours; the round trip is that of the sending that was answered.
        None where it has no clock, or one that was never set.
        """
        answer = self._session.ask(requests.clock())
        wall, took = self._clock.now(), self._session.took
        if isinstance(answer, Refusal):
            if is_no_clock(answer):
                return None
            raise complaint("reading the clock", answer)
        try:
            shown = requests.decode_moment(answer)
        except Malformed as error:
            log.warning("the recorder's clock shows no time: %s", printable(error.what))
            return None
        return ClockReading(shown, wall - timedelta(seconds=took / 2), took)

    def set_clock(self, now: datetime) -> None:
        """In `now`'s own zone; the zone itself is sent only to a recorder that shows one."""
        reading = self.clock()
        zoned = reading is not None and reading.recorder.tzinfo is not None
        moment = now if zoned else now.replace(tzinfo=None)
        start = self._clock.monotonic()

        def asked() -> Request[None]:
            passed = timedelta(seconds=self._clock.monotonic() - start)
            return requests.set_clock(moment + passed)

        answer = self._session.ask_anew(asked)
        if isinstance(answer, Refusal):
            raise complaint("setting the clock", answer)

    def clips(self) -> Iterator[Clip]:
        """Every file that the recorder's list names. Where it names what is not there or cannot be,
        `RecorderMisbehaved` is raised after the last good clip.
        """
        text = self._reader.whole(self._profile.smp.list_file, LIST_LIMIT)
        taken = Taken()
        listed: dict[Clip, str] = {}
        failed = []
        for line in self._wanted(iter_lines(text)):
            length = self._reader.length(line.path)
            if isinstance(length, Refusal):
                error = complaint(f"asking for {printable(line.path)}", length)
                if isinstance(error, RecorderBusy):
                    raise error
                failed.append(error.what)
            elif length >= SIZE_LIMIT:
                failed.append(f"{printable(line.path)} claims {length} bytes")
            else:
                listed[_clip(line, length, taken)] = line.path
        self._listed = listed
        yield from tuple(listed)
        if failed:
            raise RecorderMisbehaved(
                f"{len(failed)} files could not be listed; the first: {failed[0]}"
            )

    def read(self, clip: Clip, offset: int, size: int) -> bytes:
        """As promised up to the declared end. At or past it the recorder is asked whether it has
        more than it declared: a few bytes of that, or none where it keeps its word.
        """
        return self._reader.read(self._known(clip), clip.size, offset, size)

    def delete(self, clip: Clip) -> None:
        """Refuse: SMP's file group has no word for that, and this driver no way to say it."""
        path = self._known(clip)
        self._greet()
        raise RecorderRefused(
            f"{printable(path)} stays: a recorder that speaks SMP cannot be told to delete a file"
        )

    def close(self) -> None:
        self._session.close()

    def _wanted(self, lines: Iterator[Line]) -> Iterator[Line]:
        """Those that the profile wants, and the recorder's logs that it names and no list does."""
        clips = self._profile.clips
        choice = Choice(clips)
        logs = {path.strip("/"): path for path in clips.logs if not set(path) & set("*?[")}
        for line in lines:
            logs.pop(line.path.strip("/"), None)
            if choice.takes(line.path.strip("/")):
                yield line
        for path in logs.values():
            length = self._reader.length(path)
            if not (isinstance(length, Refusal) and is_missing(length)):
                yield Line(path, "")

    def _known(self, clip: Clip) -> str:
        self._session.check()
        path = self._listed.get(clip)
        if path is None:
            raise RecorderRefused(f"{printable(clip.path)} was not listed in this session")
        return path

    def _greet(self) -> None:
        """Raise `RecorderGone` where it does not answer any more."""
        self._session.need("greeting", requests.echo(""))

    def _info(self, letter: str) -> str:
        """What OS info says under a letter; empty where it says nothing, or does not know it."""
        if not letter:
            return ""
        answer = self._ask(f"asking for info {letter!r}", requests.info(letter))
        return (answer or "").strip()

    def _ask(self, doing: str, request: Request[R]) -> R | None:
        """The answer; None, with a word in the log, for a plain no."""
        answer = self._session.ask(request)
        if not isinstance(answer, Refusal):
            return answer
        error = complaint(doing, answer)
        if isinstance(error, RecorderBusy):
            raise error
        log.warning("%s", error)
        return None

    def _serial_elsewhere(self) -> str:
        for source in self._profile.identity.serial:
            kind, _, path = source.partition(":")
            found = self._file_text(path) if kind == "file" else ""
            if kind == "usb-serial":
                found = self._usb_serial.strip()
            if found.strip("0"):
                return found
        return ""

    def _file_text(self, path: str) -> str:
        """A small text file's first line; empty where there is no such file."""
        length = self._reader.length(path)
        if isinstance(length, Refusal) and is_missing(length):
            return ""
        text = self._reader.whole(path, _SERIAL_LIMIT).decode(errors="replace")
        return text.strip().partition("\n")[0].strip()

    def _statistics(self, group: str) -> dict[str, int]:
        """Empty where the recorder has no such group; then the log tells which it has."""
        found = self._ask(f"asking for statistics {group!r}", requests.statistics(group))
        if found is None:
            known = self._ask("asking for groups", requests.statistics_groups()) or ()
            log.warning("it has the groups %s", printable(", ".join(known[:_GROUPS_TOLD])))
        return found or {}


def _clip(line: Line, length: int, taken: Taken) -> Clip:
    path = own_path((line.path.strip("/"), length, line.recorded), taken)
    return Clip(STORAGE, path, length, line.recorded)
