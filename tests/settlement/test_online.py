"""Online payments clear with the taps: counted apart, in the gross, refunds taken off, also where more came back than in."""

from __future__ import annotations

import itertools
from datetime import date

import pytest
from django.db import connection

from accounts.models import Payment, Purse, Transfer
from accounts.selectors.balances import account_balance_fen
from accounts.services import payments
from accounts.services.topup import receive_cash
from settlement.models import Statement
from settlement.selectors.audit import broken_invariants
from settlement.services.clearing import clear_day
from terminals.models import Merchant
from tests.factories import NOON, make_card, make_order, make_product
from tests.settlement.small_city import DAY, NEXT_DAY, found_small_city

pytestmark = pytest.mark.django_db
_numbers = itertools.count(1)


@pytest.fixture
def city() -> date:
    """With a citizen's card whose account purse holds 500 yuan."""
    day = found_small_city()
    card = make_card(product=make_product(price_fen=0, deposit_fen=0, account_limit_fen=100_000))
    order = make_order(card=card, amount_fen=50_000, purse_kind=Purse.Kind.ACCOUNT)
    receive_cash(order=order, actor="clerk")
    return day


def merchant(number: int) -> Merchant:
    return Merchant.objects.get(code=f"M{number:05d}")


def pay(number: int, amount_fen: int) -> Payment:
    payee, key = merchant(number).payable_id, f"sale:{next(_numbers)}"
    return payments.pay(
        purse=Purse.objects.get(kind=Purse.Kind.ACCOUNT),
        payee=payee,
        amount_fen=amount_fen,
        key=key,
        channel="shop",
        actor="till",
        occurred_at=NOON,
    )


def refund(payment: Payment, amount_fen: int) -> None:
    payments.refund_payment(
        payment=payment,
        amount_fen=amount_fen,
        key=f"back:{next(_numbers)}",
        actor="till",
        reason="returned",
        occurred_at=NOON,
    )


def test_online_payments_are_part_of_the_gross(city: date) -> None:
    before = 550  # merchant 1's two taps
    pay(1, 1_000)
    refund(pay(1, 300), 100)
    clear_day(day=DAY)
    statement = Statement.objects.get(merchant=merchant(1))
    assert (statement.taps, statement.online, statement.online_fen) == (2, 2, 1_200)
    assert statement.gross_fen == before + 1_200 == statement.fee_fen + statement.net_fen
    assert account_balance_fen(merchant(1).settlement_id) == statement.net_fen
    assert broken_invariants() == []


def test_a_merchant_with_online_payments_only_has_a_statement(city: date) -> None:
    pay(4, 777)
    clear_day(day=DAY)
    statement = Statement.objects.get(merchant=merchant(4))
    assert (statement.taps, statement.online, statement.gross_fen) == (0, 1, 777)
    assert account_balance_fen(merchant(4).payable_id) == 0


def test_a_day_of_refunds_is_owed_by_the_merchant_without_a_fee(city: date) -> None:
    payment = pay(4, 250)
    clear_day(day=DAY)
    kept_fen = Statement.objects.get(merchant=merchant(4)).fee_fen
    refund(payment, 250)
    run = clear_day(day=NEXT_DAY)
    statement = Statement.objects.get(merchant=merchant(4), run=run)
    assert (statement.gross_fen, statement.fee_fen, statement.net_fen) == (-250, 0, -250)
    assert account_balance_fen(merchant(4).payable_id) == 0
    assert account_balance_fen(merchant(4).settlement_id) == -kept_fen
    (leg,) = Transfer.objects.filter(kind=Transfer.Kind.SETTLEMENT, source_id=statement.pk)
    assert (leg.debit_id, leg.credit_id) == (merchant(4).settlement_id, merchant(4).payable_id)
    assert run.gross_fen == run.fee_fen + run.net_fen
    assert broken_invariants() == []


@pytest.mark.parametrize("column", ["online", "online_fen"])
def test_a_statement_that_says_otherwise_is_found(city: date, column: str) -> None:
    pay(1, 1_000)
    clear_day(day=DAY)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(f"UPDATE settlement_statement SET {column} = {column} + 1 WHERE online > 0")
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    assert "a statement's online payments are those of the ledger" in {
        breach.invariant for breach in broken_invariants()
    }
