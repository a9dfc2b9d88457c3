"""Whose card a plain disk is, where its recorder can no longer say so itself.

A recorder that was unlocked stays a disk until it is unplugged. If this dock is started again
meanwhile, or the disk leaves and comes once more, nobody can ask it for its identity.
"""

from __future__ import annotations

from agent.model import Health, Identity
from agent.recorder.profiles.load import Profiles
from agent.recorder.profiles.model import Profile
from agent.spool.ledger import Ledger


def whose_card(
    ledger: Ledger, profiles: Profiles, bay: str, profile: Profile, health: Health
) -> tuple[Identity, Profile] | None:
    """The recorder whose card this disk is, and its profile: the last one that this bay held, if
    it was unlocked there and showed a volume with the same serial number. None for any other
    disk, and for a recorder that has an identity of its own.
    """
    if profile.driver != "volume" or profile.control is not None:
        return None
    last = ledger.last_contact(bay)
    before = profiles.get(last.profile) if last else None
    if last is None or before is None or before.control is None:
        return None
    shown = {storage.serial for storage in health.storages if storage.serial}
    known = {volume.storage.serial for volume in ledger.volumes(last.identity.serial)}
    return (last.identity, before) if shown & known else None
