"""Whoever waits for the reader of volumes stops waiting when the contact is over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.errors import RecorderGone
from agent.link.volume import child
from agent.link.volume.node import BlockNode
from tests.contracts.volume import DiskPort


class Ended:
    """A contact that is over as soon as it is set."""

    def __init__(self) -> None:
        self.over = False

    def __call__(self) -> None:
        if self.over:
            raise RecorderGone("its contact is over")


@pytest.fixture
def ended() -> Ended:
    return Ended()


@pytest.fixture
def node(tmp_path: Path, ended: Ended) -> Iterator[BlockNode]:
    image = tmp_path / "card.img"
    image.write_bytes(bytes(10_000))
    port = DiskPort(tmp_path / "machine")
    port.plug(image)
    node = BlockNode(port.await_disk(1.0), ended)
    yield node
    node.close()


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "LOOK_SECONDS", 0.02)


def test_for_a_turn(node: BlockNode, ended: Ended) -> None:
    ended.over = True
    with ExitStack() as turns:
        for _ in range(child.AT_ONCE):
            child._turns.acquire()
            turns.callback(child._turns.release)
        with pytest.raises(RecorderGone, match="over"):
            list(child.listing(node))


def test_for_a_child_that_hangs(
    node: BlockNode, ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "_START", "import time; time.sleep(60)")
    ended.over = True
    began = time.monotonic()
    with pytest.raises(RecorderGone, match="over"):
        list(child.listing(node))
    assert time.monotonic() - began < 10


def test_a_turn_comes_back_whatever_happens(
    node: BlockNode, ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "_START", "import time; time.sleep(60)")
    ended.over = True
    for _ in range(child.AT_ONCE + 1):
        with pytest.raises(RecorderGone):
            list(child.listing(node))
