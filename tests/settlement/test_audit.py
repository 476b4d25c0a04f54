"""What a superuser changes behind the ledger's back, the audit finds."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection

from settlement.selectors.audit import INVARIANTS, all_rules, audit_books, broken_invariants
from settlement.services.clearing import clear_day


def tamper(statement: str) -> None:
    """As a superuser who has switched triggers off."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement)
        assert cursor.rowcount > 0, "the test has changed nothing"
        cursor.execute("SET LOCAL session_replication_role = origin")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def test_honest_books_are_clean_before_and_after_clearing(city: date) -> None:
    assert broken_invariants() == []
    clear_day(day=city)
    audit = audit_books()
    assert audit.breaches == []
    assert (audit.taps, audit.days) == (7, 2)


@pytest.mark.parametrize(
    ("change", "invariant"),
    [
        ("UPDATE terminals_tap SET amount_fen = amount_fen + 1 WHERE amount_fen = 350", "a statement is what its merchant's taps come to"),
        ("DELETE FROM terminals_tap WHERE amount_fen = 350", "a statement is what its merchant's taps come to"),
        ("UPDATE terminals_tap SET outcome = 2 WHERE amount_fen = 200", "a statement is what its merchant's taps come to"),
        ("UPDATE terminals_tap SET merchant_id = merchant_id + 1 WHERE amount_fen = 200", "a statement is what its merchant's taps come to"),
        ("UPDATE settlement_statement SET fee_fen = fee_fen + 1, net_fen = net_fen - 1 WHERE gross_fen > 0",
         "a fee follows its contract"),
        ("UPDATE settlement_statement SET fee_basis_points = 10000 WHERE gross_fen > 0", "statements keep their digest"),
        ("DELETE FROM settlement_statement WHERE gross_fen = 0", "a statement is what its merchant's taps come to"),
        ("UPDATE settlement_clearingrun SET taps = taps + 1", "a run is the sum of its statements"),
        ("UPDATE settlement_clearingrun SET digest = sha256('x')", "statements keep their digest"),
        ("UPDATE settlement_clearingrun SET state = 'netted'", "each posted statement has its transfers, and no transfer is without"),
        ("DELETE FROM accounts_transfer WHERE kind = 20", "each posted statement has its transfers, and no transfer is without"),
        ("UPDATE accounts_transfer SET amount_fen = amount_fen + 1 WHERE kind = 21", "a cleared date leaves nothing payable"),
        ("UPDATE accounts_transfer SET credit_id = (SELECT settlement_id FROM terminals_merchant WHERE code = 'M00004')"
         " WHERE kind = 21 AND amount_fen = 550", "each posted statement has its transfers, and no transfer is without"),
        ("UPDATE accounts_transfer SET amount_fen = amount_fen + 1 WHERE kind = 10", "a cleared date leaves nothing payable"),
        ("DELETE FROM accounts_transfer WHERE kind = 12", "a cleared date leaves nothing payable"),
        ("UPDATE core_businessday SET state = 'closing' WHERE state = 'closed'", "a business day is sealed when it is cleared, and not before"),
    ],
)  # fmt: skip
def test_tampering_with_settlement_is_found(city: date, change: str, invariant: str) -> None:
    clear_day(day=city)
    tamper(change)
    assert invariant in {breach.invariant for breach in broken_invariants()}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE accounts_purse SET balance_fen = balance_fen + 1 WHERE card_id = (SELECT min(card_id) FROM accounts_purse)",
        "UPDATE accounts_transfer SET debit_id = (SELECT min(id) FROM accounts_ledgeraccount WHERE chart = '1011')"
        " WHERE kind = 10 AND amount_fen = 200",
        "DELETE FROM accounts_transfer WHERE kind = 11 AND amount_fen = 500",
        "UPDATE accounts_transfer SET amount_fen = 501 WHERE kind = 11 AND amount_fen = 500",
        "UPDATE accounts_purse SET offline_seen = '{}' WHERE offline_seen <> '{}'",
        "DELETE FROM terminals_tap WHERE amount_fen = 0",
    ],
)
def test_tampering_with_purses_taps_and_transfers_is_found(city: date, change: str) -> None:
    clear_day(day=city)
    tamper(change)
    assert broken_invariants() != []


def test_every_rule_proves_one_of_the_twelve_invariants() -> None:
    numbered = [rule for invariant in INVARIANTS for rule in invariant.rules]
    assert sorted(numbered) == sorted(all_rules())
    assert [invariant.number for invariant in INVARIANTS] == [f"I{n}" for n in range(1, 13)]
