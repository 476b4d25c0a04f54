"""Paying from the account purse: once, in one call, only what is there, and back again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.errors import (
    AccountNotOpen,
    AmountOutOfRange,
    CardNotActive,
    NoAccountPurse,
    PaymentOverRefunded,
    PurseCeilingReached,
    PurseFloorReached,
)
from accounts.models import Card, Journal, LedgerAccount, Payment, PaymentRefund, Purse, Transfer
from accounts.selectors.balances import account_balance_fen
from accounts.selectors.purses import purse_overview
from accounts.services import cards
from accounts.services.ledger import reverse_journal, set_account_state
from accounts.services.payments import account_purse, pay, refund_payment
from citizencard.core.calendar import NoOpenBusinessDay
from citizencard.core.errors import Conflict
from tests.accounts.purses.filling import fill, fresh
from tests.factories import CLERK, NOON, make_card, make_product

pytestmark = pytest.mark.django_db


def buy(purse: Purse, shop: LedgerAccount, amount_fen: object = 300, **changes: Any) -> Payment:
    values: dict[str, Any] = {"key": "bill-1", "channel": "qr", "actor": "shop", "occurred_at": NOON}
    return pay(purse=purse, payee=shop.pk, amount_fen=amount_fen, **values | changes)  # type: ignore[arg-type]


def give_back(payment: Payment, amount_fen: int, key: str = "back-1") -> PaymentRefund:
    return refund_payment(
        payment=payment, amount_fen=amount_fen, key=key, actor=CLERK, reason="returned", occurred_at=NOON
    )


def test_a_payment_moves_its_amount_to_the_payee(purse: Purse, shop: LedgerAccount) -> None:
    payment = buy(purse, shop, place="till 2")
    assert fresh(purse).balance_fen == 700
    assert account_balance_fen(shop.pk) == 300
    stored = Payment.objects.get(pk=payment.pk)
    assert (stored.key, stored.amount_fen, stored.place) == ("bill-1", 300, "till 2")
    transfer = Transfer.objects.get(kind=Transfer.Kind.PAYMENT)
    assert (transfer.source_id, transfer.occurred_at) == (payment.pk, NOON)
    assert Journal.objects.get(pk=transfer.journal_id).key == "payment:bill-1"


def test_a_payment_is_one_call(
    purse: Purse,
    shop: LedgerAccount,
    django_assert_num_queries: Callable[..., Any],
    prepared_calls: list[str],
) -> None:
    """The prepared call, and within a transaction a savepoint and its release around it."""
    with django_assert_num_queries(2):
        buy(purse, shop)
    assert len(prepared_calls) == 1


def test_a_repeat_is_the_same_payment_whenever_it_comes(
    card: Card, purse: Purse, shop: LedgerAccount
) -> None:
    first = buy(purse, shop)
    cards.mark_lost(card=card, actor=CLERK, reason="", occurred_at=NOON)
    assert buy(purse, shop, occurred_at=NOON + timedelta(minutes=1)).pk == first.pk
    assert fresh(purse).balance_fen == 700


@pytest.mark.parametrize("change", [{"amount_fen": 301}, {"channel": "portal"}, {"place": "elsewhere"}])
def test_a_key_pays_one_thing(change: dict[str, Any], purse: Purse, shop: LedgerAccount) -> None:
    buy(purse, shop)
    with pytest.raises(Conflict):
        buy(purse, shop, **change)
    assert fresh(purse).balance_fen == 700


def test_a_key_is_of_one_purse(purse: Purse, shop: LedgerAccount) -> None:
    buy(purse, shop)
    other = account_purse(make_card(product=purse.card.product))
    fill(other, 1_000)
    with pytest.raises(Conflict):
        buy(other, shop)
    assert fresh(other).balance_fen == 1_000


@pytest.mark.parametrize("amount_fen", [0, -1, 2.5, True, "3", 2**63, 10**15 + 1])
def test_what_is_no_amount_is_refused_before_the_database(
    amount_fen: object,
    purse: Purse,
    shop: LedgerAccount,
    django_assert_num_queries: Callable[..., Any],
) -> None:
    with django_assert_num_queries(0), pytest.raises(AmountOutOfRange):
        buy(purse, shop, amount_fen)


def test_the_floor_is_the_end(purse: Purse, shop: LedgerAccount) -> None:
    with pytest.raises(PurseFloorReached):
        buy(purse, shop, 1_001)
    assert not Payment.objects.exists()
    assert buy(purse, shop, 1_000).pk
    assert fresh(purse).balance_fen == 0


@pytest.mark.parametrize("state", [Card.State.SUSPENDED, Card.State.LOST_TEMP, Card.State.LOST])
def test_only_an_active_card_pays(state: str, purse: Purse, shop: LedgerAccount) -> None:
    Card.objects.filter(pk=purse.card_id).update(state=state)
    with pytest.raises(CardNotActive):
        buy(purse, shop)
    assert not Payment.objects.exists()


def test_the_purse_on_the_chip_does_not_pay_online(card: Card, shop: LedgerAccount) -> None:
    with pytest.raises(NoAccountPurse):
        buy(card.purse, shop)
    plain = make_card(product=make_product(code="plain", price_fen=0, deposit_fen=0))
    with pytest.raises(NoAccountPurse):
        account_purse(plain)


@pytest.mark.parametrize("side", ["purse", "payee"])
@pytest.mark.parametrize("state", [LedgerAccount.State.FROZEN, LedgerAccount.State.CLOSED])
def test_a_frozen_account_neither_pays_nor_is_paid(
    side: str, state: str, purse: Purse, shop: LedgerAccount
) -> None:
    account = purse.account if side == "purse" else shop
    set_account_state(account=account, state=state, actor=CLERK, reason="court order")
    with pytest.raises(AccountNotOpen) as refusal:
        buy(purse, shop)
    assert refusal.value.data["account"] == account.code
    assert not Payment.objects.exists()


def test_an_unknown_payee_and_no_open_day(purse: Purse, shop: LedgerAccount) -> None:
    with pytest.raises(AccountNotOpen):
        buy(purse, LedgerAccount(pk=10**9))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE core_businessday SET state = 'closed'")
    with pytest.raises(NoOpenBusinessDay):
        buy(purse, shop)
    assert not Payment.objects.exists()


def test_a_refused_payment_leaves_the_callers_transaction_usable(purse: Purse, shop: LedgerAccount) -> None:
    with transaction.atomic():
        with pytest.raises(PurseFloorReached):
            buy(purse, shop, 1_001)
        buy(purse, shop, 100)
    assert fresh(purse).balance_fen == 900


def test_a_refund_gives_back_in_parts_and_no_more_than_was_paid(purse: Purse, shop: LedgerAccount) -> None:
    payment = buy(purse, shop)
    first = give_back(payment, 100)
    assert give_back(payment, 100) == first
    with pytest.raises(PaymentOverRefunded):
        give_back(payment, 201, "back-2")
    give_back(payment, 200, "back-2")
    with pytest.raises(PaymentOverRefunded):
        give_back(payment, 1, "back-3")
    assert (fresh(purse).balance_fen, account_balance_fen(shop.pk)) == (1_000, 0)


def test_a_refunds_key_is_of_one_refund(purse: Purse, shop: LedgerAccount) -> None:
    payment = buy(purse, shop)
    give_back(payment, 100)
    with pytest.raises(Conflict):
        give_back(payment, 101)
    with pytest.raises(Conflict):
        give_back(buy(purse, shop, key="bill-2"), 100)
    assert fresh(purse).balance_fen == 500


def test_a_lost_cards_money_comes_back_but_not_above_the_ceiling(
    card: Card, purse: Purse, shop: LedgerAccount
) -> None:
    payment = buy(purse, shop)
    cards.mark_lost(card=card, actor=CLERK, reason="", occurred_at=NOON)
    give_back(payment, 50)
    fill(purse, 100_000 - 750)
    with pytest.raises(PurseCeilingReached):
        give_back(payment, 50, "back-2")
    assert PaymentRefund.objects.count() == 1


def test_a_payment_is_corrected_by_a_refund_only(purse: Purse, shop: LedgerAccount) -> None:
    buy(purse, shop)
    with pytest.raises(Conflict):
        reverse_journal(journal=Journal.objects.get(key="payment:bill-1"), actor=CLERK, reason="wrong")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_payment SET amount_fen = 1",
        "DELETE FROM accounts_payment",
        "TRUNCATE accounts_payment CASCADE",
        "UPDATE accounts_paymentrefund SET amount_fen = 1",
        "DELETE FROM accounts_paymentrefund",
        "INSERT INTO accounts_paymentrefund (payment_id, key, amount_fen, reason, actor, occurred_at)"
        " SELECT id, 'raw', 201, '', 'raw', occurred_at FROM accounts_payment",
        "INSERT INTO accounts_paymentrefund (payment_id, key, amount_fen, reason, actor, occurred_at)"
        " SELECT id, 'raw' || n, 101, '', 'raw', occurred_at FROM accounts_payment, generate_series(1, 2) AS n",
    ],
)
def test_raw_sql_changes_no_payment_and_refunds_no_more_than_was_paid(
    statement: str, purse: Purse, shop: LedgerAccount
) -> None:
    payment = buy(purse, shop)
    give_back(payment, 100)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # TRUNCATE waits for nothing else
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_overview_tells_both_purses_and_as_of_when(
    card: Card, purse: Purse, shop: LedgerAccount, django_assert_num_queries: Callable[..., Any]
) -> None:
    chip, _ = purse_overview(card)
    assert (chip.kind, chip.balance_fen, chip.as_of) == (Purse.Kind.CHIP, 0, None)
    fill(card.purse, 500)
    buy(purse, shop)
    set_account_state(account=purse.account, state="frozen", actor=CLERK, reason="court order")
    with django_assert_num_queries(1):
        chip, account = purse_overview(card)
    assert (chip.balance_fen, chip.as_of, chip.state) == (500, NOON, "open")
    assert (account.kind, account.balance_fen, account.available_fen) == (Purse.Kind.ACCOUNT, 700, 700)
    assert (account.in_transit_fen, account.ceiling_fen, account.state) == (0, 100_000, "frozen")
    assert account.as_of is not None
    assert account.as_of > NOON
