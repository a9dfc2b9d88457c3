"""An archive played in memory: it keeps the contract, and tells what it saw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from blake3 import blake3

from agent.clock import to_text
from agent.custody.envelopes import seal, unseal
from agent.custody.keys import SecretKey
from agent.wire import chunk
from agent.wire.contract import (
    OFFER_TYPE,
    PREFIX,
    RECEIPT_TYPE,
    Answer,
    Grant,
    Manifest,
    Presence,
    Progress,
    Receipt,
    decode,
    down,
    presence_topic,
    up,
)

from .world import ARCHIVE_KEY, DOCK, DOCK_KEY, START

RECEIVER = "receiver-1"
ARCHIVE = "archive-1"
MIB = 1024 * 1024


@dataclass
class Holding:
    """What has come of one clip, by offset, and the offer it came with."""

    manifest: Manifest
    parts: dict[int, bytes] = field(default_factory=dict)

    @property
    def ranges(self) -> list[tuple[int, int]]:
        spans: list[tuple[int, int]] = []
        for offset, data in sorted(self.parts.items()):
            if spans and spans[-1][1] == offset:
                spans[-1] = (spans[-1][0], offset + len(data))
            else:
                spans.append((offset, offset + len(data)))
        return spans

    @property
    def data(self) -> bytes:
        return b"".join(data for _, data in sorted(self.parts.items()))

    @property
    def complete(self) -> bool:
        return len(self.data) == self.manifest.sent.size


class PlayedArchive:
    """Takes what a dock publishes, answers through `say(topic, payload)`.

    `mute` hears and says nothing; `quiet` stores and tells no progress.
    """

    def __init__(self, say: Callable[[str, bytes], None], *, window: int = 16 * MIB) -> None:
        self.say = say
        self.window = window
        self.key: SecretKey = ARCHIVE_KEY
        self.answer = Answer.GO
        self.chunk_limit = MIB
        self.mute = False
        self.quiet = False
        self.holdings: dict[str, Holding] = {}
        self.stored: dict[str, Holding] = {}
        self.offers: list[str] = []
        self.arrivals: list[tuple[str, int]] = []
        self.others: dict[str, list[bytes]] = defaultdict(list)

    def receive(self, topic: str, payload: bytes) -> None:
        if self.mute:
            return
        if topic == up(DOCK, "offer"):
            self._offered(decode(Manifest, unseal(OFFER_TYPE, payload, [DOCK_KEY.public])))
        elif topic.startswith(f"{PREFIX}/dock/{DOCK}/up/chunk/{RECEIVER}/"):
            self._chunk(topic.rpartition("/")[2], chunk.decode(payload))
        else:
            self.others[topic].append(payload)

    def presence(self, *, online: bool = True, since: str = "now") -> tuple[str, bytes]:
        said = Presence(
            archive=ARCHIVE,
            receiver=RECEIVER,
            online=online,
            epoch="epoch-1",
            window=self.window,
            chunk_limit=self.chunk_limit,
            since=since,
        )
        return presence_topic(RECEIVER), said.encode()

    def receipt_for(self, manifest: Manifest, **changes: object) -> Receipt:
        facts = {
            "archive": ARCHIVE,
            "epoch": "epoch-1",
            "receiver": RECEIVER,
            "dock": manifest.dock,
            "recorder": manifest.recorder.serial,
            "clip": manifest.clip,
            "size": manifest.size,
            "blake3": manifest.blake3,
            "sha256": manifest.sha256,
            "sm3": manifest.sm3,
            "stored_as": f"objects/{manifest.blake3}",
            "stored_at": to_text(START),
        }
        if manifest.stored:
            facts |= {"stored": manifest.stored, "opened": False, "kept": "as-sent"}
        return Receipt.model_validate(facts | changes)

    def grant(self, manifest: Manifest, **changes: object) -> None:
        facts = {
            "clip": manifest.clip,
            "blake3": manifest.sent.blake3,
            "receiver": RECEIVER,
            "answer": self.answer,
            "reason": "so it is",
            "have": self.holdings[manifest.clip].ranges,
            "window": self.window,
        }
        self.say(down(DOCK, "grant"), Grant.model_validate(facts | changes).encode())

    def progress(self, clip: str, bad: list[int] | None = None) -> None:
        if self.quiet:
            return
        have = self.holdings[clip].ranges
        said = Progress(clip=clip, receiver=RECEIVER, have=have, bad=bad or [])
        self.say(down(DOCK, "progress"), said.encode())

    def _offered(self, manifest: Manifest) -> None:
        self.offers.append(manifest.clip)
        if manifest.clip in self.stored:
            return self._receipt(self.stored[manifest.clip])
        held = self.holdings.setdefault(manifest.clip, Holding(manifest))
        self.grant(manifest)
        return self._seal(held)

    def _chunk(self, clip: str, piece: chunk.Chunk) -> None:
        self.arrivals.append((clip, piece.offset))
        if (held := self.holdings.get(clip)) is None:
            return None
        if blake3(piece.data).digest() != piece.digest:
            return self.progress(clip, [piece.offset])
        held.parts[piece.offset] = bytes(piece.data)
        self.progress(clip)
        return self._seal(held)

    def _seal(self, held: Holding) -> None:
        if self.answer is Answer.GO and held.complete and self._sound(held):
            self.stored[held.manifest.clip] = held
            self._receipt(held)

    def _sound(self, held: Holding) -> bool:
        if blake3(held.data).hexdigest() == held.manifest.sent.blake3:
            return True
        held.parts.clear()
        return False

    def _receipt(self, held: Holding) -> None:
        envelope = seal(RECEIPT_TYPE, self.receipt_for(held.manifest).encode(), self.key)
        self.say(down(DOCK, "receipt"), envelope)
