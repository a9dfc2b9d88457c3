"""Opening clips that arrive encrypted: age, with the archive's own identities.

Decrypted in a stream, as the disk gives the stored bytes, and held against what the manifest says
of the clip as it was recorded.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from agent.archive.files import guarded, sync
from agent.archive.readback import Contradiction, Digesting, DigestMismatch, compare, from_disk
from agent.archive.readback import read_back as read_again
from agent.archive.settings import ArchiveSettings
from agent.errors import ConfigError, KeyUnusable
from agent.wire.contract import Manifest

PLAIN = "plain"
"""The decrypted clip's name in its partial's folder, until it is an object."""
CREDENTIAL = "age-identity"
"""The name of systemd's credential that holds the identities."""
IDENTITY_LIMIT = 64 * 1024


class Opening:
    """`path` is an identity file as `age-keygen` writes it: one secret key a line, `#` begins a
    remark. systemd's credential `age-identity` comes first, where it is offered.

    `keeps_plain`: the store is to keep the decrypted form. Raises `ConfigError` where the library
    is not installed, `KeyUnusable` for a file that others can read or that holds no key.
    """

    def __init__(self, path: Path, *, keeps_plain: bool = False) -> None:
        try:
            import pyrage
        except ImportError as error:
            raise ConfigError(
                "archive.identity is set, and this installation cannot decrypt",
                do="install bodydock with its extra `encrypt` (pip install 'bodydock[encrypt]')",
            ) from error
        self.keeps_plain = keeps_plain
        self._failed = pyrage.DecryptError
        path = offered() or path
        lines = (line.strip() for line in _read(path).splitlines())
        texts = [line for line in lines if line and not line.startswith("#")]
        try:
            keys = [pyrage.x25519.Identity.from_str(text) for text in texts]
        except pyrage.IdentityError as error:
            raise KeyUnusable(f"{path} holds a line that is no age identity") from error
        if not keys:
            raise KeyUnusable(f"{path} holds no age identity", do="see `bodydock archive age-key`")
        self.recipients = tuple(str(key.to_public()) for key in keys)
        self._decrypt: Callable[[_Reader, _Writer], None] = lambda reader, writer: (
            pyrage.decrypt_io(reader, writer, keys)
        )

    def opens(self, manifest: Manifest) -> bool:
        """Whether a clip arrives encrypted to one of our keys."""
        return manifest.stored is not None and manifest.stored.recipient in self.recipients

    def prove(self, path: Path, manifest: Manifest, into: Path | None = None) -> None:
        """Decrypt the file at `path`; raise `Contradiction` unless it holds the clip that the
        manifest describes. `into`: where to keep what was decrypted, synced and read back; nothing
        stays there after an error. Raises `StoreBroken` or `StoreFull` where the disk fails."""
        if into is None:
            return self._prove(path, manifest, lambda _piece: None)
        try:
            with guarded("decrypt"):
                self._keep(path, manifest, into)
        except BaseException:
            with suppress(OSError):
                into.unlink()
            raise
        return None

    def decrypt(self, path: Path, manifest: Manifest, take: Callable[[memoryview], None]) -> None:
        """Hand the decrypted clip over piece by piece; raises as `prove`, at the latest when all
        of it was handed over."""
        self._prove(path, manifest, take)

    def _keep(self, path: Path, manifest: Manifest, into: Path) -> None:
        into.unlink(missing_ok=True)
        with into.open("xb", buffering=0) as file:

            def write(piece: memoryview) -> None:
                while piece:
                    piece = piece[file.write(piece) :]

            self._prove(path, manifest, write)
            os.fchmod(file.fileno(), 0o444)
            os.fsync(file.fileno())
        form = manifest.recorded_form
        compare(form, *read_again(into, form, manifest.chunk_bytes))
        sync(into.parent)

    def _prove(self, path: Path, manifest: Manifest, keep: Callable[[memoryview], None]) -> None:
        form = manifest.recorded_form
        found = Digesting(form, manifest.chunk_bytes)
        reader, writer = _Reader(from_disk(path)), _Writer(found.update, keep)
        try:
            self._decrypt(reader, writer)
        except (self._failed, OSError) as error:  # the library has both for bad ciphertext
            for failed in (reader.error, writer.error):
                if failed:
                    with guarded("decrypt"):
                        raise failed from None
            raise Contradiction(f"its age file cannot be decrypted: {error}") from error
        try:
            compare(form, found.size, found.finish())
        except DigestMismatch as error:
            raise Contradiction(f"decrypted, it is another clip: {error.what}") from error


def opening_of(settings: ArchiveSettings) -> Opening | None:
    """What opens clips at this archive; None where nothing does. Raises as `Opening`."""
    if settings.identity is None:
        return None
    return Opening(settings.identity, keeps_plain=settings.keeps_plain)


def new_identity() -> str:
    """An identity file with one new key, as `age-keygen` writes it. Raises `ConfigError` where the
    library is not installed."""
    try:
        import pyrage
    except ImportError as error:
        raise ConfigError(
            "this installation cannot make age keys",
            do="install bodydock with its extra `encrypt` (pip install 'bodydock[encrypt]')",
        ) from error
    identity = pyrage.x25519.Identity.generate()
    return f"# public key: {identity.to_public()}\n{identity}\n"


def offered() -> Path | None:
    """The file of systemd's credential, where there is one."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder, CREDENTIAL) if folder else None
    return path if path and path.exists() else None


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077 and path != offered():
                raise KeyUnusable(f"{path} can be read by others", do=f"run chmod 600 {path}")
            return file.read(IDENTITY_LIMIT).decode("ascii")
    except OSError as error:
        raise KeyUnusable(
            f"{path} cannot be read: {error.strerror}", do="make it with `bodydock archive age-key`"
        ) from error
    except UnicodeDecodeError as error:
        raise KeyUnusable(f"{path} holds no age identity") from error


class _Reader:
    """What the library reads from; it makes an error of its own out of the disk's."""

    def __init__(self, pieces: Iterator[memoryview]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")
        self.error: OSError | None = None

    def read(self, size: int) -> bytes:
        try:
            if not self._rest:
                self._rest = memoryview(bytes(next(self._pieces, b"")))
        except OSError as error:
            self.error = error
            raise
        piece = bytes(self._rest[:size])
        self._rest = self._rest[size:]
        return piece


class _Writer:
    """What the library writes to."""

    def __init__(self, *takers: Callable[[memoryview], None]) -> None:
        self._takers = takers
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            for take in self._takers:
                take(memoryview(data))
        except OSError as error:
            self.error = error
            raise
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back here."""
