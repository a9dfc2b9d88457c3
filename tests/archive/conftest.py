"""What the archive's tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .docks import Far, secret_key

Open = Callable[..., Far]


@pytest.fixture
def open_far(tmp_path: Path) -> Iterator[Open]:
    """Opens the archive in one folder, again and again; the one before is closed as by a crash."""
    key = secret_key()
    opened: list[Far] = []

    def make(**changes: Any) -> Far:
        if opened:
            opened.pop().close()
        opened.append(Far(tmp_path / "archive", key, **changes))
        return opened[-1]

    yield make
    if opened:
        opened[-1].close()


@pytest.fixture
def far(open_far: Open) -> Far:
    return open_far()
