"""A small card behind a block node that can fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hwsim.images import Kind, make_image
from hwsim.ports.block_node import BlockNode
from tests.contracts.recorder import small_card
from tests.contracts.volume import DiskPort

KINDS: tuple[Kind, ...] = ("fat12", "exfat")


@pytest.fixture(params=KINDS)
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlockNode]:
    image = make_image(tmp_path / "card.img", small_card(), kind=request.param)
    with BlockNode(image, tmp_path / "node") as shown:
        yield shown


@pytest.fixture
def port(node: BlockNode, tmp_path: Path) -> DiskPort:
    port = DiskPort(tmp_path / "machine")
    port.plug(node.path)
    return port
