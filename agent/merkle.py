"""The Merkle tree of RFC 6962 §2.1, over entries that are only ever added. Pure.

A tree of `size` leaves is kept as its *complete* nodes alone: node (level, index) covers the
leaves from `index << level` to `(index + 1) << level`, exclusive, and never changes once they are
there. `completed` says which nodes the newest leaf completes; from those, a root or a proof for
any size costs a number of reads that grows with the logarithm of the size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
"""The root of a tree without leaves (RFC 6962 §2.1)."""

Node = Callable[[int, int], bytes]
"""Reads the complete node (level, index)."""


def leaf_hash(entry: bytes) -> bytes:
    """Of one entry; its prefix keeps an entry from passing as an inner node."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def completed(number: int, leaf: bytes, node: Node) -> list[bytes]:
    """The nodes that leaf `number` (from 0) completes: itself, then one a level upwards."""
    done = [leaf]
    level = 0
    while number >> level & 1:
        done.append(node_hash(node(level, (number >> level) - 1), done[-1]))
        level += 1
    return done


def completed_by(level: int, index: int) -> int:
    """The number of the leaf that completes node (level, index)."""
    return ((index + 1) << level) - 1


def root(size: int, node: Node) -> bytes:
    """The root over the first `size` leaves."""
    if size == 0:
        return EMPTY_ROOT
    return _over(0, size, node)


def inclusion_proof(number: int, size: int, node: Node) -> list[bytes]:
    """PATH(number, D[size]), RFC 6962 §2.1.1. Raises ValueError unless 0 <= number < size."""
    if not 0 <= number < size:
        raise ValueError(f"no leaf {number} in a tree of {size}")
    return list(_path(number, 0, size, node))


def consistency_proof(old: int, size: int, node: Node) -> list[bytes]:
    """PROOF(old, D[size]), RFC 6962 §2.1.2. Raises ValueError unless 0 < old <= size."""
    if not 0 < old <= size:
        raise ValueError(f"no proof from a tree of {old} to one of {size}")
    return list(_subproof(old, 0, size, node, whole=True))


def verifies_inclusion(
    number: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> bool:
    """Whether `proof` shows that leaf hash `leaf` is number `number` of the tree with that root
    (RFC 9162 §2.1.3.2). Never raises."""
    if not 0 <= number < size or any(len(each) != HASH_BYTES for each in proof):
        return False
    at, last, found = number, size - 1, leaf
    for each in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(each, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, each)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def verifies_consistency(
    old: int, old_root: bytes, size: int, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether `proof` shows that the tree of `size` begins with that of `old`
    (RFC 9162 §2.1.4.2). Never raises; an empty tree is the beginning of none here."""
    if not 0 < old <= size or any(len(each) != HASH_BYTES for each in proof):
        return False
    if old == size:
        return not proof and old_root == new_root
    path = list(proof)
    if old & (old - 1) == 0:  # a whole subtree of the new tree, which the proof leaves out
        path.insert(0, old_root)
    if not path:
        return False
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = path[0]
    for each in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            before, after = node_hash(each, before), node_hash(each, after)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            after = node_hash(after, each)
        at, last = at >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


class Growing:
    """A tree that is built leaf by leaf, from nothing, in memory of the logarithm of its size."""

    def __init__(self) -> None:
        self.size = 0
        self._whole: list[bytes] = []
        """The roots of the complete subtrees so far, the widest first."""

    def add(self, leaf: bytes) -> list[bytes]:
        """The nodes that this leaf completes, as `completed` has them."""
        done = [leaf]
        number = self.size
        while number & 1:
            done.append(node_hash(self._whole.pop(), done[-1]))
            number >>= 1
        self._whole.append(done[-1])
        self.size += 1
        return done

    @property
    def root(self) -> bytes:
        """Over all leaves so far."""
        if not self._whole:
            return EMPTY_ROOT
        found = self._whole[-1]
        for each in self._whole[-2::-1]:
            found = node_hash(each, found)
        return found


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _over(start: int, end: int, node: Node) -> bytes:
    """The hash over the leaves from `start` to `end`, of which `start` begins a subtree."""
    width = end - start
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(width)
    return node_hash(_over(start, middle, node), _over(middle, end, node))


def _path(number: int, start: int, end: int, node: Node) -> Iterator[bytes]:
    if end - start == 1:
        return
    middle = start + _split(end - start)
    if number < middle:
        yield from _path(number, start, middle, node)
        yield _over(middle, end, node)
    else:
        yield from _path(number, middle, end, node)
        yield _over(start, middle, node)


def _subproof(old: int, start: int, end: int, node: Node, *, whole: bool) -> Iterator[bytes]:
    if old == end - start:
        if not whole:
            yield _over(start, end, node)
        return
    middle = start + _split(end - start)
    if old <= middle - start:
        yield from _subproof(old, start, middle, node, whole=whole)
        yield _over(middle, end, node)
    else:
        yield from _subproof(old - (middle - start), middle, end, node, whole=False)
        yield _over(start, middle, node)
