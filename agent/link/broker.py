"""From a file's `[broker]` to the settings of a link; the password is read here."""

from __future__ import annotations

from agent.config import Broker
from agent.link.mqtt_events import BrokerSettings


def settings_from(broker: Broker) -> BrokerSettings:
    """Raises `ConfigError` where the password's file cannot be read."""
    return BrokerSettings(
        host=broker.host,
        port=broker.port,
        protocol=broker.protocol,
        username=broker.username,
        password=broker.password(),
        keepalive=broker.keepalive,
    )
