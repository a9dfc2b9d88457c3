"""What about a recorder is below its profile's thresholds, in words (article 20: battery capacity
and storage space are checked before use). Pure.
"""

from __future__ import annotations

from agent.model import Health, Identity
from agent.recorder.profiles.model import Profile

GIB = 2**30


def shortcomings(
    profile: Profile, identity: Identity, health: Health, clock_error: float | None
) -> tuple[str, ...]:
    """Empty where nothing is wrong; what a recorder does not tell of itself counts as nothing
    wrong. `clock_error` in seconds.
    """
    found = []
    wanted = profile.thresholds
    battery = health.battery_percent
    if battery is not None and battery < wanted.battery_percent:
        found.append(f"battery {battery} %, below {wanted.battery_percent} %")
    for storage in health.storages:
        if storage.free < wanted.free:
            name = storage.label or storage.id
            free, need = storage.free / GIB, wanted.free / GIB
            found.append(f"{name}: {free:.1f} GiB free, below {need:.1f} GiB")
        if storage.dirty:
            found.append(f"{storage.label or storage.id}: its file system was not closed in order")
    if clock_error is not None and abs(clock_error) > wanted.clock_seconds:
        found.append(f"clock {clock_error:+.0f} s, more than {wanted.clock_seconds} s off")
    if identity.firmware and not profile.firmware.covers(identity.firmware):
        found.append(f"firmware {identity.firmware} is none that profile {profile.id} is known for")
    return tuple(found)
