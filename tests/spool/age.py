"""An archive's age key pair for the tests, and what stock programs do with it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pyrage

from agent.spool.cipher import Cipher

IDENTITY = pyrage.x25519.Identity.generate()
RECIPIENT = str(IDENTITY.to_public())

FORMS = ("plain", "age")
"""Both forms in which clips lie in a spool, for tests that hold for either."""


def cipher_for(form: str) -> Cipher | None:
    return Cipher(RECIPIENT) if form == "age" else None


def opened(data: bytes) -> bytes:
    """What an age file holds."""
    plain: bytes = pyrage.decrypt(data, [IDENTITY])
    return plain


def opened_by_age(path: Path, scratch: Path) -> bytes:
    """The same by `age -d`, as an archive's operator would do it; `scratch` is a folder."""
    key = scratch / "identity.txt"
    key.write_text(f"{IDENTITY}\n", "ascii")
    key.chmod(0o600)
    done = subprocess.run(["age", "-d", "-i", key, path], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
