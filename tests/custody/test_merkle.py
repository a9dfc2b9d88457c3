"""The tree: against its definition, written down naively, and against known-good values of
Certificate Transparency's own tests (google/certificate-transparency, merkle_tree_test)."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.merkle import (
    EMPTY_ROOT,
    Growing,
    completed,
    completed_by,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root,
    verifies_consistency,
    verifies_inclusion,
)

LEAVES = [
    bytes.fromhex(each)
    for each in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
N_5F = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
N_BC = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
N_CA = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
N_96 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
N_6B = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
N_0E = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
INCLUSION = [
    (0, 8, [N_96, N_5F, N_6B]),
    (5, 8, [N_BC, N_CA, ROOTS[3]]),
    (2, 3, [ROOTS[1]]),
    (1, 5, [ROOTS[0], N_5F, N_BC]),
    (0, 1, []),
]
CONSISTENCY = [
    (1, 8, [N_96, N_5F, N_6B]),
    (6, 8, [N_0E, N_CA, ROOTS[3]]),
    (2, 5, [N_5F, N_BC]),
    (1, 1, []),
]

entries = st.lists(st.binary(max_size=8), min_size=1, max_size=70)


class Kept:
    """Complete nodes as the ledger keeps them."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.nodes: list[list[bytes]] = []
        for number, each in enumerate(leaves):
            self.nodes.append(completed(number, leaf_hash(each), self.node))

    def node(self, level: int, index: int) -> bytes:
        return self.nodes[completed_by(level, index)][level]


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 §2.1, word by word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = split(len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def split(size: int) -> int:
    k = 1
    while k * 2 < size:
        k *= 2
    return k


def naive_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of §2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of §2.1.2."""
    if m == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*naive_subproof(m, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], False), naive_root(leaves[:k])]


@pytest.mark.parametrize("size", range(1, 9))
def test_known_good_roots(size: int) -> None:
    kept, growing = Kept(LEAVES), Growing()
    assert [growing.add(leaf_hash(each)) for each in LEAVES[:size]] == kept.nodes[:size]
    assert root(size, kept.node).hex() == growing.root.hex() == ROOTS[size - 1]


def test_the_root_of_nothing() -> None:
    assert root(0, Kept([]).node) == Growing().root == EMPTY_ROOT


@pytest.mark.parametrize(("number", "size", "path"), INCLUSION)
def test_known_good_inclusion(number: int, size: int, path: list[str]) -> None:
    proof = inclusion_proof(number, size, Kept(LEAVES).node)
    assert [each.hex() for each in proof] == path
    leaf = leaf_hash(LEAVES[number])
    assert verifies_inclusion(number, size, leaf, proof, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("old", "size", "path"), CONSISTENCY)
def test_known_good_consistency(old: int, size: int, path: list[str]) -> None:
    proof = consistency_proof(old, size, Kept(LEAVES).node)
    assert [each.hex() for each in proof] == path
    roots = [bytes.fromhex(each) for each in ROOTS]
    assert verifies_consistency(old, roots[old - 1], size, roots[size - 1], proof)


@given(entries)
def test_roots_are_those_of_the_definition(leaves: list[bytes]) -> None:
    kept, growing = Kept(leaves), Growing()
    for size, leaf in enumerate(leaves, 1):
        growing.add(leaf_hash(leaf))
        assert root(size, kept.node) == growing.root == naive_root(leaves[:size])


@given(entries, st.data())
def test_proofs_are_those_of_the_definition_and_hold(
    leaves: list[bytes], data: st.DataObject
) -> None:
    size = len(leaves)
    number = data.draw(st.integers(0, size - 1))
    kept, whole = Kept(leaves), naive_root(leaves)
    path = inclusion_proof(number, size, kept.node)
    assert path == naive_path(number, leaves)
    assert verifies_inclusion(number, size, leaf_hash(leaves[number]), path, whole)
    proof = consistency_proof(number + 1, size, kept.node)
    assert proof == naive_subproof(number + 1, leaves, True)
    assert verifies_consistency(number + 1, naive_root(leaves[: number + 1]), size, whole, proof)


@given(entries, st.data())
def test_a_proof_holds_for_nothing_else(leaves: list[bytes], data: st.DataObject) -> None:
    """Another number, leaf, root, hash, or length of the proof."""
    size = len(leaves)
    number = data.draw(st.integers(0, size - 1))
    whole, leaf = naive_root(leaves), leaf_hash(leaves[number])
    path = naive_path(number, leaves)
    other = leaf_hash(b"another entry")
    assert not verifies_inclusion(number, size, other, path, whole)
    assert not verifies_inclusion(number, size, leaf, path, other)
    assert not verifies_inclusion(number, size, leaf, [*path, other], whole)
    assert not verifies_inclusion(-1, size, leaf, path, whole)
    assert not verifies_inclusion(size, size, leaf, path, whole)
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        assert not verifies_inclusion(number, size, leaf, path[:at] + path[at + 1 :], whole)
        assert not verifies_inclusion(
            number, size, leaf, [*path[:at], other, *path[at + 1 :]], whole
        )
        assert not verifies_inclusion(number, size, leaf, [*path[:at], b"short"], whole)


@given(entries, st.data())
def test_no_other_beginning_is_consistent(leaves: list[bytes], data: st.DataObject) -> None:
    size = len(leaves)
    old = data.draw(st.integers(1, size))
    first, whole = naive_root(leaves[:old]), naive_root(leaves)
    proof = naive_subproof(old, leaves, True)
    other = leaf_hash(b"another entry")
    assert not verifies_consistency(old, other, size, whole, proof)
    assert not verifies_consistency(old, first, size, other, proof)
    assert not verifies_consistency(old, first, size, whole, [*proof, other])
    assert not verifies_consistency(0, EMPTY_ROOT, size, whole, [])
    assert not verifies_consistency(size + 1, first, size, whole, proof)
    if proof:
        assert not verifies_consistency(old, first, size, whole, proof[:-1])


@pytest.mark.parametrize(("number", "size"), [(0, 0), (3, 3), (-1, 3)])
def test_there_is_no_proof_of_what_is_not_there(number: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_proof(number, size, Kept(LEAVES).node)
    with pytest.raises(ValueError, match="no proof"):
        consistency_proof(size + 1, size, Kept(LEAVES).node)
