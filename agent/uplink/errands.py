"""What else travels on the uplink's connection: custody, challenges, orders.

An errand knows its own topics and messages and nothing of the uplink; the uplink knows of errands
only what stands here. All methods are called from the uplink's one thread, and none blocks. An
errand publishes in `tick` alone, which follows whatever arrived within the same step.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Protocol

from agent.link.mqtt import Arrived
from agent.wire.contract import Presence, down


class Post(Protocol):
    """Publishes at QoS 1, or says False where the link is gone; then nothing is kept."""

    def __call__(self, topic: str, payload: bytes, *, retain: bool = False) -> bool: ...


class Errand:
    """One of them, which begins by doing nothing. Subclasses replace what they need.

    `hears` are the last parts of its topics: `("custody",)` for `dock/D/down/custody`.
    """

    hears: tuple[str, ...] = ()
    hears_retained = False
    """Whether a message counts that the broker kept from earlier."""

    def connected(self, now: float) -> None:
        """A connection stands. `now` is monotonic, in seconds."""

    def lost(self) -> None:
        """The connection is gone, with whatever was under way."""

    def on_presence(self, presence: Presence) -> None:
        """A receiver says that it is there, or no longer. Unsigned: a hint, never a proof."""

    def on_message(self, name: str, payload: bytes) -> str:
        """A message on `dock/D/down/<name>`: why it was ignored, or nothing.

        May raise `Malformed`, `Untrusted`, `ReceiptRejected`, `WrongState`: the message is then
        dropped, and said so now and then.
        """
        return f"nobody reads {name}" if payload else ""

    def tick(self, now: float, post: Post) -> None:
        """Do what is due. Called at every step while a connection stands, often."""

    def next_moment(self, now: float) -> float:  # noqa: ARG002, for subclasses
        """When something will be due, should nothing arrive; inf for never."""
        return inf


class Errands:
    """All errands of one uplink."""

    def __init__(self, dock: str, errands: Sequence[Errand]) -> None:
        self._errands = tuple(errands)
        self._heard = {down(dock, name): each for each in errands for name in each.hears}
        self._connected = False

    def hear(self, message: Arrived) -> str | None:
        """Why a message was ignored, nothing where it was not; None where it is for no errand."""
        if (errand := self._heard.get(message.topic)) is None:
            return None
        if message.retained and not errand.hears_retained:
            return "kept by the broker, so it answers nothing of today"
        return errand.on_message(message.topic.rpartition("/")[2], message.payload)

    def presence(self, presence: Presence) -> None:
        for each in self._errands:
            each.on_presence(presence)

    def connected(self, now: float) -> None:
        self._connected = True
        for each in self._errands:
            each.connected(now)

    def lost(self) -> None:
        self._connected = False
        for each in self._errands:
            each.lost()

    def tick(self, now: float, post: Post) -> None:
        if self._connected:
            for each in self._errands:
                each.tick(now, post)

    def next_moment(self, now: float) -> float:
        if not self._connected:
            return inf
        return min((each.next_moment(now) for each in self._errands), default=inf)
