"""Whether what was proved still stands: heads follow one another, and the books hash to the roots that were signed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any, Final

import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from citizencard.core.invariants import Breach
from settlement.merkle import (
    EMPTY,
    EMPTY_SUM,
    HASH_BYTES,
    growing_roots,
    log_leaf,
    log_node,
    root_of,
    sum_node,
    sum_of,
)
from settlement.models import ProofHead
from settlement.models.proofs import canonical
from settlement.selectors.proof_leaves import purse_blocks, purses_at_close, transfer_blocks

CHAIN_RULE: Final = "signed heads follow one another"
TRANSFERS_RULE: Final = "a date's transfers are those that were proved"
PURSES_RULE: Final = "the balances of a date are those that were proved"


def broken_chain() -> Iterator[Breach]:
    """Heads that are not what was signed, do not follow the one before, or whose log is another. One query."""
    heads = list(ProofHead.objects.select_related("previous").order_by("size"))
    roots = growing_roots(log_leaf(canonical(head.entry)) for head in heads)
    before: ProofHead | None = None
    for head, root in zip(heads, roots, strict=True):
        for fault in _faults(head, before, root):
            yield Breach(CHAIN_RULE, str(head), fault)
        before = head


def altered(heads: Iterable[ProofHead]) -> Iterator[Breach]:
    """Everything in the books of these dates that is not what was proved of them.

    A date takes as long as proving it did. Raises KeyServiceError and KeyServiceUnavailable.
    """
    for head in heads:
        yield from _transfers(head)
        yield from _purses(head)


def _faults(head: ProofHead, before: ProofHead | None, root: bytes) -> Iterator[str]:
    if hashlib.sha256(head.statement).digest() != bytes(head.digest):
        yield "its digest is of something else"
    try:
        Ed25519PublicKey.from_public_bytes(bytes(head.public_key)).verify(
            bytes(head.signature), head.statement
        )
    except InvalidSignature:
        yield "its signature is of something else"
    if bytes(head.log_root) != root:
        yield f"the root of its log is {root.hex()}"
    if before is not None and (head.previous_id, head.business_date > before.business_date) != (
        before.size,
        True,
    ):
        yield f"it does not follow {before}"


def _transfers(head: ProofHead) -> Iterator[Breach]:
    kept = list(head.transfer_blocks.order_by("first_id").values_list("first_id", "node"))
    found = list(transfer_blocks(head.business_date, head.salt_version))
    for then, now in zip_longest(kept, found):
        if then is None or now is None or (then[0], bytes(then[1])) != (now[0], now[2]):
            first = min(block[0] for block in (then, now) if block)
            yield Breach(TRANSFERS_RULE, str(head), f"in the block of transfer {first} and following")
    nodes = [bytes(node) for _first, node in kept]
    yield from _roots(TRANSFERS_RULE, head, head.transfers_root, root_of(nodes, log_node) if nodes else EMPTY)


def _purses(head: ProofHead) -> Iterator[Breach]:
    kept = list(head.purse_blocks.order_by("first_salt").values_list("first_salt", "node", "leaves"))
    purses = purses_at_close(head.business_date)
    now = purse_blocks(head.business_date, purses[purses[:, 1] > 0], head.salt_version)
    for number, (then, found) in enumerate(zip_longest(kept, now)):
        if then is None or found is None or tuple(map(bytes, then)) != found:
            yield Breach(PURSES_RULE, str(head), f"in block {number}: {_accounts(then, found)}")
    nodes = [bytes(node) for _first, node, _leaves in kept]
    root = root_of(nodes, sum_node) if nodes else EMPTY_SUM
    yield from _roots(PURSES_RULE, head, head.purses_root, root[:HASH_BYTES])
    if (head.liabilities_fen, head.claims_fen) != (sum_of(root), -int(purses[purses[:, 1] < 0, 1].sum())):
        yield Breach(PURSES_RULE, str(head), "the sums differ")


def _accounts(*blocks: Any) -> str:
    """The accounts that two versions of a block do not agree on."""
    pairs = [
        set(map(tuple, np.frombuffer(bytes(block[2]), ">i8").reshape(-1, 2).tolist()))
        for block in blocks
        if block
    ]
    differing = pairs[0] ^ pairs[1] if len(pairs) == 2 else pairs[0]
    return ", ".join(f"account {account} {fen} fen" for account, fen in sorted(differing)[:10])


def _roots(rule: str, head: ProofHead, signed: bytes | memoryview, root: bytes) -> Iterator[Breach]:
    if bytes(signed) != root:
        yield Breach(rule, str(head), f"the kept blocks lead to {root.hex()}")
