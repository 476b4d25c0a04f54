"""The audit is clean after honest work, and finds each kind of tampering."""

from __future__ import annotations

import pytest
from django.db import connection

from accounts.models import Card
from citizencard.core.calendar import cut_off
from terminals.selectors.completeness import completeness, exceptions_by_reason
from terminals.selectors.invariants import broken, rules
from terminals.services.acceptance import accept_batch
from terminals.wire.batch import build_batch
from tests.fixtures_accounts import TODAY
from tests.terminals.field import Field

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def taps(field: Field, card: Card) -> None:
    """One accepted tap, one beyond the balance, one conflicting, one entry without fare, one duplicate."""
    first = field.tap(card, 1, 500)
    records = [first, first, field.tap(card, 2, 50_000), field.tap(card, 1, 300), field.tap(card, 3, 0)]
    accept_batch(terminal=field.terminal, body=build_batch("B1", records))


def tamper(statement: str) -> None:
    """As somebody with all rights would: with every trigger off."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement)
        assert cursor.rowcount
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


def test_honest_work_breaks_nothing() -> None:
    assert broken() == []


def test_every_record_is_accounted_for() -> None:
    counted = completeness()
    assert (counted.received, counted.accounted, counted.complete) == (5, 5, True)
    assert exceptions_by_reason() == {"counter_conflict": 1, "duplicate": 1, "over_balance": 1}


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("UPDATE terminals_tap SET amount_fen = 400 WHERE amount_fen = 500", "one transfer"),
        ("UPDATE accounts_transfer SET amount_fen = 499 WHERE kind = 10", "one transfer"),
        ("DELETE FROM accounts_transfer WHERE kind = 11", "one transfer"),
        ("DELETE FROM terminals_tap WHERE outcome = 4", "one transfer"),
        (
            "UPDATE accounts_transfer SET credit_id = debit_id + 999 WHERE kind = 12",
            "runs as its outcome asks",
        ),
        (
            "UPDATE accounts_transfer SET credit_id = (SELECT id FROM accounts_ledgeraccount WHERE code = '2241') "
            "WHERE kind = 10",
            "runs as its outcome asks",
        ),
        ("UPDATE terminals_tap SET outcome = 1 WHERE outcome = 4", "runs as its outcome asks"),
        ("UPDATE terminals_tap SET merchant_id = 0 WHERE outcome = 1", "that exist"),
        ("UPDATE terminals_tap SET batch_id = 0 WHERE outcome = 1", "that exist"),
        ("UPDATE terminals_batch SET business_date = '2026-03-03'", "business date of its batch"),
        (
            "UPDATE terminals_batch SET accepted = accepted - 1, rejected = rejected + 1",
            "every record of a batch",
        ),
        ("DELETE FROM terminals_refusal", "every record of a batch"),
        ("UPDATE terminals_refusal SET batch_id = 0", "a refusal belongs"),
        ("UPDATE accounts_purse SET offline_seen = '{[1,3)}'", "purchase counters seen"),
        ("UPDATE terminals_terminal SET sequences_seen = '{}'", "sequences seen"),
        ("UPDATE terminals_tap SET terminal_seq = 1", "sequence pays once"),
        (
            "INSERT INTO terminals_hotlistentry (pan, reason, effective_at, listed_at) SELECT pan, '', '2026-01-01', "
            "'2026-01-01' FROM accounts_card",
            "pays nobody",
        ),
        ("UPDATE terminals_refusal SET code = 'because'", "has a rule"),
    ],
)
def test_tampering_is_found(statement: str, rule: str) -> None:
    tamper(statement)
    found = broken()
    assert any(rule in breach.invariant for breach in found), found


def test_a_tap_on_two_dates_is_found() -> None:
    cut_off(TODAY)
    tamper(
        "INSERT INTO terminals_tap SELECT id, business_date + 1, batch_id, line, terminal_id, merchant_id, card_id, atc, "
        "terminal_seq, kind, amount_fen, balance_fen, occurred_at, received_at, tac, outcome, note FROM terminals_tap"
    )
    assert any("settled on one date" in breach.invariant for breach in broken())


def test_a_guard_that_is_off_is_found() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE terminals_refusal DISABLE TRIGGER append_only")
    assert [breach.subject for breach in broken()] == ["terminals_refusal.append_only"]


def test_a_lost_refusal_is_counted() -> None:
    tamper("DELETE FROM terminals_refusal")
    assert not completeness().complete


def test_rules_have_names() -> None:
    assert len(rules()) == len(set(rules())) > 10
