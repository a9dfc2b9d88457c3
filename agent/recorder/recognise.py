"""Which profile a port's recorder has: by what it shows; where that is not enough, by asking."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from agent.errors import RecorderMisbehaved, RecorderRefused
from agent.link.attached import Attached
from agent.model import printable
from agent.recorder.control.dialect import answers as dialect_answers
from agent.recorder.plug import Site
from agent.recorder.profiles.match import Candidate
from agent.recorder.profiles.model import Profile
from agent.recorder.smp.recorder import answers as smp_answers

log = logging.getLogger(__name__)


def recognise(
    attached: Attached, found: Sequence[Candidate], site: Callable[[Profile], Site]
) -> Profile:
    """The first candidate that holds, in their order; a probe sends only what its profile names.

    Raises `RecorderRefused` where none does, in words for the team lead, and what ends a contact
    (`RecorderGone`, `RecorderBusy`).
    """
    tried = []
    for candidate in found:
        profile = candidate.profile
        if not candidate.probe or _answers(site(profile)):
            log.debug("port %s: profile %s", attached.port, profile.id)
            return profile
        tried.append(profile.id)
    what = f" {attached.usb.vendor:04x}:{attached.usb.product:04x}" if attached.usb else ""
    if tried:
        raise RecorderRefused(
            f"port {attached.port}: the device{what} did not answer as {' or '.join(tried)} would",
            do="see `bodydock profile match`",
        )
    raise RecorderRefused(
        f"port {attached.port}: no profile knows the device{what}; it is left alone",
        do="see `bodydock profile match`",
    )


def _answers(site: Site) -> bool:
    """Whether this recorder answers as its profile says; nonsense is no answer."""
    try:
        if site.profile.control is not None:
            return dialect_answers(site)
        return site.profile.driver != "smp" or smp_answers(site)
    except (RecorderMisbehaved, RecorderRefused) as error:
        log.debug("probing as %s: %s", site.profile.id, printable(str(error)))
        return False
