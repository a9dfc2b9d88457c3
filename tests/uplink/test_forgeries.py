"""20,000 forged, replayed, truncated and crossed receipts and proofs: none is taken.

A million: `python -m tests.uplink.forger 1000000`.
"""

from __future__ import annotations

import pytest

from agent.custody.envelopes import seal, seal_by
from agent.wire.contract import RECEIPT_TYPE
from agent.wire.evidence import PROOF_TYPE

from .forger import REMOVED_KEY, Case, Dock, attack
from .world import ARCHIVE_KEY, NEXT_KEY

CASES = 20_000


@pytest.fixture(scope="module")
def dock() -> Dock:
    return Dock()


@pytest.mark.parametrize("kind", [RECEIPT_TYPE, PROOF_TYPE], ids=["receipt", "proof"])
def test_the_genuine_one_is_taken(dock: Dock, kind: str) -> None:
    assert dock.takes(Case("genuine", kind, dock.genuine[kind]))


@pytest.mark.parametrize("kind", [RECEIPT_TYPE, PROOF_TYPE], ids=["receipt", "proof"])
def test_the_next_key_counts_and_so_does_a_signature_beside_others(dock: Dock, kind: str) -> None:
    said = dock.receipt if kind == RECEIPT_TYPE else dock.proof
    assert dock.takes(Case("next key", kind, seal(kind, said.encode(), NEXT_KEY)))
    beside = seal_by(kind, said.encode(), [REMOVED_KEY, ARCHIVE_KEY])
    assert dock.takes(Case("beside", kind, beside))


def test_no_forgery_is_taken(seed: int) -> None:
    tried, taken = attack(CASES, seed)
    assert [(case.name, case.envelope[:2000]) for case in taken[:3]] == [], f"seed {seed}"
    assert tried.total() == CASES
    assert len(tried) == 16
    assert min(tried.values()) > CASES // 100
