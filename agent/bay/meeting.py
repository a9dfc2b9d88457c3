"""Whom one port holds over one contact: recognised once, opened as often as it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

from agent.clock import Clock
from agent.link.attached import Attached
from agent.link.usb import UsbBus
from agent.recorder.base import Recorder
from agent.recorder.plug import Plug, Site
from agent.recorder.profiles.asking import asked_interface_name, asked_volume_labels
from agent.recorder.profiles.load import Profiles
from agent.recorder.profiles.match import Candidate, candidates, possible
from agent.recorder.profiles.model import Profile
from agent.recorder.profiles.passwords import password_for
from agent.recorder.recognise import recognise
from agent.recorder.registry import open_recorder
from agent.recorder.two_phase import Introduced, TwoPhase


@dataclass(frozen=True, slots=True)
class Guide:
    """What it takes to recognise and open a recorder; every port shares it."""

    bus: UsbBus
    profiles: Profiles
    passwords: Path
    clock: Clock
    zone: tzinfo | None = None
    sleep: Callable[[float], None] | None = None

    def found(self, attached: Attached) -> list[Candidate]:
        """The profiles that what is attached may belong to, the likeliest first."""
        return candidates(
            attached,
            self.profiles,
            interface_name=asked_interface_name(self.bus),
            volume_labels=asked_volume_labels,
        )

    def knows(self, attached: Attached) -> bool:
        """Whether any profile may match. Asks the device nothing."""
        return bool(possible(attached, self.profiles))

    def zone_of(self, profile: Profile) -> tzinfo | None:
        """Where a recorder's local times belong; None for this machine's own zone."""
        return profile.zone or self.zone

    def site(self, plug: Plug, attached: Attached, profile: Profile) -> Site:
        return Site(
            bus=self.bus,
            plug=plug,
            attached=attached,
            profile=profile,
            clock=self.clock,
            password=lambda: password_for(profile, self.passwords),
            zone=self.zone_of(profile),
            sleep=self.sleep,
        )


class Meeting:
    """One recorder in one port. `profile` is known once it was opened."""

    def __init__(self, guide: Guide, plug: Plug) -> None:
        self._guide = guide
        self._plug = plug
        self._last: Recorder | None = None
        self.profile: Profile | None = None

    def settle_seconds(self) -> float:
        """How long the recorder wants to be left alone after it was plugged in, at the most; so
        nothing is asked to find that out. Raises `RecorderGone` where the port is empty by now.
        """
        profiles = possible(self._plug.now(), self._guide.profiles)
        return max((profile.quirks.settle_seconds for profile in profiles), default=0.0)

    def open(self) -> tuple[Recorder, Profile]:
        """Open the recorder that the port shows now, with the profile that it was opened by.

        One that was unlocked earlier in this contact is opened as the disk it became, under the
        identity that it had. Raises `RecorderRefused` where no profile knows it, and what its
        driver raises.
        """
        attached = self._plug.now()
        found = self._guide.found(attached)
        introduced = self._introduced(attached, found)
        profile = self.profile
        if introduced is None or profile is None:
            profile = recognise(
                attached, found, lambda each: self._guide.site(self._plug, attached, each)
            )
        recorder = open_recorder(self._guide.site(self._plug, attached, profile), introduced)
        self._last, self.profile = recorder, profile
        return recorder, profile

    def _introduced(self, attached: Attached, found: list[Candidate]) -> Introduced | None:
        """What it told before its unlock, where that was earlier in this contact. A family that
        shows the same face in both modes is asked, and unlocked, anew each time."""
        before = self._last
        if not isinstance(before, TwoPhase) or not before.unlocked or not attached.disks:
            return None
        shows_control = any(one.profile == self.profile for one in found)
        return None if shows_control else before.introduced
