"""Proving a business date: leaves and nodes per second, next to a bare loop of SHA-256 over the same bytes and to reading them."""

from __future__ import annotations

import resource
from datetime import date
from hashlib import sha256

from django.db import connection

from accounts.models import Transfer
from benchmarks.city import found_city, tap_many
from benchmarks.databases import connected_to, copied_database, execute_as_owner, migrated_database
from benchmarks.timing import Result, Rounds
from citizencard.core.calendar import cut_off, seal
from settlement.merkle import root_of
from settlement.models import ProofHead
from settlement.selectors.proof_checks import altered, broken_chain
from settlement.selectors.proof_leaves import transfer_blocks
from settlement.selectors.receipts import transfer_receipt
from settlement.services.proving import prove_day

DAY = date(2026, 11, 2)
TAPS = 1_000_000
QUICK_TAPS = 3_000
LEAF_BYTES, NODE_BYTES = 89, 65
SALT_VERSION = 1
READ = """
COPY (SELECT id, kind::bigint, debit_id, credit_id, amount_fen, journal_id, source_id, occurred_at FROM accounts_transfer
WHERE business_date = %s ORDER BY id) TO STDOUT (FORMAT binary)
"""


def run(*, rounds: int, quick: bool) -> Result:
    """Seconds for one date; a fresh copy of it each round."""
    taps = QUICK_TAPS if quick else TAPS
    cards = taps // 20
    result = Result("proofs", f"Proving a business date of {taps:,} taps", {"taps": taps, "cards": cards})
    figures, entries = Rounds(), set[tuple[bytes, int]]()
    with migrated_database() as template:
        with connected_to(template):
            found_city(DAY, merchants=taps // 500, cards=cards)
            tap_many(DAY, merchants=taps // 500, cards=cards, taps=taps)
            cut_off(DAY)
            seal(DAY)
            execute_as_owner("VACUUM (ANALYZE)")
        for _ in range(rounds):
            with copied_database(template):
                entries.add(_round(figures, result))
    result.check("every round came to the same roots", len(entries) == 1)
    result.figures = figures.figures()
    result.ratio("tree / SHA-256", "tree of the transfers", "SHA-256 (raw limit)")
    result.ratio("tree / reading", "tree of the transfers", "reading (raw limit)")
    each = result.figures["proving"].median / taps
    result.notes.append(
        f"at this rate 5 million take {5_000_000 * each:,.0f} s, 20 million {20_000_000 * each:,.0f} s"
    )
    return result


def _round(figures: Rounds, result: Result) -> tuple[bytes, int]:
    _read()  # a fresh copy is cold
    transfers = Transfer.objects.count()
    figures.timed("SHA-256 (raw limit)", lambda: _hash(transfers))
    figures.timed("reading (raw limit)", _read)
    before = _peak_mb()
    blocks: list[tuple[int, int, bytes]] = []
    figures.timed("tree of the transfers", lambda: blocks.extend(transfer_blocks(DAY, SALT_VERSION)))
    figures.add("memory of the tree", _peak_mb() - before, "MB")
    figures.timed("proving", lambda: prove_day(day=DAY))
    head = ProofHead.objects.get()
    one = Transfer.objects.filter(kind=Transfer.Kind.PURCHASE).order_by("id")[transfers // 2]
    figures.timed(
        "a receipt",
        lambda: transfer_receipt(account_ids=[one.debit_id], day=DAY, transfer_id=one.id),
    )
    root = root_of([node for _first, _count, node in blocks])
    result.check("the head has the root of the tree", bytes(head.transfers_root) == root)
    result.check("what was proved is what the books say", [*broken_chain(), *altered([head])] == [])
    return bytes(head.transfers_root), head.liabilities_fen


def _hash(leaves: int) -> None:
    """As many leaves and nodes as the tree has, and nothing else."""
    leaf, node = bytes(LEAF_BYTES), bytes(NODE_BYTES)
    for _ in range(leaves):
        sha256(leaf).digest()
    for _ in range(leaves - 1):
        sha256(node).digest()


def _read() -> None:
    with connection.cursor() as cursor, cursor.copy(READ, [DAY]) as copy:
        for _row in copy:
            pass


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
