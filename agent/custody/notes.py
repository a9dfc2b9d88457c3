"""Signed notes, checkpoints and cosignatures, as https://c2sp.org has them. Pure.

- signed-note: text, an empty line, then a line for each signature, which begins with a dash and
  names the key.
- tlog-checkpoint: a note whose text is an origin, a size and a root, each on its own line.
- tlog-cosignature: another party's dated signature on such a note, `cosignature/v1`.

Two more signers of one note never disturb each other, and a line of an unknown key is skipped.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from agent.custody.keys import PublicKey, SecretKey
from agent.errors import Malformed
from agent.merkle import HASH_BYTES

NOTE_LIMIT = 8192
"""Characters of a note; a longer one is dropped unread."""
SIGNATURES_LIMIT = 16
ED25519: Final = 0x01
"""A signature over the note's text."""
COSIGNATURE: Final = 0x04
"""A dated one, `cosignature/v1`."""
_DASH = "\u2014 "
_SIGNATURE = re.compile(rf"{_DASH}([^\s+]{{1,255}}) ([A-Za-z0-9+/]+={{0,2}})\Z")
_SIZE = re.compile(r"(?:0|[1-9][0-9]{0,18})\Z")
_KEY = re.compile(r"([^\s+]{1,255})\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})\Z")
_ID_BYTES, _KEY_BYTES, _STAMP_BYTES, _SIGNATURE_BYTES = 4, 32, 8, 64
_LATEST = 253_402_300_799
"""The last second of the year 9999."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One line: the key's name, its id (four bytes), and what that kind of key signs with."""

    name: str
    key_id: bytes
    blob: bytes

    @property
    def line(self) -> str:
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.blob).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A note as read: nothing is verified. `body` ends with a line end."""

    body: str
    signatures: tuple[Signature, ...]

    @property
    def text(self) -> str:
        return f"{self.body}\n{''.join(each.line for each in self.signatures)}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How long a log is, and the root over all of it."""

    origin: str
    size: int
    root: bytes

    @property
    def body(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key under its name; `kind` is `ED25519` or `COSIGNATURE`."""

    name: str
    key: PublicKey
    kind: int = ED25519

    @property
    def key_id(self) -> bytes:
        """SHA-256 over name, line end, kind and key; its first four bytes."""
        hashed = self.name.encode() + b"\n" + bytes([self.kind]) + self.key.raw
        return sha256(hashed).digest()[:_ID_BYTES]

    @property
    def text(self) -> str:
        """As signed-note writes a verifier's key: name, id and key with plus signs between."""
        raw = base64.b64encode(bytes([self.kind]) + self.key.raw).decode()
        return f"{self.name}+{self.key_id.hex()}+{raw}"

    def mine(self, note: Note) -> list[Signature]:
        """The lines that claim to be by this key."""
        wanted = (self.name, self.key_id)
        return [each for each in note.signatures if (each.name, each.key_id) == wanted]

    def verifies(self, note: Note) -> bool:
        """Whether this key signed the note. Each of its lines must fit, as signed-note asks."""
        mine = self.mine(note)
        return bool(mine) and all(self._fits(each.blob, note.body) for each in mine)

    def _fits(self, blob: bytes, body: str) -> bool:
        if self.kind == ED25519:
            return self.key.verifies(blob, body.encode())
        stamp, signature = blob[:_STAMP_BYTES], blob[_STAMP_BYTES:]
        if len(signature) != _SIGNATURE_BYTES:
            return False
        return self.key.verifies(signature, _dated(int.from_bytes(stamp), body))


def dock_origin(dock: str) -> str:
    """The name of a dock's log, and of the key that signs its checkpoints."""
    return f"bodydock/{dock}/custody"


def archive_name(archive: str) -> str:
    """The name under which an archive cosigns."""
    return f"bodydock/archive/{archive}"


def read_note(text: str) -> Note:
    """Raises `Malformed` for what is no signed note."""
    if len(text) > NOTE_LIMIT:
        raise Malformed(f"note: {len(text)} characters, the limit is {NOTE_LIMIT}")
    if any(each < " " and each != "\n" for each in text):
        raise Malformed("note: control characters")
    body, gap, rest = text.rpartition("\n\n")
    lines = rest.split("\n")
    if not gap or not body or lines.pop() != "" or not 1 <= len(lines) <= SIGNATURES_LIMIT:
        raise Malformed("note: no text, empty line and signatures")
    return Note(f"{body}\n", tuple(_signature(line) for line in lines))


def read_checkpoint(note: Note) -> Checkpoint:
    """What a note says as a checkpoint. Raises `Malformed` where it is none.

    Lines after the root would be extensions; this log has none and takes none.
    """
    match note.body.split("\n"):
        case [origin, size, root, ""] if origin and _SIZE.match(size):
            found = _unbase64(root)
            if len(found) == HASH_BYTES:
                return Checkpoint(origin, int(size), found)
    raise Malformed("checkpoint: not an origin, a size and a root")


def read_verifier(text: str) -> Verifier:
    """The opposite of `Verifier.text`. Raises `Malformed`, also where the id does not fit."""
    if match := _KEY.match(text):
        raw = _unbase64(match[3])
        if len(raw) == 1 + _KEY_BYTES and raw[0] in (ED25519, COSIGNATURE):
            found = Verifier(match[1], PublicKey(raw[1:]), raw[0])
            if found.key_id.hex() == match[2]:
                return found
    raise Malformed(f"{text[:80]!r} is no verifier key of a note")


def sign(checkpoint: Checkpoint, key: SecretKey) -> Note:
    """A checkpoint, signed by the key of its log under the name of its origin."""
    name = checkpoint.origin
    blob = key.sign(checkpoint.body.encode())
    return Note(checkpoint.body, (Signature(name, Verifier(name, key.public).key_id, blob),))


def cosign(note: Note, name: str, key: SecretKey, seconds: int) -> Note:
    """The note with a cosignature of `seconds` after the epoch, in place of an earlier one by the
    same key."""
    key_id = Verifier(name, key.public, COSIGNATURE).key_id
    blob = seconds.to_bytes(_STAMP_BYTES) + key.sign(_dated(seconds, note.body))
    others = [each for each in note.signatures if (each.name, each.key_id) != (name, key_id)]
    return Note(note.body, (*others, Signature(name, key_id, blob)))


def cosigned_at(note: Note, verifier: Verifier) -> int | None:
    """When this archive says that it cosigned, in seconds after the epoch; None where it did not.
    Verify first."""
    for each in verifier.mine(note):
        seconds = int.from_bytes(each.blob[:_STAMP_BYTES])
        return seconds if seconds <= _LATEST else None
    return None


def signed_by(note: Note, verifiers: Iterable[Verifier]) -> Verifier | None:
    """The first of these whose signature the note carries and that fits."""
    return next((each for each in verifiers if each.verifies(note)), None)


def _dated(seconds: int, body: str) -> bytes:
    """What a cosignature signs."""
    return f"cosignature/v1\ntime {seconds}\n{body}".encode()


def _signature(line: str) -> Signature:
    if not (match := _SIGNATURE.match(line)):
        raise Malformed("note: a line that is no signature")
    raw = _unbase64(match[2])
    if len(raw) <= _ID_BYTES:
        raise Malformed("note: an empty signature")
    return Signature(match[1], raw[:_ID_BYTES], raw[_ID_BYTES:])


def _unbase64(text: str) -> bytes:
    """Only the one way to write the bytes is taken."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"note: {error}") from error
    if base64.b64encode(raw).decode() != text:
        raise Malformed("note: base64 with loose bits")
    return raw
