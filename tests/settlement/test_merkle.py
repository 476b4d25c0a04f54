"""Hash trees: the reference implementation's known answers, and the definition itself for any number of leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.merkle import (
    EMPTY,
    SUM_MAX,
    consistency_of,
    growing_roots,
    log_leaf,
    log_node,
    path_of,
    root_of,
    sum_leaf,
    sum_node,
    sum_of,
)
from tests.settlement.verifier import verify

# The entries and roots of certificate-transparency's merkletree tests.
ENTRIES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
LEAVES = [log_leaf(entry) for entry in ENTRIES]
sizes = st.integers(1, 70)


def defined(nodes: Sequence[bytes], combine: Callable[[bytes, bytes], bytes] = log_node) -> bytes:
    """RFC 6962, 2.1: split at the largest power of two below the size."""
    if len(nodes) == 1:
        return nodes[0]
    split = max(1 << n for n in range(32) if 1 << n < len(nodes))
    return combine(defined(nodes[:split], combine), defined(nodes[split:], combine))


def leaves(count: int) -> list[bytes]:
    return [log_leaf(bytes([n])) for n in range(count)]


def amounts(count: int) -> list[bytes]:
    return [sum_leaf(bytes([n]), n * n) for n in range(count)]


def test_roots_of_the_reference_implementation() -> None:
    assert EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert [root_of(LEAVES[:size]).hex() for size in range(1, 9)] == list(ROOTS)
    assert [root.hex() for root in growing_roots(LEAVES)] == list(ROOTS)


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [
        (0, 1, []),
        (0, 8, ["96a296d2", "5f083f0a", "6b47aaf2"]),
        (5, 8, ["bc1a0643", "ca854ea1", "d37ee418"]),
        (2, 3, ["fac54203"]),
        (1, 5, ["6e340b9c", "5f083f0a", "bc1a0643"]),
    ],
)
def test_paths_of_the_reference_implementation(index: int, size: int, path: list[str]) -> None:
    assert [node.hex()[:8] for node in path_of(LEAVES[:size], index)] == path


@pytest.mark.parametrize(
    ("before", "size", "proof"),
    [
        (1, 1, []),
        (1, 8, ["96a296d2", "5f083f0a", "6b47aaf2"]),
        (6, 8, ["0ebc5d34", "ca854ea1", "d37ee418"]),
        (2, 5, ["5f083f0a", "bc1a0643"]),
    ],
)
def test_consistency_of_the_reference_implementation(before: int, size: int, proof: list[str]) -> None:
    assert [node.hex()[:8] for node in consistency_of(LEAVES[:size], before)] == proof


@settings(max_examples=40)
@given(size=sizes, data=st.data())
def test_any_tree_is_as_defined_and_every_path_leads_to_its_root(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    for nodes, combine, checked in (
        (leaves(size), log_node, verify.log_node),
        (amounts(size), sum_node, verify.sum_node),
    ):
        root = defined(nodes, combine)
        assert root_of(nodes, combine) == root
        path = path_of(nodes, index, combine)
        assert verify.root_by_path(nodes[index], index, size, path, checked) == root
        for wrong in range(size):
            if wrong != index:
                assert leads_elsewhere(nodes[index], wrong, size, path, checked, root)
        assert leads_elsewhere(nodes[index], index, size, [*path, nodes[0]], checked, root)
    assert sum_of(root) == sum(n * n for n in range(size))


def leads_elsewhere(
    leaf: bytes,
    index: int,
    size: int,
    path: list[bytes],
    combine: Callable[[bytes, bytes], bytes],
    root: bytes,
) -> bool:
    try:
        return bool(verify.root_by_path(leaf, index, size, path, combine) != root)
    except verify.Refused:
        return True


@settings(max_examples=40)
@given(size=sizes, data=st.data())
def test_consistency_holds_for_what_was_continued_and_for_nothing_else(
    size: int, data: st.DataObject
) -> None:
    before = data.draw(st.integers(1, size))
    nodes = leaves(size)
    old, new, proof = defined(nodes[:before]), defined(nodes), consistency_of(nodes, before)
    assert verify.is_consistent(before, size, old, new, proof)
    assert not verify.is_consistent(before, size, log_leaf(old), new, proof)
    assert not verify.is_consistent(before, size, old, log_leaf(new), proof)
    assert not verify.is_consistent(before, size, old, new, [*proof, old])
    for at in range(len(proof)):
        assert not verify.is_consistent(before, size, old, new, proof[:at] + proof[at + 1 :])
        changed = [*proof[:at], log_leaf(proof[at]), *proof[at + 1 :]]
        assert not verify.is_consistent(before, size, old, new, changed)


@settings(max_examples=20)
@given(size=st.integers(1, 70), height=st.integers(0, 4))
def test_blocks_of_a_power_of_two_have_the_root_of_all(size: int, height: int) -> None:
    nodes, width = leaves(size), 1 << height
    blocks = [root_of(nodes[at : at + width]) for at in range(0, size, width)]
    assert root_of(blocks) == defined(nodes)


def test_leaves_and_nodes_of_both_kinds_are_told_apart() -> None:
    one, other = log_leaf(b"1"), log_leaf(b"2")
    assert log_node(one, other) != log_leaf(one + other)
    assert one == sha256(b"\0" + b"1").digest()
    assert sum_leaf(b"", 0)[:32] not in (log_leaf(bytes(8)), sum_node(b"", b"")[:32])


def test_a_sum_tree_has_no_room_for_less_than_nothing_nor_for_too_much() -> None:
    most = sum_leaf(b"rich", SUM_MAX)
    with pytest.raises(OverflowError):
        sum_leaf(b"poor", -1)
    with pytest.raises(OverflowError):
        sum_node(most, sum_leaf(b"one fen", 1))
    assert sum_of(sum_node(most, sum_leaf(b"nothing", 0))) == SUM_MAX


def test_a_sum_tree_covers_each_half_and_not_their_total_alone() -> None:
    fair, moved = (sum_leaf(b"a", 5), sum_leaf(b"b", 5)), (sum_leaf(b"a", 0), sum_leaf(b"b", 10))
    assert sum_of(sum_node(*fair)) == sum_of(sum_node(*moved))
    assert sum_node(*fair) != sum_node(*moved)
