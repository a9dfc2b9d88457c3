"""What must hold, looked at from outside: ledger, catalogue, files and what the recorders hold.

Bytes are compared with the recorders' own and hashed anew; signatures are verified here again.
Every check gives violations in words, none where all is well.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from blake3 import blake3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from .books import LEDGER_CLIPS, Row, integrity, rows
from .yard import Yard

ARCHIVED = ("receipted", "released")
_STEP = 1 << 20
_KEEPS_A_FILE = ("spooled", "offered", "refused", "receipted")


@dataclass(frozen=True)
class Facts:
    """Size and digests of one file, made here."""

    size: int
    blake3: str
    sha256: str
    sm3: str


def facts_of(path: Path) -> Facts:
    hashes = blake3(), hashlib.sha256(), hashlib.new("sm3")
    size = 0
    with path.open("rb") as file:
        while piece := file.read(_STEP):
            size += len(piece)
            for each in hashes:
                each.update(piece)
    return Facts(size, *(each.hexdigest() for each in hashes))


class Evidence:
    """Holds a yard to what its recorders hold; their footage does not change meanwhile."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        world = yard.world
        self.originals = {(serial, path): file for serial, path, file in world.clips()}
        self._known: dict[Path, Facts] = {}
        self.spool = world.config.dock.state
        self.archive = world.archive

    # What it looks at.

    def ledger(self) -> list[Row]:
        return rows(self.spool / "ledger.db", LEDGER_CLIPS, alive=self._yard.alive("dock"))

    def deliveries(self) -> list[Row]:
        return self._catalogue("SELECT rowid, * FROM clip ORDER BY rowid")

    def states(self) -> Counter[str]:
        """How many clips are in each state."""
        query = "SELECT state, count(*) AS number FROM clip GROUP BY state"
        found = rows(self.spool / "ledger.db", query, alive=self._yard.alive("dock"))
        return Counter({row["state"]: row["number"] for row in found})

    def all_archived(self) -> bool:
        states = self.states()
        return sum(states[state] for state in ARCHIVED) == len(self.originals) == states.total()

    def _catalogue(self, query: str) -> list[Row]:
        path = self.archive / "catalogue.db"
        return rows(path, query, alive=self._yard.alive("archive"))

    def original(self, row: Row) -> Facts:
        """What the recorder holds of a clip of the ledger."""
        path = self.originals[row["serial"], row["path"]]
        if path not in self._known:
            self._known[path] = facts_of(path)
        return self._known[path]

    # At any moment.

    def receipted_but_not_archived(self) -> Iterator[str]:
        """The promise that is never broken: what the dock calls receipted, the archive has."""
        receipted = [row for row in self.ledger() if row["state"] in ARCHIVED]
        recorded = {(row["clip"], row["blake3"]) for row in self.deliveries()}
        objects = {row["blake3"]: row for row in self._catalogue("SELECT * FROM object")}
        for row in receipted:
            clip, ours = row["id"][:12], self.original(row)
            told = Facts(row["size"], row["blake3"], row["sha256"], row["sm3"])
            if told != ours:
                yield f"clip {clip}: the ledger's digests are not those of the recorder's bytes"
            if (row["id"], row["blake3"]) not in recorded:
                yield f"clip {clip}: receipted, and not in the catalogue"
            stored = self.archive / "objects" / ours.blake3[:2] / ours.blake3[2:]
            if not stored.is_file():
                yield f"clip {clip}: receipted, and its object is not there"
            elif facts_of(stored) != ours:
                yield f"clip {clip}: receipted, and its object has other bytes"
            found = objects.get(ours.blake3)
            if found is None or Facts(*(found[n] for n in Facts.__dataclass_fields__)) != ours:
                yield f"clip {clip}: the catalogue's digests are not those of the bytes"
            yield from self._receipt(row, ours)

    def _receipt(self, row: Row, ours: Facts) -> Iterator[str]:
        """The receipt as the dock keeps it: signed by the archive's key, for these very bytes."""
        envelope = json.loads(row["envelope"])
        kind, payload = envelope["payloadType"], base64.b64decode(envelope["payload"])
        signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
        try:
            self._key.verify(base64.b64decode(envelope["signatures"][0]["sig"]), signed)
        except InvalidSignature:
            yield f"clip {row['id'][:12]}: its receipt is not signed by the archive"
        told = json.loads(payload)
        same = (told["clip"], told["size"], told["blake3"], told["sha256"], told["sm3"])
        if same != (row["id"], ours.size, ours.blake3, ours.sha256, ours.sm3):
            yield f"clip {row['id'][:12]}: its receipt speaks of other bytes"

    @cached_property
    def _key(self) -> Ed25519PublicKey:
        pem = (self.archive / "keys" / "archive.pem").read_bytes()
        key = load_pem_private_key(pem, None).public_key()
        if not isinstance(key, Ed25519PublicKey):
            raise TypeError("the archive's key is no Ed25519 key")
        return key

    # When all has settled and everybody has stopped.

    def unsettled(self) -> Iterator[str]:
        """Nothing lost, nothing twice, nothing left over, no state that its files contradict."""
        yield from self.receipted_but_not_archived()
        yield from self._ledger_against_recorders()
        yield from self._archive_against_recorders()
        yield from self._ledger_against_spool()
        for folder in (self.spool / "incoming", self.archive / "partial"):
            yield from (f"left over: {path}" for path in folder.iterdir())
        for database in (self.spool / "ledger.db", self.archive / "catalogue.db"):
            if (said := integrity(database, alive=False)) != "ok":
                yield f"{database.name}: {said}"

    def quarantined(self) -> Iterator[str]:
        """What dock and archive put aside; kills alone never damage anything."""
        for folder in (self.spool, self.archive):
            yield from (f"in quarantine: {path}" for path in (folder / "quarantine").iterdir())

    def _ledger_against_recorders(self) -> Iterator[str]:
        found = Counter((row["serial"], row["path"]) for row in self.ledger())
        for clip in self.originals:
            if found[clip] != 1:
                yield f"{clip}: {found[clip]} times in the ledger"
        for clip in found.keys() - self.originals.keys():
            yield f"{clip}: in the ledger, and no recorder holds it"
        for row in self.ledger():
            if row["state"] not in ARCHIVED:
                yield f"{row['serial']} {row['path']}: still {row['state']} ({row['reason']})"

    def _archive_against_recorders(self) -> Iterator[str]:
        delivered = Counter((row["recorder_serial"], row["path"]) for row in self.deliveries())
        if odd := delivered - Counter(self.originals.keys()):
            yield f"catalogued once too often: {odd}"
        if odd := Counter(self.originals.keys()) - delivered:
            yield f"not catalogued: {odd}"
        wanted = Counter({facts.blake3: 1 for facts in self._known.values()})
        recorded = Counter(row["blake3"] for row in self._catalogue("SELECT * FROM object"))
        objects = self.archive / "objects"
        stored = Counter(
            path.parent.name + path.name for path in objects.rglob("*") if path.is_file()
        )
        if not wanted == recorded == stored:
            yield f"objects: {len(wanted)} wanted, {len(recorded)} recorded, {len(stored)} stored"

    def _ledger_against_spool(self) -> Iterator[str]:
        clips = self.spool / "clips"
        files = {path.name: path for path in clips.rglob("*") if path.is_file()}
        for row in self.ledger():
            clip, sums = files.pop(row["id"], None), files.pop(row["id"] + ".sums", None)
            if (row["state"] in _KEEPS_A_FILE) != (clip is not None) or (clip is None) != (
                sums is None
            ):
                yield f"clip {row['id'][:12]} is {row['state']}, its files are {clip} and {sums}"
            elif clip is not None and facts_of(clip) != self.original(row):
                yield f"clip {row['id'][:12]}: the spool's copy has other bytes"
        yield from (f"in the spool, and in no row: {path}" for path in files.values())
