"""The sidecar: chunk digests in a small file beside each clip, big-endian.

| at | bytes | meaning |
|---|---|---|
| 0 | 6 | `bdsums` |
| 6 | 2 | version: 1, or 2 for a clip that is encrypted here |
| 8 | 4 | chunk size, 262144 |
| 12 | 8 | size of the file beside it |
| 20 | 32 each | BLAKE3 of each chunk of that file, in order |
| in version 2 | 8 | size of the clip as it was recorded |
|  | 32 each | of the clip as it was recorded: BLAKE3, BLAKE3 over its chunk digests, SHA-256, SM3 (zeros for one that was not made), fingerprint |
|  | 62 | the age public key that it is encrypted to |
| rest | 32 | BLAKE3 of everything before |

What version 2 adds was known only while the clip came in: with it a file that missed its commit can
still be adopted, without being decrypted.
"""  # noqa: E501, a table

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from agent.errors import Malformed
from agent.model import CHUNK_BYTES, Digests

DIGEST_BYTES = 32
FINGERPRINT_BYTES = 64 * 1024
"""How much of a clip's beginning and of its end goes into its fingerprint."""
SAMPLES = 4
SAMPLE_BYTES = 16 * 1024
"""How many pieces of what lies between them go into it too, and how long each is at most."""

_HEAD = struct.Struct(">6sHIQ")
_MAGIC = b"bdsums"
_OPEN, _SEALED = 1, 2
_PLAIN = struct.Struct(">Q32s32s32s32s32s62s")
_NONE = bytes(DIGEST_BYTES)


@dataclass(frozen=True, slots=True)
class Plain:
    """What is known of an encrypted clip as it was recorded, and to whom it is encrypted."""

    size: int
    digests: Digests
    fingerprint: str
    recipient: str


@dataclass(frozen=True, slots=True)
class Sums:
    """A sidecar: of a file of `size` bytes; `plain` where that is encrypted."""

    size: int
    chunks: bytes
    plain: Plain | None = None


def chunk_count(size: int) -> int:
    return -(-size // CHUNK_BYTES)


def length(size: int, *, sealed: bool = False) -> int:
    """Bytes of the sidecar of a file of `size` bytes."""
    fixed = _HEAD.size + (_PLAIN.size if sealed else 0)
    return fixed + (chunk_count(size) + 1) * DIGEST_BYTES


def encode(size: int, digests: bytes, plain: Plain | None = None) -> bytes:
    """`digests`: the chunk digests of a file of `size` bytes, one behind the other."""
    version = _SEALED if plain else _OPEN
    body = _HEAD.pack(_MAGIC, version, CHUNK_BYTES, size) + digests
    body += _packed(plain) if plain else b""
    return body + blake3(body).digest()


def parse(raw: bytes, size: int) -> Sums:
    """The sidecar of a file of `size` bytes.

    Raises `Malformed` for anything but a whole, unharmed sidecar of a file of that size.
    """
    sealed = len(raw) == length(size, sealed=True)
    if not sealed and len(raw) != length(size):
        raise Malformed(f"sidecar: {len(raw)} bytes, not {length(size)}")
    body, seal = raw[:-DIGEST_BYTES], raw[-DIGEST_BYTES:]
    if blake3(body).digest() != seal:
        raise Malformed("sidecar: its own digest does not fit")
    version = _SEALED if sealed else _OPEN
    if _HEAD.unpack_from(body) != (_MAGIC, version, CHUNK_BYTES, size):
        raise Malformed("sidecar: of another kind, version, chunk size or clip size")
    after = len(body) - (_PLAIN.size if sealed else 0)
    return Sums(size, body[_HEAD.size : after], _unpacked(body[after:]) if sealed else None)


def decode(raw: bytes, size: int) -> bytes:
    """The chunk digests in the sidecar of a file of `size` bytes. Raises `Malformed`."""
    return parse(raw, size).chunks


def load(path: Path, size: int) -> Sums:
    """`parse` of a file. Raises `Malformed` also where that cannot be read."""
    try:
        with path.open("rb") as file:
            raw = file.read(length(size, sealed=True) + 1)
    except OSError as error:
        raise Malformed(f"sidecar: {error.strerror}") from error
    return parse(raw, size)


def read(path: Path, size: int) -> bytes:
    """`decode` of a file. Raises `Malformed` also where that cannot be read."""
    return load(path, size).chunks


def _packed(plain: Plain) -> bytes:
    digests = plain.digests
    texts = (digests.blake3, digests.chunks, digests.sha256, digests.sm3, plain.fingerprint)
    raw = (bytes.fromhex(text) if text else _NONE for text in texts)
    return _PLAIN.pack(plain.size, *raw, plain.recipient.encode())


def _unpacked(raw: bytes) -> Plain:
    size, whole, chunks, sha256, sm3, fingerprint, recipient = _PLAIN.unpack(raw)
    others = (None if each == _NONE else each.hex() for each in (sha256, sm3))
    digests = Digests(whole.hex(), chunks.hex(), *others)
    return Plain(size, digests, fingerprint.hex(), recipient.decode("ascii", "replace"))


def split(digests: bytes) -> tuple[bytes, ...]:
    """Chunk digests one by one."""
    return tuple(digests[at : at + DIGEST_BYTES] for at in range(0, len(digests), DIGEST_BYTES))


def places(size: int, clip: str) -> list[tuple[int, int]]:
    """Offset and length of what goes into the fingerprint of a clip of `size` bytes: its first and
    its last 64 KiB (a shorter clip is both), then, where bytes lie between, four samples of them,
    one from each quarter, where the clip's id says."""
    end = min(size, FINGERPRINT_BYTES)
    chosen = [(0, end), (size - end, end)]
    if (between := size - 2 * FINGERPRINT_BYTES) <= 0:
        return chosen
    seed = blake3(f"{size}:{clip}".encode()).digest(length=8 * SAMPLES)
    for number in range(SAMPLES):
        start, stop = (between * each // SAMPLES for each in (number, number + 1))
        length = min(SAMPLE_BYTES, stop - start)
        drawn = int.from_bytes(seed[8 * number : 8 * number + 8], "big")
        shift = drawn % (stop - start - length + 1)
        chosen.append((FINGERPRINT_BYTES + start + shift, length))
    return chosen


def fingerprint(*parts: bytes) -> str:
    """By which a clip is known again: BLAKE3 over what lies at its `places`, each part behind its
    length."""
    framed = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return blake3(framed).hexdigest()
