"""Digest files as the spool does, coming in or reading back."""

from __future__ import annotations

import os
from pathlib import Path

from blake3 import blake3

from agent.model import CHUNK_BYTES
from agent.spool.hashing import ChunkHasher, measure
from tests.bench.worker import Stopwatch


def digest(files: list[str], what: str) -> dict[str, float]:
    """`what`: "chunks" for chunk digests and their root, "blake3" and "sha256" for reading back."""
    watch = Stopwatch()
    for name in files:
        with Path(name).open("rb", buffering=0) as file:
            if what == "chunks":
                _chunks(file.fileno())
            else:
                measure(file.fileno(), frozenset({what} - {"blake3"}))
    return watch.read()


def _chunks(file: int) -> None:
    hasher = ChunkHasher()
    buffer = bytearray(CHUNK_BYTES)
    while count := os.readv(file, [buffer]):
        hasher.update(memoryview(buffer)[:count])
    blake3(hasher.finish()).digest()
