"""Forged, replayed, cut and crossed receipts and proofs, from one seed, as many as are asked for.

`python -m tests.uplink.forger 1000000 [SEED]` tries a million and says how each kind of them fell.
A case is a forgery only if it says something else than the genuine statement, or if no pinned key
signed it: what merely dresses the genuine one differently (another key id, a space) is drawn again.
"""

from __future__ import annotations

import base64
import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from secrets import randbits
from typing import Any

from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.clock import to_text
from agent.custody.envelopes import pae, seal, seal_by
from agent.custody.keys import SecretKey
from agent.errors import Malformed, ReceiptRejected, Untrusted
from agent.spool.entry import Entry, ReceiptRecord
from agent.uplink import proofs, receipts
from agent.uplink.offers import manifest_of
from agent.wire.contract import OFFER_TYPE, RECEIPT_TYPE, Presence, Receipt
from agent.wire.evidence import (
    CHALLENGE_TYPE,
    KEY_CHANGE_TYPE,
    POLICY_TYPE,
    PROOF_TYPE,
    Challenge,
    Proof,
)

from .world import ARCHIVE_KEY, DOCK, DOCK_KEY, NEXT_KEY, START, STRANGER, entry_of

REMOVED_KEY = SecretKey(Ed25519PrivateKey.from_private_bytes(b"r" * 32))
"""Was pinned once, and is no more."""
PINNED = (ARCHIVE_KEY.public, NEXT_KEY.public)
WRONG_KEYS = (DOCK_KEY, STRANGER, REMOVED_KEY)
TYPES = (
    *(RECEIPT_TYPE, PROOF_TYPE, OFFER_TYPE, CHALLENGE_TYPE, POLICY_TYPE, KEY_CHANGE_TYPE),
    *("", "application/json", RECEIPT_TYPE.upper(), PROOF_TYPE + " ", RECEIPT_TYPE + "\x00"),
)
DATA = b"footage " * 99
NONCE, OLD_NONCE = blake3(b"nonce").digest(), blake3(b"an earlier nonce").digest()
HEX = {"clip", "blake3", "nonce", "keyed", "sha256"}
CHECKED = {
    RECEIPT_TYPE: ("dock", "recorder", "clip", "size", "blake3", "sha256", "archive"),
    PROOF_TYPE: ("dock", "clip", "size", "blake3", "nonce", "keyed", "archive"),
}
"""Fields that not even the archive's own signature makes true."""


@dataclass(frozen=True)
class Case:
    """`kind` is what the dock expects where it hears `envelope`."""

    name: str
    kind: str
    envelope: bytes


class Dock:
    """What one dock knows, and whether it takes an envelope as a receipt, or as a proof."""

    def __init__(self) -> None:
        entry = entry_of(1, DATA)
        self.receipt = _receipt(entry)
        envelope = seal(RECEIPT_TYPE, self.receipt.encode(), ARCHIVE_KEY)
        self.disproved = _receipt(entry, stored_at=to_text(START).replace("2026", "2025"))
        record = receipts.record_of(self.receipt, envelope)
        self.entry = replace(entry, receipt=record)
        self.keyed = blake3(DATA, key=NONCE).hexdigest()
        self.proof = _proof(self.entry, NONCE)
        self.presence = Presence(
            archive="archive-1", receiver="receiver-1", online=True, epoch="epoch-1"
        )
        self.genuine = {
            RECEIPT_TYPE: envelope,
            PROOF_TYPE: seal(PROOF_TYPE, self.proof.encode(), ARCHIVE_KEY),
        }
        self._gone = [seal(RECEIPT_TYPE, self.disproved.encode(), ARCHIVE_KEY).decode()]

    def takes(self, case: Case) -> bool:
        """Whether it would count. Any other error than a refusal goes through."""
        try:
            if case.kind == RECEIPT_TYPE:
                self._take_receipt(case.envelope)
            else:
                self._take_proof(case.envelope)
        except (Malformed, Untrusted, ReceiptRejected):
            return False
        return True

    def _take_receipt(self, envelope: bytes) -> ReceiptRecord:
        receipt = receipts.read(envelope, PINNED)
        receipts.check(receipt, dock=DOCK, entry=self.entry, presence=self.presence)
        receipts.refuse_disproved(receipt, self._gone)
        return receipts.record_of(receipt, envelope)

    def _take_proof(self, envelope: bytes) -> None:
        proof = proofs.read(envelope, PINNED)
        facts = {"nonce": NONCE.hex(), "keyed": self.keyed, "presence": self.presence}
        proofs.check(proof, dock=DOCK, entry=self.entry, **facts)  # type: ignore[arg-type]


class Forger:
    """Draws cases. `random` decides everything."""

    def __init__(self, dock: Dock, random: Random) -> None:
        self._dock = dock
        self._random = random
        self._true = {kind: json.loads(env) for kind, env in dock.genuine.items()}
        self._facts: dict[str, dict[str, Any]] = {
            kind: json.loads(base64.b64decode(self._true[kind]["payload"])) for kind in dock.genuine
        }
        self._replays = _replays(dock)
        self._ways: list[Callable[[str], bytes]] = [
            *(self.bits, self.cut, self.bytes_changed, self.field_unsigned, self.field_resigned),
            *(self.field_of_the_archive, self.replayed, self.other_type, self.signatures),
            *(self.keyid, self.duplicate_keys, self.encoding, self.huge, self.unicode),
            *(self.shape, self.nested),
        ]

    def case(self) -> Case:
        while True:
            kind = self._random.choice((RECEIPT_TYPE, PROOF_TYPE))
            way = self._random.choice(self._ways)
            envelope = way(kind)
            if not self._is_genuine(kind, envelope):
                return Case(way.__name__, kind, envelope)

    def _is_genuine(self, kind: str, envelope: bytes) -> bool:
        """The same statement under the same signature, whatever stands around it."""
        try:
            outer = json.loads(envelope)
            payload = _unbase64(outer["payload"])
            signed = [_unbase64(each["sig"]) for each in outer["signatures"]]
            true = self._true[kind]
            same = (outer["payloadType"], payload) == (kind, base64.b64decode(true["payload"]))
            return same and base64.b64decode(true["signatures"][0]["sig"]) in signed
        except (ValueError, TypeError, KeyError, RecursionError):
            return False

    # Ways to forge, each for one kind of statement.

    def bits(self, kind: str) -> bytes:
        changed = bytearray(self._dock.genuine[kind])
        for _ in range(self._random.choice((1, 1, 2, 8))):
            changed[self._random.randrange(len(changed))] ^= 1 << self._random.randrange(8)
        return bytes(changed)

    def cut(self, kind: str) -> bytes:
        whole = self._dock.genuine[kind]
        at, until = sorted(self._random.randrange(len(whole)) for _ in range(2))
        return self._random.choice((whole[:at], whole[until:], whole[:at] + whole[until:]))

    def bytes_changed(self, kind: str) -> bytes:
        """In the payload, under the genuine signature."""
        payload = bytearray(base64.b64decode(self._true[kind]["payload"]))
        payload[self._random.randrange(len(payload))] = self._random.randrange(256)
        return self._dressed(kind, bytes(payload), self._true[kind]["signatures"])

    def field_unsigned(self, kind: str) -> bytes:
        """Another field, under the genuine signature."""
        name = self._random.choice(list(self._facts[kind]))
        return self._dressed(kind, self._edited(kind, name), self._true[kind]["signatures"])

    def field_resigned(self, kind: str) -> bytes:
        """Any field or none, signed by keys that do not count."""
        names = [*self._facts[kind], None]
        payload = self._edited(kind, self._random.choice(names))
        return seal(kind, payload, self._random.choice(WRONG_KEYS))

    def field_of_the_archive(self, kind: str) -> bytes:
        """One field that does not fit this clip on this dock, truly signed by the archive."""
        payload = self._edited(kind, self._random.choice(CHECKED[kind]))
        return seal(kind, payload, self._random.choice((ARCHIVE_KEY, NEXT_KEY)))

    def replayed(self, kind: str) -> bytes:
        """True once, or elsewhere."""
        return self._random.choice(self._replays[kind])

    def other_type(self, kind: str) -> bytes:
        """A statement of another type, or this one under another, whoever signed it."""
        payload = base64.b64decode(self._true[self._random.choice(list(self._true))]["payload"])
        said = self._random.choice([each for each in TYPES if each != kind])
        envelope = json.loads(seal(said, payload, ARCHIVE_KEY))
        if self._random.random() < 0.5:
            envelope["payloadType"] = kind
        return json.dumps(envelope).encode()

    def signatures(self, kind: str) -> bytes:
        """Some that fit nothing, none, many, or those of others."""
        payload = base64.b64decode(self._true[kind]["payload"])
        true = base64.b64decode(self._true[kind]["signatures"][0]["sig"])
        plain = ARCHIVE_KEY.sign(payload)
        other = ARCHIVE_KEY.sign(pae(self._other(kind), payload))
        bad = [b"", true[:63], true + b"\0", true[32:] + true[:32], bytes(64), plain, other]
        bad += [self._random.randbytes(64), STRANGER.sign(pae(kind, payload))]
        chosen = [self._random.choice(bad) for _ in range(self._random.choice((0, 1, 2, 4, 5, 9)))]
        signed = [{"keyid": ARCHIVE_KEY.public.name, "sig": _base64(each)} for each in chosen]
        return self._dressed(kind, payload, signed)

    def keyid(self, kind: str) -> bytes:
        """A stranger's signature under the archive's key id, or under its key."""
        payload = self._edited(kind, self._random.choice(list(self._facts[kind])))
        names = [ARCHIVE_KEY.public.name, ARCHIVE_KEY.public.text, "", None, 0, ["x"]]
        signed = STRANGER.sign(pae(kind, payload))
        extra = {"cert": STRANGER.public.text, "publicKey": STRANGER.public.text}
        one = {"keyid": self._random.choice(names), "sig": _base64(signed), **extra}
        return self._dressed(kind, payload, [one])

    def duplicate_keys(self, kind: str) -> bytes:
        """The genuine key beside a forged one of the same name, in either order."""
        true, forged = self._true[kind], self._edited(kind, "clip")
        parts = [json.dumps(each)[1:-1] for each in ({"payload": _base64(forged)}, true)]
        self._random.shuffle(parts)
        if self._random.random() < 0.5:
            return ("{" + ", ".join(parts) + "}").encode()
        inner = json.dumps(self._facts[kind])[1:-1]
        doubled = f'{{{inner}, "clip": "{"0" * 64}"}}'.encode()
        return self._dressed(kind, doubled, true["signatures"])

    def encoding(self, kind: str) -> bytes:
        """The genuine text as other encodings write it."""
        names = ("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7", "cp037")
        text = self._dock.genuine[kind].decode()
        way = self._random.choice(names)
        if self._random.random() < 0.5:
            forged = seal(kind, self._edited(kind, "clip"), self._random.choice(WRONG_KEYS))
            text = forged.decode()
        return text.encode(way)

    def huge(self, kind: str) -> bytes:
        """Longer than any message may be, or deeper than any parser goes."""
        size = self._random.choice((300_000, 270_000))
        outer = dict(self._true[kind])
        match self._random.randrange(4):
            case 0:
                return b" " * size + self._dock.genuine[kind]
            case 1:
                return b"[" * self._random.choice((1000, 100_000))
            case 2:
                outer["payload"] = "A" * size
            case _:
                outer["signatures"] = outer["signatures"] * 4000
        return json.dumps(outer).encode()

    def unicode(self, kind: str) -> bytes:
        """Characters that look like those of the genuine statement."""
        facts = dict(self._facts[kind])
        name = self._random.choice([n for n in facts if isinstance(facts[n], str) and facts[n]])
        tricks = ("\u200b", "\u202e", "\u0000", "\ufeff", "\u0301", "\uff10", "\u0430", "\ud800")
        at = self._random.randrange(len(facts[name]) + 1)
        facts[name] = facts[name][:at] + self._random.choice(tricks) + facts[name][at:]
        payload = json.dumps(facts).encode()
        key = ARCHIVE_KEY if name in CHECKED[kind] else STRANGER
        return seal(kind, payload, key)

    def shape(self, kind: str) -> bytes:
        """Values of types that do not belong there."""
        wrong: tuple[Any, ...] = (None, True, 1, -1, 1e400, [], {}, [[]], "", {"sig": ""}, "0" * 64)
        outer: dict[str, Any] = json.loads(self._dock.genuine[kind])
        outer[self._random.choice(list(outer))] = self._random.choice(wrong)
        return json.dumps(outer).encode()

    def nested(self, kind: str) -> bytes:
        """An envelope as the payload of another, signed by nobody who counts."""
        inner = self._dock.genuine[kind]
        if self._random.random() < 0.3:
            return json.dumps([json.loads(inner)]).encode()
        return seal_by(kind, inner, [self._random.choice(WRONG_KEYS), STRANGER])

    # What they need.

    def _other(self, kind: str) -> str:
        return PROOF_TYPE if kind == RECEIPT_TYPE else RECEIPT_TYPE

    def _dressed(self, kind: str, payload: bytes, signed: list[Any]) -> bytes:
        outer = {"payloadType": kind, "payload": _base64(payload), "signatures": signed}
        return json.dumps(outer).encode()

    def _edited(self, kind: str, name: str | None) -> bytes:
        """The payload with one field changed to another value that looks right."""
        facts = dict(self._facts[kind])
        if name is not None:
            facts[name] = self._another(name, facts[name])
        return json.dumps(facts).encode()

    def _another(self, name: str, value: Any) -> Any:
        if isinstance(value, int):
            return value + self._random.choice((-1, 1, 2**31, 1000))
        if name in HEX:
            at = self._random.randrange(64)
            digit = self._random.choice([d for d in "0123456789abcdef" if d != value[at]])
            return self._random.choice(
                (value[:at] + digit + value[at + 1 :], "0" * 64, self._random.randbytes(32).hex())
            )
        return self._random.choice((value + "2", "other", value[:-1] + "~" if value else "x"))


def _replays(dock: Dock) -> dict[str, list[bytes]]:
    """Statements that the archive truly signed: of another clip, dock, nonce, time, or key."""
    twin = entry_of(2, DATA)  # another clip with the same bytes
    other = entry_of(1, DATA[::-1])  # the same clip with other bytes
    twin = replace(twin, receipt=dock.entry.receipt)
    other = replace(other, receipt=dock.entry.receipt)
    said_receipts = [
        _receipt(twin),
        _receipt(other),
        _receipt(dock.entry, dock="dock-2"),
        _receipt(dock.entry, archive="archive-2"),
        _receipt(dock.entry, epoch=""),
        _receipt(dock.entry, sha256=None),
        _receipt(dock.entry, stored_at="yesterday"),
        dock.disproved,
    ]
    said_proofs = [
        _proof(twin, NONCE),
        _proof(other, NONCE),
        _proof(dock.entry, OLD_NONCE),
        _proof(dock.entry, OLD_NONCE, epoch="epoch-0"),
        _proof(dock.entry, NONCE, dock="dock-2"),
        _proof(dock.entry, NONCE, archive="archive-2"),
        _proof(dock.entry, NONCE, epoch=""),
        _proof(dock.entry, NONCE, lost="its file is gone", keyed=""),
        _proof(dock.entry, NONCE, keyed=""),
        _proof(dock.entry, NONCE, keyed=dock.proof.blake3),
        _proof(dock.entry, NONCE, proved_at=""),
    ]
    keys = (ARCHIVE_KEY, NEXT_KEY)
    return {
        RECEIPT_TYPE: [
            *(seal(RECEIPT_TYPE, each.encode(), key) for each in said_receipts for key in keys),
            seal(RECEIPT_TYPE, dock.receipt.encode(), REMOVED_KEY),
            dock.genuine[PROOF_TYPE],
        ],
        PROOF_TYPE: [
            *(seal(PROOF_TYPE, each.encode(), key) for each in said_proofs for key in keys),
            seal(PROOF_TYPE, dock.proof.encode(), REMOVED_KEY),
            dock.genuine[RECEIPT_TYPE],
            proofs.signed_challenge(dock.entry, DOCK, NONCE.hex(), DOCK_KEY),
            seal(CHALLENGE_TYPE, _challenge(dock.entry).encode(), ARCHIVE_KEY),
        ],
    }


def _receipt(entry: Entry, **changes: object) -> Receipt:
    manifest = manifest_of(entry, DOCK)
    facts = {
        "archive": "archive-1",
        "epoch": "epoch-1",
        "receiver": "receiver-1",
        "dock": DOCK,
        "recorder": manifest.recorder.serial,
        "clip": manifest.clip,
        "size": manifest.size,
        "blake3": manifest.blake3,
        "sha256": manifest.sha256,
        "stored_as": f"objects/{manifest.blake3}",
        "stored_at": to_text(START),
    }
    return Receipt.model_validate(facts | changes)


def _proof(entry: Entry, nonce: bytes, **changes: object) -> Proof:
    size, digest = proofs.delivered(entry)
    data = DATA if digest == blake3(DATA).hexdigest() else DATA[::-1]
    facts = {
        "archive": "archive-1",
        "epoch": "epoch-1",
        "receiver": "receiver-1",
        "dock": DOCK,
        "clip": entry.clip,
        "size": size,
        "blake3": digest,
        "nonce": nonce.hex(),
        "keyed": blake3(data, key=nonce).hexdigest(),
        "proved_at": to_text(START),
    }
    return Proof.model_validate(facts | changes)


def _challenge(entry: Entry) -> Challenge:
    size, digest = proofs.delivered(entry)
    return Challenge(dock=DOCK, clip=entry.clip, size=size, blake3=digest, nonce=NONCE.hex())


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _unbase64(text: object) -> bytes:
    if not isinstance(text, str):
        raise TypeError(text)
    return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)


def attack(number: int, seed: int) -> tuple[Counter[str], list[Case]]:
    """How many cases of each way were tried, and those that were taken."""
    dock = Dock()
    forger = Forger(dock, Random(seed))
    tried: Counter[str] = Counter()
    taken: list[Case] = []
    for _ in range(number):
        case = forger.case()
        tried[case.name] += 1
        if dock.takes(case):
            taken.append(case)
    return tried, taken


def main(number: str = "1000000", seed: str = "") -> int:
    chosen = int(seed) if seed else randbits(32)
    print(f"seed {chosen}")
    tried, taken = attack(int(number), chosen)
    for name, count in sorted(tried.items()):
        print(f"{count:9,} {name}")
    print(f"{tried.total():9,} in all, {len(taken)} taken")
    for case in taken[:10]:
        print(case)
    return 1 if taken else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
