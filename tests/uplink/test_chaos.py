"""Any loss, order, repetition and replay: nothing counts as archived that is not, and in the end
everything is."""

from __future__ import annotations

from collections import deque
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.model import CHUNK_BYTES
from agent.spool.states import State

from .archive import PlayedArchive
from .world import Dock

CHUNK = CHUNK_BYTES


class Storm:
    """A network that loses, delays, repeats and replays in both directions."""

    def __init__(self, dock: Dock, random: Random, roughness: float) -> None:
        self.dock = dock
        self.random = random
        self.roughness = roughness
        self.archive = PlayedArchive(self._down, window=random.choice([2, 5, 64]) * CHUNK)
        self._under_way: deque[tuple[bool, str, bytes]] = deque()
        self._old: list[tuple[bool, str, bytes]] = []
        dock.link.network = self._up

    def _up(self, topic: str, payload: bytes) -> None:
        self._carry((True, topic, payload))

    def _down(self, topic: str, payload: bytes) -> None:
        self._carry((False, topic, payload))

    def _carry(self, message: tuple[bool, str, bytes]) -> None:
        for _ in range(self.random.choice([0, 1, 2]) if self._rough() else 1):
            at = self.random.randrange(len(self._under_way) + 1) if self._rough() else None
            self._under_way.insert(len(self._under_way) if at is None else at, message)
        if len(self._old) < 200:
            self._old.append(message)

    def blow(self) -> None:
        """Deliver some of what is under way, and now and then something old."""
        for _ in range(self.random.randrange(1, 12)):
            if self._old and self._rough() and self._rough():
                self._deliver(self.random.choice(self._old))
            if self._under_way:
                self._deliver(self._under_way.popleft())
        if self._rough() and self._rough() and self._rough():
            self.cut()

    def cut(self) -> None:
        self.dock.link.lose()
        self._under_way.clear()
        self.greet()

    def greet(self) -> None:
        self.dock.link.connect()
        since = self.random.choice(["now", "now", "anew"])
        self.dock.link.arrive(*self.archive.presence(since=since), retained=True)

    def _deliver(self, message: tuple[bool, str, bytes]) -> None:
        upward, topic, payload = message
        if upward:
            self.archive.receive(topic, payload)
        else:
            self.dock.link.arrive(topic, payload)

    def _rough(self) -> bool:
        return self.random.random() < self.roughness


def check(dock: Dock, archive: PlayedArchive) -> None:
    """A clip counts as archived only where the archive really has its very bytes."""
    for clip, entry in dock.books.entries.items():
        if entry.state is State.RECEIPTED:
            assert archive.stored[clip].data == dock.data[clip]
    assert dock.uplink.snapshot()["in_flight"] <= archive.window


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32),
    sizes=st.lists(st.sampled_from([0, 1, CHUNK, CHUNK + 1, 4 * CHUNK, 9 * CHUNK]), max_size=12),
    roughness=st.floats(0, 0.6),
)
def test_everything_arrives_through_any_storm(
    seed: int, sizes: list[int], roughness: float
) -> None:
    dock = Dock(sizes, seed=seed)
    storm = Storm(dock, Random(seed), roughness)
    storm.greet()
    for _ in range(300):
        dock.uplink.step()
        storm.blow()
        check(dock, storm.archive)
        if dock.done:
            break
    storm.roughness = 0.0
    for _ in range(20_000):
        if dock.done:
            break
        dock.uplink.step()
        storm.blow()
    assert dock.done, [(e.seq, e.state, e.reason) for e in dock.books.entries.values()]
    check(dock, storm.archive)
