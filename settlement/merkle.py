"""Hash trees as in RFC 6962 (and 9162, section 2.1): roots, inclusion paths, consistency proofs. No database, no Django.

A node is a byte string; how two make one is the tree's own: `log_node` for plain hashes, `sum_node` for a hash with a sum
behind it. What is proved here is checked by docs/verify/verify.py, which shares no line with this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from hashlib import sha256
from typing import Final

Combine = Callable[[bytes, bytes], bytes]
HASH_BYTES: Final = 32
SUM_BYTES: Final = 8
SUM_MAX: Final = 2**63 - 1
"""As much as the ledger can count, in fen."""
EMPTY: Final = sha256(b"").digest()
"""The root of a log without leaves."""
EMPTY_SUM: Final = EMPTY + bytes(SUM_BYTES)
"""The root of a sum tree without leaves."""


def log_leaf(entry: bytes) -> bytes:
    """A leaf of a plain tree."""
    return sha256(b"\0" + entry).digest()


def log_node(left: bytes, right: bytes) -> bytes:
    """A node of a plain tree."""
    return sha256(b"\1" + left + right).digest()


def sum_leaf(entry: bytes, amount_fen: int) -> bytes:
    """A leaf of a sum tree: a hash that covers the amount, and the amount. OverflowError for one below zero or too large."""
    amount = _amount(amount_fen)
    return sha256(b"\2" + entry + amount).digest() + amount


def sum_node(left: bytes, right: bytes) -> bytes:
    """A node of a sum tree: it covers both sums and carries their total. OverflowError when that is too large."""
    total = sum_of(left) + sum_of(right)
    return sha256(b"\3" + left + right).digest() + _amount(total)


def sum_of(node: bytes) -> int:
    """What a node of a sum tree adds up to, in fen."""
    return int.from_bytes(node[HASH_BYTES:])


def levels_of(nodes: Sequence[bytes], combine: Combine) -> list[Sequence[bytes]]:
    """All levels, leaves first; the last one is the root alone. A node without a partner goes up as it is."""
    levels = [nodes]
    while len(nodes) > 1:
        pairs = list(map(combine, nodes[::2], nodes[1::2]))
        nodes = [*pairs, nodes[-1]] if len(nodes) % 2 else pairs
        levels.append(nodes)
    return levels


def root_of(nodes: Sequence[bytes], combine: Combine = log_node) -> bytes:
    """The root over leaves, or over the roots of complete subtrees of equal size and a last one that may be smaller.

    Raises IndexError without any: an empty tree's root is its kind's own.
    """
    return levels_of(nodes, combine)[-1][0]


def path_of(nodes: Sequence[bytes], index: int, combine: Combine = log_node) -> list[bytes]:
    """The partners on the way from node `index` up to the root, lowest first."""
    path = []
    for level in levels_of(nodes, combine)[:-1]:
        partner = index ^ 1
        if partner < len(level):
            path.append(level[partner])
        index >>= 1
    return path


def consistency_of(nodes: Sequence[bytes], before: int) -> list[bytes]:
    """Proof that the plain tree over `nodes` begins with the tree over the first `before` of them (RFC 6962, 2.1.2)."""
    proof: list[bytes] = []
    whole = True
    while 0 < before < len(nodes):
        split = 1 << (len(nodes) - 1).bit_length() - 1
        if before <= split:
            proof.append(root_of(nodes[split:]))
            nodes = nodes[:split]
        else:
            proof.append(root_of(nodes[:split]))
            nodes, before, whole = nodes[split:], before - split, False
    if before and not whole:
        proof.append(root_of(nodes))
    return proof[::-1]


def growing_roots(leaves: Iterable[bytes]) -> Iterator[bytes]:
    """The root of the plain tree after each leaf, in one pass."""
    peaks: list[tuple[int, bytes]] = []
    for leaf in leaves:
        height, node = 0, leaf
        while peaks and peaks[-1][0] == height:
            height, node = height + 1, log_node(peaks.pop()[1], node)
        peaks.append((height, node))
        yield reduce(lambda right, peak: log_node(peak[1], right), peaks[-2::-1], node)


def _amount(amount_fen: int) -> bytes:
    if not 0 <= amount_fen <= SUM_MAX:
        raise OverflowError(f"{amount_fen} fen is no amount of a sum tree")
    return amount_fen.to_bytes(SUM_BYTES)
