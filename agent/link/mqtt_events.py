"""What an MQTT link is told and what it tells; import these from `agent.link.mqtt`."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.link.mqtt_version import Protocol, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Where the broker is and how it lets us in. `keepalive` in seconds."""

    host: str
    port: int = 1883
    protocol: Protocol = "auto"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    keepalive: int = 30


@dataclass(frozen=True, slots=True)
class Connected:
    """`version` is 5, or 4 for MQTT 3.1.1; `packet_limit` in bytes, None where not announced."""

    version: Version
    packet_limit: int | None


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message. `retained` says that the broker had kept it, so it may be old."""

    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """No connection: it ended, or an attempt failed. What was under way may or may not arrive."""

    reason: str


Event = Connected | Arrived | Lost
