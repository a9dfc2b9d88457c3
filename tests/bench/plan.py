"""What was asked for on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Plan:
    """`folder` is empty, ours, and removed in the end; `size` in bytes."""

    folder: Path
    size: int
    pairs: int
    seed: int
