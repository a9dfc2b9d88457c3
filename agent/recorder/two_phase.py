"""A recorder met twice: in control mode, then as a disk on the same port.

Identity, battery and clock can often be read only before the unlock, the clips only after it
(`field.md` §2). To the rest of the program this is one recorder: the first listing unlocks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from agent.errors import RecorderGone, RecorderRefused
from agent.link.attached import Disk
from agent.model import Clip, ClockReading, Health, Identity
from agent.recorder.base import Recorder
from agent.recorder.control.session import ControlSession
from agent.recorder.plug import Site

OpenVolume: TypeAlias = Callable[[Site, Disk], Recorder]


@dataclass(frozen=True, slots=True)
class Introduced:
    """What control mode told; it stays true when the recorder is met again as a disk."""

    identity: Identity
    health: Health
    reading: ClockReading | None


class TwoPhase:
    """`agent.recorder.base.Recorder` over a control session and the disk that follows it.

    `introduced` is given where this recorder was unlocked before, in the same contact: then there
    is no control session any more, and the port already shows the disk.
    """

    def __init__(
        self,
        site: Site,
        open_volume: OpenVolume,
        *,
        control: ControlSession | None = None,
        introduced: Introduced | None = None,
    ) -> None:
        if (control is None) == (introduced is None):
            raise ValueError("a recorder is met in control mode, or was before")
        self._site = site
        self._open_volume = open_volume
        self._control = control
        self._introduced = introduced
        self._volume: Recorder | None = None
        self._closed = False

    @property
    def introduced(self) -> Introduced:
        """What control mode told; asked for where nobody did before."""
        if self._introduced is None:
            control = self._controlled()
            self._introduced = Introduced(control.identity(), control.health(), control.clock())
        return self._introduced

    @property
    def disk(self) -> Recorder | None:
        """The driver of the disk that it became, once that was opened."""
        return self._volume

    @property
    def unlocked(self) -> bool:
        """Whether it was told to become a disk; what it shows now is to be opened as one."""
        return self._control is None

    def identify(self) -> Identity:
        self._check()
        return self.introduced.identity

    def health(self) -> Health:
        """Anew in control mode; later the battery as control mode told it, and the disk's storages.

        Storages are control mode's until the disk was opened.
        """
        self._check()
        if self._volume is not None:
            return replace(self.introduced.health, storages=self._volume.health().storages)
        if self._control is not None:
            self._introduced = replace(self.introduced, health=self._control.health())
        return self.introduced.health

    def clock(self) -> ClockReading | None:
        """Read once in this contact, before anybody could set it."""
        self._check()
        return self.introduced.reading

    def set_clock(self, now: datetime) -> None:
        self._check()
        if self._control is None:
            raise RecorderRefused("as a disk it lets nobody set its clock")
        self._control.set_clock(now)

    def unlock(self) -> None:
        """Tell it to become a disk, wait for its second enumeration, and open that.

        Raises what `Plug.change_to_disk` and the volume driver raise.
        """
        self._disk()

    def clips(self) -> Iterator[Clip]:
        """Unlocks the recorder where nobody did before."""
        return self._disk().clips()

    def read(self, clip: Clip, offset: int, size: int) -> bytes:
        return self._listed().read(clip, offset, size)

    def delete(self, clip: Clip) -> None:
        self._listed().delete(clip)

    def close(self) -> None:
        self._closed = True
        for part in (self._volume, self._control):
            if part is not None:
                part.close()

    def _check(self) -> None:
        if self._closed:
            raise RecorderGone("the session with the recorder is closed")

    def _controlled(self) -> ControlSession:
        if self._control is None:
            raise RecorderGone("the recorder has left control mode")
        return self._control

    def _listed(self) -> Recorder:
        self._check()
        if self._volume is None:
            raise RecorderRefused("its clips were not listed in this session")
        return self._volume

    def _disk(self) -> Recorder:
        self._check()
        if self._volume is None:
            self._volume = self._open_volume(self._site, self._unlock())
        return self._volume

    def _unlock(self) -> Disk:
        """Everything that control mode tells is asked for before: later it is too late."""
        seconds = self._site.profile.quirks.disk_seconds
        if self._control is None:
            return self._site.plug.await_disk(seconds)
        _ = self.introduced
        control, self._control = self._control, None

        def unlock() -> None:
            try:
                control.become_disk()
            finally:
                control.close()

        return self._site.plug.change_to_disk(seconds, unlock)
