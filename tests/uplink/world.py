"""A dock's uplink with everything around it played in memory, in virtual time.

Waiting for an event that does not come makes the clock jump, so a week passes in a second.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random

from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.custody.keys import SecretKey
from agent.errors import ClipDamaged
from agent.link.mqtt import Arrived, Connected, Event, Lost
from agent.model import CHUNK_BYTES, ClipId, Digests, Hold, Identity
from agent.spool.case_rows import CaseVersion
from agent.spool.entry import Entry, ReceiptRecord, Sealed, Sighting
from agent.spool.states import State, check_move
from agent.uplink.parts import Books, Copies
from agent.uplink.settings import UplinkSettings
from agent.uplink.uplink import DEFAULTS, Uplink

DOCK = "dock-1"
DOCK_KEY = SecretKey(Ed25519PrivateKey.from_private_bytes(b"d" * 32))
ARCHIVE_KEY = SecretKey(Ed25519PrivateKey.from_private_bytes(b"a" * 32))
NEXT_KEY = SecretKey(Ed25519PrivateKey.from_private_bytes(b"b" * 32))
STRANGER = SecretKey(Ed25519PrivateKey.from_private_bytes(b"x" * 32))
START = datetime(2026, 8, 4, 2, 0, tzinfo=UTC)


class ManualClock:
    """Stands still until told to move; the wall may be moved by itself."""

    def __init__(self) -> None:
        self.elapsed = 1000.0
        self.wall = START

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.elapsed

    def advance(self, seconds: float) -> None:
        self.elapsed += seconds
        self.wall += timedelta(seconds=seconds)


@cache
def content(number: int, size: int) -> bytes:
    """Footage number `number`."""
    return blake3(number.to_bytes(8, "big")).digest(length=size)


def entry_of(number: int, data: bytes, **sighting: object) -> Entry:
    """Clip number `number` as the ledger has it once it is spooled."""
    seen = Sighting(
        clip=ClipId(blake3(b"clip %d" % number).hexdigest()),
        contact=1,
        identity=Identity("maker", "model", f"R{number % 3}", "1.0"),
        bay="3",
        storage="1",
        path=f"DCIM/{number:04}.MP4",
        size=len(data),
        recorded="20260804T100000",
        marked=False,
    )
    seen = replace(seen, **sighting)  # type: ignore[arg-type]
    parts = chunks_of(data)
    digests = Digests(
        blake3=blake3(data).hexdigest(),
        chunks=blake3(b"".join(blake3(part).digest() for part in parts)).hexdigest(),
        sha256="5" * 64,
    )
    return Entry(
        seq=number,
        sighting=seen,
        state=State.SPOOLED,
        reason="",
        sealed=Sealed(seen.clip, len(data), digests, blake3(data).hexdigest()),
        receipt=None,
        seen_at=START,
        spooled_at=START,
        receipted_at=None,
        attempts=0,
        due=None,
    )


def chunks_of(data: bytes) -> list[bytes]:
    return [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]


class MemoryBooks:
    """A ledger in memory that keeps to the transition table."""

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        self.entries = {entry.clip: entry for entry in entries}
        self.writes = 0
        self.epochs: dict[str, str] = {}

    def find(self, clip: ClipId) -> Entry | None:
        return self.entries.get(clip)

    def to_send(self, now: datetime, limit: int) -> list[Entry]:
        open_states = (State.SPOOLED, State.OFFERED, State.REFUSED)
        found = [
            entry
            for entry in self.entries.values()
            if entry.state in open_states and (entry.due is None or entry.due <= now)
        ]
        return sorted(found, key=lambda entry: entry.seq)[:limit]

    def offered(self, clip: ClipId) -> None:
        self._move(clip, State.OFFERED, staying=True)

    def postpone(self, clip: ClipId, due: datetime, reason: str) -> None:
        entry = self.entries[clip]
        self._set(entry, attempts=entry.attempts + 1, due=due, reason=reason)

    def progressed(self, clip: ClipId) -> None:
        self._set(self.entries[clip], attempts=0, due=None)

    def receipted(self, clip: ClipId, receipt: ReceiptRecord) -> None:
        self._move(clip, State.RECEIPTED, receipt=receipt)

    def refused(self, clip: ClipId, reason: str, due: datetime) -> None:
        self._move(clip, State.REFUSED, staying=True, reason=reason, due=due)

    def damaged(self, clip: ClipId, reason: str) -> None:
        self._move(clip, State.DAMAGED, reason=reason)

    def case_of(self, clip: ClipId) -> CaseVersion | None:
        return None

    def holds(self, clip: ClipId) -> list[Hold]:
        return []

    def disproved(self, clip: ClipId) -> list[str]:
        return []

    def epoch_of(self, archive: str) -> str | None:
        return self.epochs.get(archive)

    def epoch_seen(self, archive: str, epoch: str) -> bool:
        before, self.epochs[archive] = self.epochs.get(archive), epoch
        return before not in (None, epoch)

    def clips_in(self, state: State) -> list[ClipId]:
        return [clip for clip, entry in self.entries.items() if entry.state is state]

    def _move(self, clip: ClipId, to: State, *, staying: bool = False, **facts: object) -> None:
        entry = self.entries[clip]
        if not (staying and entry.state is to):
            check_move(entry.state, to)
        elif not facts:
            return
        self._set(entry, state=to, **facts)

    def _set(self, entry: Entry, **facts: object) -> None:
        self.writes += 1
        self.entries[entry.clip] = replace(entry, **facts)  # type: ignore[arg-type]


class MemoryCopies:
    """A spool in memory. Bytes in `rotten` are read changed."""

    def __init__(self, clips: dict[ClipId, bytes], books: MemoryBooks) -> None:
        self.clips = clips
        self._books = books
        self.rotten: dict[ClipId, int] = {}
        self.quarantined: list[ClipId] = []

    def read_chunk(self, clip: ClipId, index: int) -> bytes:
        if clip not in self.clips:
            raise ClipDamaged(f"clip {clip}: its file is gone")
        data = bytearray(chunks_of(self.clips[clip])[index])
        if self.rotten.get(clip) == index:
            data[0] ^= 1
        return bytes(data)

    def chunk_digests(self, clip: ClipId) -> list[bytes]:
        return [blake3(part).digest() for part in chunks_of(self.clips.get(clip, b"?"))]

    def verify(self, clip: ClipId) -> None:
        if clip in self.rotten or clip not in self.clips:
            raise ClipDamaged(f"clip {clip} is not what it was")

    def quarantine(self, clip: ClipId, reason: str) -> None:
        self._books.damaged(clip, reason)
        self.quarantined.append(clip)


class PlayedLink:
    """What `MqttLink` is to the uplink. `network` gets what is published while connected."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.inbox: deque[Event] = deque()
        self.connected = False
        self.unacknowledged = 0
        self.network: Callable[[str, bytes], None] = lambda _topic, _payload: None
        self.will: tuple[str, bytes] | None = None
        self.farewell: tuple[str, bytes] | None = None
        self.subscriptions: Sequence[str] = ()

    def __call__(
        self, *, client_id: str, subscriptions: Sequence[str], will: tuple[str, bytes] | None
    ) -> PlayedLink:
        assert DOCK in client_id
        self.subscriptions = subscriptions
        self.will = will
        return self

    @property
    def pending(self) -> int:
        return self.unacknowledged

    def start(self) -> None: ...

    def stop(self, farewell: tuple[str, bytes] | None = None) -> None:
        self.farewell = farewell

    def wake(self) -> None: ...

    def next(self, timeout: float) -> Event | None:
        if self.inbox:
            return self.inbox.popleft()
        self._clock.advance(timeout)
        return None

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> bool:
        if self.connected:
            self.network(topic, payload)
        return self.connected

    def connect(self, packet_limit: int | None = None) -> None:
        self.connected = True
        self.unacknowledged = 0
        self.inbox.append(Connected(5, packet_limit))

    def lose(self) -> None:
        self.connected = False
        self.unacknowledged = 0
        self.inbox.append(Lost("cut"))

    def arrive(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        if self.connected:
            self.inbox.append(Arrived(topic, payload, retained))


class Dock:
    """An uplink over clips of the given sizes, numbered from 1 in the order they were met.

    Clock, ledger and copies may be given instead.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        seed: int = 1,
        clock: ManualClock | None = None,
        ledger: Books | None = None,
        copies: Copies | None = None,
        settings: UplinkSettings = DEFAULTS,
    ) -> None:
        contents = {n: content(n, size) for n, size in enumerate(sizes, 1)}
        entries = [entry_of(n, data) for n, data in contents.items()]
        self.data = {
            entry.clip: data for entry, data in zip(entries, contents.values(), strict=True)
        }
        self.clock = clock or ManualClock()
        self.books = MemoryBooks(entries)
        self.copies = MemoryCopies(dict(self.data), self.books)
        self.link = PlayedLink(self.clock)
        self.uplink = Uplink(
            dock=DOCK,
            spool=copies or self.copies,
            ledger=ledger or self.books,
            make_link=self.link,
            key=DOCK_KEY,
            pinned=(ARCHIVE_KEY.public, NEXT_KEY.public),
            clock=self.clock,
            random=Random(seed),
            settings=settings,
        )

    @property
    def clips(self) -> list[ClipId]:
        return list(self.data)

    def entry(self, clip: ClipId) -> Entry:
        return self.books.entries[clip]

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Work for so many virtual seconds, or until something holds; whether it did."""
        end = self.clock.monotonic() + seconds
        for _ in range(1_000_000):
            if until():
                return True
            if self.clock.monotonic() >= end:
                return False
            self.uplink.step()
        raise AssertionError("the uplink is busy with nothing")

    def run_beside_a_thread(self, until: Callable[[], bool]) -> bool:
        """Work until another thread, which lives in real time, has done its part."""
        deadline = time.monotonic() + 20.0
        while not until() and time.monotonic() < deadline:
            self.uplink.step()
            time.sleep(0.01)
        return until()

    @property
    def done(self) -> bool:
        return all(entry.state is State.RECEIPTED for entry in self.books.entries.values())
