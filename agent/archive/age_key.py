"""The archive's age identity: made on first use, in a file that only its owner reads."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from agent.archive.files import make_folder, sync
from agent.archive.opening import Opening, new_identity, offered
from agent.errors import KeyUnusable

IDENTITY = "keys/age.txt"
"""Where the identity lies in the archive's folder, unless the configuration names another file."""


def load_or_make(path: Path) -> tuple[str, ...]:
    """The public keys (`age1…`) of the identities in `path`; one is made there if there is no file.

    Raises `KeyUnusable` where the file can be neither read nor made, `ConfigError` where the
    library is not installed.
    """
    try:
        if not path.exists() and offered() is None:
            _make(path)
    except OSError as error:
        raise KeyUnusable(
            f"{path} can be neither read nor made: {error.strerror}",
            do="check its folder's owner, permissions and free space",
        ) from error
    return Opening(path).recipients


def _make(path: Path) -> None:
    """As `age-keygen` writes it. A crash leaves either no file or a whole one; one that another
    process made meanwhile is not touched."""
    text = new_identity()
    make_folder(path.parent)
    part = path.with_name(path.name + ".new")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text.encode("ascii"))
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        path.hardlink_to(part)
    part.unlink()
    sync(path.parent)
