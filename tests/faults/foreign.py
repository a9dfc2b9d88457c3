"""A foreign client on the broker: knows the topics, and says whatever it likes."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from threading import Event

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt import publish
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from agent.custody.envelopes import seal
from agent.custody.keys import SecretKey
from agent.wire.chunk import Chunk, encode
from agent.wire.contract import (
    OFFER_TYPE,
    RECEIPT_TYPE,
    Answer,
    Grant,
    Manifest,
    Presence,
    Progress,
    Receipt,
    down,
    presence_topic,
    up,
)
from agent.wire.facts import RecorderFacts

Word = tuple[str, bytes]
"""A topic and a payload."""

DOCK, RECEIVER = "dock-1", "county-1"
MIB = 1024 * 1024


def a_key() -> SecretKey:
    """A key that nobody knows."""
    return SecretKey(Ed25519PrivateKey.generate())


def say(port: int, words: list[Word], *, retain: bool = False) -> None:
    """Publish, and return when the broker has acknowledged all of it."""
    messages = [(topic, payload, 1, retain) for topic, payload in words]
    publish.multiple(messages, hostname="127.0.0.1", port=port)  # type: ignore[arg-type]


class Ear:
    """Hears what is published on one topic while the block runs."""

    def __init__(self, port: int, topic: str) -> None:
        self.payloads: list[bytes] = []
        self._port = port
        self._topic = topic
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda _c, _d, said: self.payloads.append(bytes(said.payload))
        self._listening = Event()
        self._client.on_subscribe = lambda *_: self._listening.set()

    def __enter__(self) -> Ear:
        self._client.connect("127.0.0.1", self._port)
        self._client.subscribe(self._topic, qos=1)
        self._client.loop_start()
        if not self._listening.wait(10.0):
            raise TimeoutError(f"no word from the broker about {self._topic}")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def topics(clip: str) -> list[str]:
    """Every topic of the contract, of its neighbourhood, and some that nobody has."""
    return [
        *(down(DOCK, kind) for kind in ("grant", "progress", "receipt", "challenge", "command")),
        down(DOCK, "no", "such", "thing"),
        *(up(DOCK, kind) for kind in ("status", "offer", "challenge", "custody", "result")),
        up(DOCK, "chunk", RECEIVER, clip),
        up(DOCK, "chunk", RECEIVER, "0" * 64),
        up(DOCK, "chunk", RECEIVER, "no clip"),
        up(DOCK, "chunk", "another", clip),
        up(DOCK, "recorder", "SERIAL", "state"),
        up(DOCK, "alert", "a"),
        up("dock-2", "status"),
        up("dock-2", "offer"),
        up("..", "offer"),
        presence_topic(RECEIVER),
        presence_topic("another"),
        "bodydock/2/dock/dock-1/down/grant",
    ]


def noise(random: Random, clip: str) -> Iterator[bytes]:
    """Payloads that are nothing, almost something, or far too much."""
    grant = Grant(clip=clip, blake3="0" * 64, receiver=RECEIVER, answer=Answer.GO).encode()
    yield b""
    yield random.randbytes(200)
    yield grant[: len(grant) // 2]
    yield grant.replace(b'"v":1', b'"v":2')
    yield grant.replace(b'"go"', b'"\\ud800"')
    yield b"[" * 20_000
    yield b"null"
    yield b'{"v":1}'
    yield b'{"v":1,"size":1e400,"have":[[9223372036854775808,-1]]}'
    yield encode(Chunk(2**62, random.randbytes(32), b"x"))
    yield b" " * 300_000
    yield random.randbytes(MIB)


def forged_answers(clip: str, blake3: str, size: int) -> list[Word]:
    """Well formed, unsigned as the real ones are, and all lies."""
    whole = [(0, size)]
    grants = [
        Grant(clip=clip, blake3=blake3, receiver=who, answer=answer, have=have, window=window)
        for who in (RECEIVER, "another")
        for answer, have, window in (
            (Answer.GO, whole, 2**62),
            (Answer.GO, [], 0),
            (Answer.LATER, [], 0),
        )
    ]
    progress = Progress(clip=clip, receiver=RECEIVER, have=whole)
    refusing = Progress(clip=clip, receiver=RECEIVER, have=[], bad=list(range(0, size, 256 * 1024)))
    return [
        *((down(DOCK, "grant"), grant.encode()) for grant in grants),
        (down(DOCK, "progress"), progress.encode()),
        (down(DOCK, "progress"), refusing.encode()),
    ]


def presence(receiver: str, *, online: bool = True) -> Word:
    """A receiver is there, or no longer; nobody signs this."""
    said = Presence(archive="county", receiver=receiver, online=online, epoch="e", since="now")
    return presence_topic(receiver), said.encode()


def never(clip: str, blake3: str) -> Word:
    grant = Grant(clip=clip, blake3=blake3, receiver=RECEIVER, answer=Answer.NEVER)
    return down(DOCK, "grant"), grant.encode()


def forged_receipts(true: Receipt, archive: SecretKey, random: Random) -> list[Word]:
    """What the archive never said, and what it said of something else."""
    stranger = a_key()
    lies: list[dict[str, object]] = [
        {"dock": "dock-2"},
        {"recorder": "OTHER"},
        {"size": true.size + 1},
        {"blake3": "0" * 64},
        {"sha256": "0" * 64},
        {"sha256": None},
        {"sm3": None},
        {"clip": "0" * 64},
        {"epoch": ""},
        {"stored_as": ""},
        {"stored_at": "yesterday"},
    ]
    envelopes = [seal(RECEIPT_TYPE, true.model_copy(update=lie).encode(), archive) for lie in lies]
    good = seal(RECEIPT_TYPE, true.encode(), archive)
    at = good.index(b'"payload":') + random.randrange(20, 200)
    envelopes += [
        seal(RECEIPT_TYPE, true.encode(), stranger),
        seal(OFFER_TYPE, true.encode(), archive),
        true.encode(),
        good[:-9],
        good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :],
    ]
    return [(down(DOCK, "receipt"), envelope) for envelope in envelopes]


def forged_offers(clip: str, blake3: str, size: int) -> list[Word]:
    """Offers by a key that is not the dock's, of a clip that is there and of nonsense."""
    words = []
    for dock, path in ((DOCK, "DCIM/A.MP4"), ("dock-2", "../../../../etc/passwd")):
        manifest = Manifest(
            dock=dock,
            clip=clip,
            recorder=RecorderFacts(maker="", model="", serial="X", firmware=""),
            bay="1", contact=1, path=path, size=size, recorded="", marked=False,
            chunk_bytes=256 * 1024, blake3=blake3, chunks="0" * 64, spooled_at="",
        )  # fmt: skip
        words.append((up(dock, "offer"), seal(OFFER_TYPE, manifest.encode(), a_key())))
    return words
