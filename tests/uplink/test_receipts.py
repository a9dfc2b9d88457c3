"""No receipt but the archive's own, for exactly these bytes, makes a clip count as archived."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from random import Random

import pytest

from agent.custody.envelopes import seal
from agent.custody.keys import SecretKey
from agent.errors import Malformed, Untrusted
from agent.model import ClipId
from agent.spool.states import State
from agent.uplink.offers import manifest_of
from agent.uplink.receipts import read
from agent.wire.contract import OFFER_TYPE, RECEIPT_TYPE, Receipt, down

from .archive import PlayedArchive
from .world import ARCHIVE_KEY, DOCK, DOCK_KEY, NEXT_KEY, STRANGER, Dock

TOPIC = down(DOCK, "receipt")


class Desk:
    """A dock with two offered clips, and true receipts for both that it has not seen."""

    def __init__(self) -> None:
        self.dock = Dock([1000, 1000])
        self.dock.link.connect()
        self.archive = PlayedArchive(self.dock.link.arrive)
        self.dock.link.arrive(*self.archive.presence(), retained=True)
        self.dock.run(1)
        self.clip, self.other = self.dock.clips

    def receipt(self, of: ClipId | None = None, /, **changes: object) -> Receipt:
        """What the archive would say of the first clip, or of another, but for `changes`."""
        manifest = manifest_of(self.dock.entry(of or self.clip), DOCK)
        return self.archive.receipt_for(manifest, **changes)

    def give(self, envelope: bytes) -> State:
        """The state of the first clip after this message came."""
        self.dock.link.arrive(TOPIC, envelope)
        self.dock.uplink.step()
        return self.dock.entry(self.clip).state

    def refuses(self, envelope: bytes) -> bool:
        untouched = self.dock.entry(self.clip), self.dock.entry(self.other)
        self.give(envelope)
        return untouched == (self.dock.entry(self.clip), self.dock.entry(self.other))


def sealed(receipt: Receipt, key: SecretKey = ARCHIVE_KEY, kind: str = RECEIPT_TYPE) -> bytes:
    return seal(kind, receipt.encode(), key)


@pytest.mark.parametrize("key", [ARCHIVE_KEY, NEXT_KEY], ids=["the key", "the next key"])
def test_a_true_receipt_is_committed_with_its_envelope(key: SecretKey) -> None:
    desk = Desk()
    envelope = sealed(desk.receipt(), key)
    assert desk.give(envelope) is State.RECEIPTED
    kept = desk.dock.entry(desk.clip).receipt
    assert kept is not None
    assert kept.envelope.encode() == envelope
    assert (kept.archive, kept.epoch) == ("archive-1", "epoch-1")
    assert desk.dock.entry(desk.other).state is State.OFFERED


def test_a_receipt_that_comes_twice_changes_nothing() -> None:
    desk = Desk()
    desk.give(sealed(desk.receipt()))
    first = desk.dock.entry(desk.clip)
    desk.give(sealed(desk.receipt(stored_as="elsewhere")))
    assert desk.dock.entry(desk.clip) == first


WRONG: dict[str, dict[str, object]] = {
    "another dock's": {"dock": "dock-2"},
    "another clip": {"clip": "0" * 64},
    "another recorder": {"recorder": "R9"},
    "another size": {"size": 999},
    "other bytes": {"blake3": "1" * 64},
    "other bytes by SHA-256": {"sha256": "1" * 64},
    "no SHA-256, though we have one": {"sha256": None},
    "another archive's name": {"archive": "archive-2"},
    "no epoch": {"epoch": ""},
    "no place": {"stored_as": ""},
    "no time": {"stored_at": "yesterday"},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())
def test_a_signed_receipt_with_one_wrong_field_is_refused(changes: dict[str, object]) -> None:
    desk = Desk()
    assert desk.refuses(sealed(desk.receipt(**changes)))


def test_a_receipt_of_another_key_or_kind_is_refused() -> None:
    desk = Desk()
    true = desk.receipt()
    assert desk.refuses(sealed(true, STRANGER))
    assert desk.refuses(sealed(true, DOCK_KEY))
    assert desk.refuses(sealed(true, kind=OFFER_TYPE))
    assert desk.refuses(true.encode())


def test_a_receipt_of_one_clip_is_none_of_another_with_the_same_bytes() -> None:
    desk = Desk()
    desk.give(sealed(desk.receipt(desk.other)))
    assert desk.dock.entry(desk.clip).state is State.OFFERED
    assert desk.dock.entry(desk.other).state is State.RECEIPTED


def test_a_retained_receipt_is_not_looked_at() -> None:
    desk = Desk()
    desk.dock.link.arrive(TOPIC, sealed(desk.receipt()), retained=True)
    desk.dock.uplink.step()
    assert desk.dock.entry(desk.clip).state is State.OFFERED


# Forgeries by the thousand.

Forge = Callable[[Desk, Random], bytes]


def bits(desk: Desk, random: Random) -> bytes:
    """A true envelope with some bits turned."""
    raw = bytearray(sealed(desk.receipt()))
    for _ in range(random.choice([1, 1, 1, 2, 8])):
        raw[random.randrange(len(raw))] ^= 1 << random.randrange(8)
    return bytes(raw)


def truncated(desk: Desk, random: Random) -> bytes:
    raw = sealed(desk.receipt())
    start = random.choice([0, 0, random.randrange(len(raw))])
    return raw[start : random.randrange(start, len(raw))]


def fields(desk: Desk, random: Random) -> bytes:
    """The true signature around changed fields, or a stranger's around true ones."""
    tempting: list[dict[str, object]] = [{"stored_as": "x"}, {"epoch": "2"}]
    changes = random.choice([*list(WRONG.values())[:6], *tempting])
    outer = json.loads(sealed(desk.receipt()))
    changed = desk.receipt(**changes).encode()
    if random.random() < 0.5:
        return sealed(desk.receipt(), STRANGER)
    outer["payload"] = base64.b64encode(changed).decode()
    return json.dumps(outer).encode()


def spliced(desk: Desk, random: Random) -> bytes:
    """Payload of one true receipt, signature of another, types exchanged."""
    one = json.loads(sealed(desk.receipt()))
    other = json.loads(sealed(desk.receipt(desk.other, dock="dock-2")))
    for part in random.sample(["payload", "signatures", "payloadType"], random.choice([1, 2])):
        one[part] = other[part]
    if random.random() < 0.5:
        one["payloadType"] = random.choice([OFFER_TYPE, RECEIPT_TYPE + " ", ""])
    if random.random() < 0.3:
        one["signatures"] = one["signatures"] * random.choice([0, 2, 5])
    return json.dumps(one).encode()


def cross(desk: Desk, random: Random) -> bytes:
    """Signed rightly, but for another dock, clip, recorder, size or other bytes."""
    names = random.sample(["dock", "recorder", "size", "blake3", "sha256", "clip"], 2)
    wrong = {
        "dock": f"dock-{random.randrange(2, 99)}",
        "recorder": f"R{random.randrange(9, 99)}",
        "size": random.choice([0, 999, 1001, 2**62]),
        "blake3": random.randbytes(32).hex(),
        "sha256": random.choice([None, random.randbytes(32).hex()]),
        "clip": random.choice([desk.other, random.randbytes(32).hex()]),
    }
    return sealed(desk.receipt(**{name: wrong[name] for name in names}))


def still_true(desk: Desk, envelope: bytes) -> bool:
    """Whether what came out says the very same as a true receipt after all, validly signed."""
    try:
        found = read(envelope, [ARCHIVE_KEY.public, NEXT_KEY.public])
    except (Malformed, Untrusted):
        return False
    return found in (desk.receipt(), desk.receipt(desk.other))


@pytest.mark.parametrize("forge", [bits, truncated, fields, spliced, cross])
def test_forgeries_are_never_accepted(forge: Forge, seed: int) -> None:
    random = Random(seed)
    desk = Desk()
    forged = 0
    while forged < 600:
        envelope = forge(desk, random)
        if still_true(desk, envelope):  # a turned bit in a key id, or in unused base64 bits
            continue
        forged += 1
        assert desk.refuses(envelope), f"seed {seed}: {envelope!r}"
