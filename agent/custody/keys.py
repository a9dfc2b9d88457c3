"""Ed25519 keys: made on first run, kept in a file that only its owner reads, named by fingerprint.

A public key is written `ed25519:` and 64 hexadecimal digits (RFC 8032's 32 bytes); its name, for
people and key ids, is the first 16 digits of BLAKE3 over those bytes.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from agent.errors import KeyUnusable, Malformed

_TEXT = re.compile(r"ed25519:([0-9a-f]{64})\Z")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A verifying key, by its 32 raw bytes."""

    raw: bytes

    @property
    def text(self) -> str:
        return f"ed25519:{self.raw.hex()}"

    @property
    def name(self) -> str:
        """The fingerprint that two people read to each other."""
        return blake3(self.raw).hexdigest()[:16]

    def verifies(self, signature: bytes, message: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def public_key(text: str) -> PublicKey:
    """Read `ed25519:<64 hex digits>`; raises `Malformed` for anything else."""
    if not (match := _TEXT.match(text)):
        raise Malformed(f"{text[:80]!r} is no public key; it looks like ed25519:<64 hex digits>")
    return PublicKey(bytes.fromhex(match[1]))


class SecretKey:
    """A signing key. It has no text form, so that it cannot slip into a log."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        raw = key.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )
        self.public = PublicKey(raw)

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)

    @staticmethod
    def load(path: Path) -> SecretKey:
        """The key in `path`; raises `KeyUnusable` as `load_or_make`, and where there is none."""
        try:
            return _load(path)
        except FileNotFoundError as error:
            raise KeyUnusable(f"{path} is not there", do="start bodydock once") from error
        except OSError as error:
            raise KeyUnusable(f"{path} cannot be read: {error.strerror}") from error

    @staticmethod
    def load_or_make(path: Path, credential: str = "") -> SecretKey:
        """The key in `path` (PKCS #8 PEM); made there, `0600`, synced, if there is none. Where
        systemd hands over a credential of that name (systemd.exec(5), LoadCredential=), that one.

        Raises `KeyUnusable` where the file is readable by others, holds no Ed25519 key, or can
        be neither read nor made.
        """
        try:
            if given := _credential(credential):
                return _load(given)
            if not path.exists():
                _make(path)
            return _load(path)
        except OSError as error:
            raise KeyUnusable(
                f"{path} can be neither read nor made: {error.strerror}",
                do="check its folder's owner, permissions and free space",
            ) from error


def is_credential(name: str) -> bool:
    """Whether systemd hands over a key of that name."""
    return _credential(name) is not None


def _credential(name: str) -> Path | None:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not name or not folder:
        return None
    path = Path(folder) / name
    return path if path.exists() else None


def _load(path: Path) -> SecretKey:
    with path.open("rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise KeyUnusable(f"{path} can be read by others", do=f"run chmod 600 {path}")
        text = file.read(16_384)
    try:
        key = serialization.load_pem_private_key(text, password=None)
    except (ValueError, TypeError) as error:
        raise KeyUnusable(
            f"{path} holds no private key", do="bring it back from a backup, or move it away"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(f"{path} holds a key that is not Ed25519")
    return SecretKey(key)


def _make(path: Path) -> None:
    """Write a new key; a crash leaves either no key or a whole one."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(path.name + ".new")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
