"""The Merkle tree of RFC 6962: one root stands for all entries; short proofs show that one is in and none was changed.

Method: a leaf is SHA-256(0x00 || entry), a node SHA-256(0x01 || left || right) (section 2.1). A level with an odd
number of nodes hands its last one up unchanged, which gives the same root as the recursive definition.
Source: RFC 6962 section 2.1; the checks of proofs are those of RFC 9162 sections 2.1.3.2 and 2.1.4.2.
Invariants: leaf and node hashes have different first bytes, so that no node can pass for an entry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one entry, 32 bytes."""
    return hashlib.sha256(b"\x00" + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """What must be remembered to append: the roots of the full subtrees, largest first.

    Args:
        size: number of leaves so far.
        peaks: their roots, one for each bit that is set in `size`.
    """

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self._peaks = list(peaks)
        if len(self._peaks) != size.bit_count() or any(len(peak) != HASH_BYTES for peak in self._peaks):
            raise ValueError("these are not the subtrees of a tree of that size")

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> Frontier:
        """What `to_bytes` gave."""
        return cls(size, [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)])

    def to_bytes(self) -> bytes:
        """The peaks in a row."""
        return b"".join(self._peaks)

    def copy(self) -> Frontier:
        """One that can go another way."""
        return Frontier(self.size, self._peaks)

    def append(self, leaf: bytes) -> None:
        """Take in the next leaf hash."""
        size, peaks = self.size, self._peaks
        while size & 1:
            leaf = _node(peaks.pop(), leaf)
            size >>= 1
        peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Root of the whole tree."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = _node(peak, root)
        return root


class Tree:
    """All levels of the tree over `leaves`, for proofs.

    Args:
        leaves: leaf hashes in order.
    """

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.size = len(leaves)
        self._levels: list[Sequence[bytes]] = [leaves]
        while len(below := self._levels[-1]) > 1:
            above = [_node(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)]
            self._levels.append([*above, below[-1]] if len(below) % 2 else above)

    def root(self) -> bytes:
        """Root of the whole tree."""
        return self._levels[-1][0] if self.size else EMPTY_ROOT

    def inclusion_proof(self, index: int) -> list[bytes]:
        """Hashes that lead from leaf `index` to the root, the nearest first.

        Raises:
            ValueError: there is no such leaf.
        """
        if not 0 <= index < self.size:
            raise ValueError(f"there is no entry {index} among {self.size}")
        proof = []
        for level in self._levels[:-1]:
            if index ^ 1 < len(level):
                proof.append(level[index ^ 1])
            index >>= 1
        return proof

    def consistency_proof(self, first: int) -> list[bytes]:
        """Hashes that show that the tree of the first `first` leaves became this one by appending alone.

        Raises:
            ValueError: `first` is not between 1 and the size.
        """
        if not 0 < first <= self.size:
            raise ValueError(f"no tree of {first} entries can be an earlier one of {self.size}")
        proof: list[bytes] = []
        low, high, whole = 0, self.size, True
        while first != high - low:
            half = 1 << (high - low - 1).bit_length() - 1
            if first <= half:
                proof.append(self._subtree(low + half, high))
                high = low + half
            else:
                proof.append(self._subtree(low, low + half))
                low, first, whole = low + half, first - half, False
        if not whole:
            proof.append(self._subtree(low, high))
        return proof[::-1]

    def _subtree(self, low: int, high: int) -> bytes:
        height = (high - low - 1).bit_length()
        return self._levels[height][low >> height]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Tell whether `leaf` is entry `index` of the tree of `size` entries with that root."""
    if not 0 <= index < size:
        return False
    last, found = size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if index & 1 or index == last:
            found = _node(sibling, found)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            found = _node(found, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(first: int, size: int, first_root: bytes, root: bytes, proof: Sequence[bytes]) -> bool:
    """Tell whether the tree of `first` entries is the beginning of the tree of `size` entries."""
    if not 0 < first <= size:
        return False
    if first == size:
        return not proof and first_root == root
    steps = list(proof) if first & (first - 1) else [first_root, *proof]
    if not steps:
        return False
    index, last = first - 1, size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            old, new = _node(step, old), _node(step, new)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            new = _node(new, step)
        index, last = index >> 1, last >> 1
    return last == 0 and old == first_root and new == root
