"""Whose card a plain disk is, where its recorder can no longer say so itself.

A recorder that was unlocked stays a disk until it is unplugged. If this dock is started again
meanwhile, or the disk leaves and comes once more, nobody can ask it for its identity.
"""

from __future__ import annotations

from agent.model import Health, Identity
from agent.recorder.profiles.load import Profiles
from agent.recorder.profiles.model import Profile
from agent.spool.changes import is_number
from agent.spool.ledger import Ledger


def whose_card(
    ledger: Ledger, profiles: Profiles, bay: str, profile: Profile, health: Health
) -> tuple[Identity, Profile] | None:
    """The recorder whose card this disk is, and its profile: the only one that ever showed a volume
    with the same serial number, if this bay held it last and it was unlocked there; or held nobody
    yet, as after it was given a name. None for any other disk, and for a recorder that has an
    identity of its own; also where several recorders showed that number, or it is one digit
    repeated: makers copy cards whole.
    """
    if profile.driver != "volume" or profile.control is not None:
        return None
    shown = [storage.serial for storage in health.storages if is_number(storage.serial)]
    owners = {volume.recorder for volume in ledger.holders(shown)}
    if len(owners) != 1:
        return None
    last = next(iter(ledger.contacts(owners.pop(), limit=1)), None)
    before = profiles.get(last.profile) if last else None
    if last is None or before is None or before.control is None:
        return None
    here = ledger.last_contact(bay)
    return (last.identity, before) if here is None or here.number == last.number else None
