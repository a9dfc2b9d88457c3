"""A control session over any dialect, and the probe that tells whether a recorder speaks it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from agent.errors import RecorderMisbehaved, RecorderRefused
from agent.model import ClockReading, Health, Identity, Storage
from agent.recorder.control.interpreter import Interpreter, Silence, Values
from agent.recorder.control.opening import open_channel
from agent.recorder.control.requests import moments
from agent.recorder.plug import Site
from agent.recorder.profiles.dialect import Control
from agent.wire.dialect.layout import Meaning

log = logging.getLogger(__name__)

_QUARTER = timedelta(minutes=15)
_LONGEST_SERIAL = 64


@dataclass(frozen=True, slots=True)
class Wearer:
    """ZFY_INFO: what a recorder holds of itself and its wearer."""

    serial: str
    officer_number: str = ""
    officer: str = ""
    unit_number: str = ""
    unit: str = ""


def open_control(site: Site) -> DialectSession:
    """Open a session in control mode and log in, as the site's profile describes.

    Raises `RecorderGone`, `RecorderBusy`, `RecorderMisbehaved`, `RecorderRefused` (a wrong
    password, in words that do not show it), and `ConfigError` where there is no password.
    """
    control = _control_of(site)
    values: Values = {}
    if control.needs_password:
        user = site.profile.password.user if site.profile.password else ""
        values = {"user": user, "password": site.password()}
    interpreter = _interpreter(site, control, values)
    try:
        interpreter.run("login")
    except BaseException:
        interpreter.close()
        raise
    return DialectSession(site, control, interpreter)


def answers(site: Site) -> bool:
    """Whether the recorder answers the dialect's probe as expected; nothing else is sent.

    Raises `RecorderGone` where it was unplugged meanwhile, or nobody answers at an address, and
    `RecorderBusy` where another program holds it, or it asks for patience.
    """
    control = _control_of(site)
    try:
        interpreter = _interpreter(site, control, {})
        try:
            interpreter.run("probe")
        finally:
            interpreter.close()
    except (RecorderRefused, RecorderMisbehaved, Silence) as error:
        log.debug("profile %s: %s", site.profile.id, error)
        return False
    return True


def _control_of(site: Site) -> Control:
    if site.profile.control is None:
        raise RecorderRefused(f"profile {site.profile.id} has no [control]")
    return site.profile.control


def _interpreter(site: Site, control: Control, values: Values) -> Interpreter:
    channel = open_channel(site, control)
    return Interpreter(control, site.profile.encoding, channel, site.clock, values, site.sleep)


class DialectSession:
    """One logged-in session (`agent.recorder.control.session.ControlSession`), and beside that
    what only an operator asks for.
    """

    def __init__(self, site: Site, control: Control, interpreter: Interpreter) -> None:
        self._site = site
        self._control = control
        self._interpreter = interpreter

    def identity(self) -> Identity:
        """Raises `RecorderMisbehaved` where it has no serial number, or two different ones in a
        row on a serial line, which has no checksum.
        """
        found = self._read_identity()
        if self._control.transport == "serial" and self._read_identity() != found:
            raise RecorderMisbehaved("it tells two different identities in a row")
        wearer = _wearer(found)
        profile = self._site.profile.identity
        return Identity(
            maker=_text(found, "maker") or profile.maker,
            model=_text(found, "model") or profile.model,
            serial=wearer.serial,
            firmware=_text(found, "firmware"),
            id_code=_text(found, "id_code"),
            officer=wearer.officer or wearer.officer_number,
            unit=wearer.unit or wearer.unit_number,
        )

    def wearer(self) -> Wearer:
        """The five fields as the recorder holds them."""
        return _wearer(self._interpreter.run("identity"))

    def write_identity(self, wearer: Wearer) -> None:
        """Write the five fields. Nothing in the dock calls it: a person does, for one recorder.

        Raises `RecorderRefused` where the dialect has no such function, or a field cannot carry
        its text.
        """
        self._need("write_identity", "nobody can write into it who wears it")
        self._interpreter.run(
            "write_identity",
            {
                "serial": wearer.serial,
                "officer_number": wearer.officer_number,
                "officer": wearer.officer,
                "unit_number": wearer.unit_number,
                "unit": wearer.unit,
            },
        )

    def health(self) -> Health:
        """A battery, or a storage, that it does not tell or that says nothing possible is left out:
        neither keeps footage from being pulled.
        """
        battery = self._try("battery").get("battery")
        if isinstance(battery, int) and 0 <= battery <= 100:
            return Health(battery, self._storages())
        if self._interpreter.has("battery"):
            log.warning("the recorder's battery level says nothing")
        return Health(None, self._storages())

    def clock(self) -> ClockReading | None:
        """None also where it shows what is no time, as after its battery died."""
        if not self._interpreter.has("clock"):
            return None
        clock = self._site.clock
        wall, start = clock.now(), clock.monotonic()
        found = self._interpreter.run("clock")
        took = clock.monotonic() - start
        shown = found.get("time")
        if not isinstance(shown, datetime):
            log.warning("the recorder's clock shows no time")
            return None
        quarters = found.get("zone_quarters")
        if isinstance(quarters, int) and abs(quarters) < 96:
            shown = shown.replace(tzinfo=timezone(quarters * _QUARTER))
        return ClockReading(shown, wall + timedelta(seconds=took / 2), took)

    def set_clock(self, now: datetime) -> None:
        """In the zone that the recorder shows (`Site.zone`), to the nearest second."""
        self._need("set_clock", "the recorder has no clock that could be set")
        self._interpreter.run("set_clock", moments(now.astimezone(self._site.zone)))

    def resolution(self) -> tuple[int, int] | None:
        """Width and height that it records with; None where it does not say."""
        found = self._interpreter.run("resolution")
        named = _text(found, "resolution").split("x")
        sides = named if len(named) == 2 else [found.get("width"), found.get("height")]
        width, height = (int(side) if str(side).isdecimal() else 0 for side in map(str, sides))
        return (width, height) if width and height else None

    def become_disk(self) -> None:
        """Returns when it said yes, or left the bus instead; what it became then shows on the port.
        It is never asked twice: to one family the same words mean "be no disk".
        """
        self._interpreter.run("disk")

    def close(self) -> None:
        self._interpreter.close()

    def _try(self, function: str) -> dict[str, Meaning]:
        try:
            return self._interpreter.run(function)
        except (RecorderRefused, RecorderMisbehaved) as error:
            log.warning("%s", error)
            return {}

    def _need(self, function: str, otherwise: str) -> None:
        if not self._interpreter.has(function):
            raise RecorderRefused(otherwise)

    def _read_identity(self) -> dict[str, Meaning]:
        return self._interpreter.run("id_code") | self._interpreter.run("identity")

    def _storages(self) -> tuple[Storage, ...]:
        found = self._try("storage")
        total, free = found.get("total"), found.get("free")
        if not isinstance(total, int) or not isinstance(free, int):
            return ()
        if not 0 <= free <= total:
            log.warning("the recorder's storage says nothing")
            return ()
        unit = self._control.storage_unit
        return (Storage("card", "", total * unit, free * unit),)


def _wearer(found: dict[str, Meaning]) -> Wearer:
    serial = _text(found, "serial")
    if not serial.strip("0"):
        raise RecorderMisbehaved("the recorder has no serial number")
    if not serial.isprintable() or len(serial) > _LONGEST_SERIAL:
        raise RecorderMisbehaved("the recorder's serial number is no text to show")
    names = ("officer_number", "officer", "unit_number", "unit")
    return Wearer(serial, *(_text(found, name) for name in names))


def _text(found: dict[str, Meaning], name: str) -> str:
    value = found.get(name, "")
    return value if isinstance(value, str) else str(value)
