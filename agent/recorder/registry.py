"""Which driver opens what a profile describes. Whatever no profile knows is left alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from agent.errors import RecorderRefused
from agent.recorder.base import Recorder
from agent.recorder.control.dialect import open_control
from agent.recorder.mtp.recorder import open_mtp
from agent.recorder.plug import Site
from agent.recorder.smp.recorder import open_smp
from agent.recorder.two_phase import Introduced, TwoPhase
from agent.recorder.volume.recorder import open_disk, open_volume

Opener: TypeAlias = Callable[[Site], Recorder]


def _open_usb_mtp(site: Site) -> Recorder:
    if site.attached.usb is None:
        raise RecorderRefused(
            f"port {site.attached.port}: there is no USB device to speak MTP with"
        )
    return open_mtp(site.bus, site.attached.usb, site.clock)


OPENERS: dict[str, Opener] = {
    "mtp": _open_usb_mtp,
    "volume": open_disk,
    "smp": open_smp,
}


def open_recorder(site: Site, introduced: Introduced | None = None) -> Recorder:
    """Open the recorder in `site` as its profile says.

    `introduced` is what control mode told earlier in this contact: the recorder is a disk now.
    Raises `RecorderRefused` where it is nothing that the driver can open, and whatever the driver
    raises.
    """
    if introduced is not None:
        return TwoPhase(site, open_volume, introduced=introduced)
    if site.profile.control is not None:
        return TwoPhase(site, open_volume, control=open_control(site))
    return OPENERS[site.profile.driver](site)
