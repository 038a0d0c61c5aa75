from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.core.ledger.tree import EMPTY_ROOT, Frontier, Tree, leaf_hash, verify_consistency, verify_inclusion

# The published vectors of Certificate Transparency (google/certificate-transparency, merkletree/merkle_tree_test.cc).
ENTRIES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
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
PATH_0_OF_8 = [
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
]
CONSISTENCY_6_TO_8 = [
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
]
LEAVES = [leaf_hash(bytes.fromhex(entry)) for entry in ENTRIES]


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_of_the_published_vectors(size: int) -> None:
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier.append(leaf)
    assert frontier.root().hex() == Tree(LEAVES[:size]).root().hex() == ROOTS[size - 1]


def test_proofs_of_the_published_vectors() -> None:
    tree = Tree(LEAVES)
    assert [step.hex() for step in tree.inclusion_proof(0)] == PATH_0_OF_8
    assert [step.hex() for step in tree.consistency_proof(6)] == CONSISTENCY_6_TO_8


def test_empty_tree() -> None:
    assert Tree([]).root() == Frontier().root() == EMPTY_ROOT


@given(st.integers(1, 70), st.data())
def test_every_proof_holds_and_no_other_leaf_passes(size: int, data: st.DataObject) -> None:
    leaves = [leaf_hash(str(number).encode()) for number in range(size)]
    tree = Tree(leaves)
    index = data.draw(st.integers(0, size - 1))
    proof = tree.inclusion_proof(index)
    assert verify_inclusion(leaves[index], index, size, proof, tree.root())
    assert not verify_inclusion(leaf_hash(b"other"), index, size, proof, tree.root())
    for wrong in range(size):
        assert verify_inclusion(leaves[index], wrong, size, proof, tree.root()) is (wrong == index)
    assert not verify_inclusion(leaves[index], index, size, [*proof, leaves[0]], tree.root())
    assert not verify_inclusion(leaves[index], size, size, proof, tree.root())


def test_every_earlier_tree_is_shown_to_be_a_beginning() -> None:
    leaves = [leaf_hash(str(number).encode()) for number in range(40)]
    for first, size in itertools.combinations_with_replacement(range(1, 40), 2):
        old, new = Tree(leaves[:first]), Tree(leaves[:size])
        proof = new.consistency_proof(first)
        assert verify_consistency(first, size, old.root(), new.root(), proof)
        other = Tree([leaf_hash(b"x"), *leaves[1:first]]).root()
        assert not verify_consistency(first, size, other, new.root(), proof)
        if first < size:
            assert not verify_consistency(first, size, old.root(), other, proof)
            assert not verify_consistency(first, size, old.root(), new.root(), proof[:-1])


def test_frontier_goes_on_from_its_bytes() -> None:
    frontier = Frontier()
    for leaf in LEAVES[:5]:
        frontier.append(leaf)
    again = Frontier.from_bytes(5, frontier.to_bytes())
    branch = again.copy()
    for leaf in LEAVES[5:]:
        again.append(leaf)
    assert again.root().hex() == ROOTS[7]
    assert branch.root().hex() == ROOTS[4]
    with pytest.raises(ValueError, match="not the subtrees"):
        Frontier(5, [LEAVES[0]])


@pytest.mark.parametrize("index", [-1, 8])
def test_no_proof_of_what_is_not_there(index: int) -> None:
    with pytest.raises(ValueError, match="no entry"):
        Tree(LEAVES).inclusion_proof(index)
    with pytest.raises(ValueError, match="earlier"):
        Tree(LEAVES).consistency_proof(9)
