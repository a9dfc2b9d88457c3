"""How an uplink behaves; the defaults are meant to be kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkSettings:
    """Times in seconds, sizes in bytes."""

    clips: int = 8
    """Clips that may be on their way at once."""
    window: int = 16 * 1024 * 1024
    """Never more than this is sent and not confirmed, whatever an archive grants."""
    messages: int = 8
    """Chunks are held back while the broker has so many messages to acknowledge (5 or more: the
    link wakes us at 4)."""
    first_silence: float = 10.0
    """An offer without an answer is repeated after at most this, then after twice as long …"""
    longest_silence: float = 300.0
    """… and so on up to this, for ever."""
    progress_silence: float = 20.0
    """Chunks of which nothing is confirmed for so long count as lost."""
    stale_grant: float = 30.0
    """A grant that was not used for so long is asked for again."""
    tries: int = 3
    """Offers of one clip without result, while others get answers, before it makes way for them."""
    tries_alone: int = 8
    """The same while nothing is heard at all, though a receiver says that it is there."""
    presence_wait: float = 2.0
    """After connecting, how long to wait for word that an archive is there."""
    idle: float = 1.0
    """How often the ledger is asked for new clips."""
    refused_again: float = 24 * 3600.0
    """When a clip that the archive refused is offered again."""
    verify_again: float = 300.0
    """When a clip that the archive kept refusing, but that is sound here, is offered again."""
