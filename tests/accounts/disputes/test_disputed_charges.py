"""The money of a dispute: credited once at most, borne by one, taken back as far as it is there."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.errors import ChargeDisputed, IllegalChargeStep, PaymentOverRefunded
from accounts.models import Card, Chart, CreditReturn, DisputedCharge, LedgerAccount, Payment, Purse
from accounts.selectors import invariants
from accounts.selectors.balances import account_balance_fen
from accounts.selectors.refund_blockers import Blocking
from accounts.selectors.refund_quote import quote_refund
from accounts.services.disputed_charges import (
    collect_credit,
    credits_to_collect,
    dispute_charge,
    grant_charge,
    refuse_charge,
    write_off_credit,
)
from accounts.services.ledger import open_account, set_account_state
from accounts.services.payments import account_purse, pay, refund_payment
from accounts.services.topup import reverse_topup
from tests.accounts.purses.filling import fill
from tests.accounts.refunds.test_alerts import alert_about
from tests.factories import NOON, make_card, make_product

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
WHO: dict[str, Any] = {"actor": "wang", "occurred_at": NOON}


@pytest.fixture
def card() -> Card:
    """With an online account that takes up to 1,000 yuan."""
    return make_card(product=make_product(price_fen=0, deposit_fen=0, account_limit_fen=100_000))


@pytest.fixture
def shop() -> LedgerAccount:
    return open_account(chart="2202", owner="shop")


@pytest.fixture
def payment(card: Card, shop: LedgerAccount) -> Payment:
    """Five of ten yuan, paid online."""
    purse = account_purse(card)
    fill(purse, 1_000)
    return pay(
        purse=purse, payee=shop.pk, amount_fen=500, key="p", channel="qr", actor="shop", occurred_at=NOON
    )


def disputed(payment: Payment, amount_fen: int = 500, up_to_fen: int = 10_000) -> DisputedCharge:
    return dispute_charge(
        card=payment.purse.card,
        what="payment",
        source_id=payment.pk,
        amount_fen=amount_fen,
        advance_up_to_fen=up_to_fen,
        charged_at=NOON,
        **WHO,
    )


def online_fen(card: Card) -> int:
    return Purse.objects.get(card=card, kind="account").balance_fen


def fen(code: str) -> int:
    account = LedgerAccount.objects.filter(code=code).first()
    return account_balance_fen(account.pk) if account else 0


def test_an_advance_becomes_final_and_the_merchant_bears_it(
    payment: Payment, card: Card, shop: LedgerAccount
) -> None:
    charge = disputed(payment)
    assert (online_fen(card), fen("1222"), fen("2031"), fen("2202.shop")) == (1_000, 500, 0, 500)
    charge = grant_charge(charge=charge, bearer=shop, **WHO)
    assert (online_fen(card), fen("1222"), fen("2202.shop")) == (1_000, 0, 0)
    assert charge.state == "granted"
    for again in (grant_charge, refuse_charge):
        with pytest.raises(IllegalChargeStep):
            again(charge=charge, **WHO | ({"bearer": shop} if again is grant_charge else {}))  # type: ignore[operator]
    assert invariants.broken() == []


def test_beyond_the_advance_the_credit_comes_with_the_decision_and_the_centre_may_bear_it(
    payment: Payment, card: Card
) -> None:
    charge = disputed(payment, up_to_fen=499)
    assert (charge.order, online_fen(card)) == (None, 500)
    grant_charge(charge=charge, bearer=open_account(chart=Chart.WRITE_OFF), **WHO)
    assert (online_fen(card), fen("1222"), fen("6711"), fen("2202.shop")) == (1_000, 0, 500, 500)
    assert invariants.broken() == []


def test_all_advances_of_a_card_together_stay_within_the_limit(payment: Payment, card: Card) -> None:
    disputed(payment, up_to_fen=700)
    second = pay(
        purse=account_purse(card), payee=payment.payee_id, amount_fen=201, key="q", channel="qr",
        actor="shop", occurred_at=NOON,
    )  # fmt: skip
    assert disputed(second, 201, up_to_fen=700).order is None


def test_a_refused_credit_is_taken_back_as_far_as_it_is_there_and_later_the_rest(
    payment: Payment, card: Card, shop: LedgerAccount
) -> None:
    charge = disputed(payment)
    pay(
        purse=account_purse(card), payee=shop.pk, amount_fen=700, key="q", channel="qr", actor="shop",
        occurred_at=NOON,
    )  # fmt: skip
    charge = refuse_charge(charge=charge, **WHO)
    assert (online_fen(card), fen("1222")) == (0, 200)
    assert credits_to_collect() == []
    assert invariants.broken() == []
    fill(account_purse(card), 150)
    assert credits_to_collect() == [charge]
    assert [collect_credit(charge=charge, **WHO) for _ in range(2)] == [150, 0]
    assert [write_off_credit(charge=charge, **WHO) for _ in range(2)] == [50, 0]
    assert (fen("1222"), fen("6711"), online_fen(card)) == (0, 50, 0)
    fill(account_purse(card), 100)
    assert (credits_to_collect(), collect_credit(charge=charge, **WHO)) == ([], 0)
    assert list(CreditReturn.objects.order_by("pk").values_list("amount_fen", "rule")) == [
        (300, "purse"), (150, "purse"), (50, "written_off"),
    ]  # fmt: skip
    assert invariants.broken() == []


def test_a_card_without_an_online_account_gets_its_credit_for_the_chip(shop: LedgerAccount) -> None:
    card = make_card()
    charge = dispute_charge(
        card=card,
        what="purchase",
        source_id=7,
        amount_fen=300,
        advance_up_to_fen=10_000,
        charged_at=NOON,
        **WHO,
    )
    assert charge.order is None
    order = grant_charge(charge=charge, bearer=shop, **WHO).order
    assert order is not None
    assert (order.state, order.purse.kind, fen("2031"), fen("2202.shop")) == ("paid", "chip", 300, -300)
    reverse_topup(order=order, actor="wang", reason="the card is lost")
    assert (fen("2031"), fen("1011")) == (0, 2_000 - 300)
    assert invariants.broken() == []


def test_nothing_is_given_back_twice(payment: Payment) -> None:
    def back(amount_fen: int, key: str) -> None:
        refund_payment(
            payment=payment, amount_fen=amount_fen, key=key, actor="shop", reason="", occurred_at=NOON
        )

    charge = disputed(payment, 300)
    with pytest.raises(ChargeDisputed):
        disputed(payment, 100)
    with pytest.raises(PaymentOverRefunded):
        back(201, "a")
    back(200, "b")
    refuse_charge(charge=charge, **WHO)
    with pytest.raises(ChargeDisputed):
        disputed(payment, 100)
    back(300, "c")
    assert invariants.broken() == []


def test_nothing_is_advanced_to_a_card_under_suspicion(payment: Payment) -> None:
    alert_about(payment.purse.card)
    assert disputed(payment).order is None


def test_a_card_is_not_paid_out_while_a_credit_may_have_to_come_back(payment: Payment, card: Card) -> None:
    def blocked() -> bool:
        kinds = {blocker.kind for blocker in quote_refund(card=card, on=NOON.date()).blockers}
        return Blocking.DISPUTED in kinds

    charge = disputed(payment)
    assert blocked()
    pay(
        purse=account_purse(card), payee=payment.payee_id, amount_fen=600, key="q", channel="qr",
        actor="shop", occurred_at=NOON,
    )  # fmt: skip
    refuse_charge(charge=charge, **WHO)
    assert blocked()
    write_off_credit(charge=charge, **WHO)
    assert not blocked()


FORBIDDEN = (
    "DELETE FROM accounts_disputedcharge",
    "UPDATE accounts_disputedcharge SET amount_fen = 1",
    "UPDATE accounts_disputedcharge SET order_id = NULL",
    "UPDATE accounts_disputedcharge SET state = 'granted', ended_at = now()",
    "INSERT INTO accounts_creditreturn (charge_id, amount_fen, rule, actor, occurred_at)"
    " SELECT id, 1, 'purse', 'x', now() FROM accounts_disputedcharge",
    "INSERT INTO accounts_disputedcharge (what, source_id, card_id, amount_fen, occurred_at, state)"
    " SELECT what, source_id, card_id, 1, now(), 'open' FROM accounts_disputedcharge",
)


def test_the_database_keeps_one_credit_and_one_end(payment: Payment) -> None:
    disputed(payment)
    for change in FORBIDDEN:
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)


def test_a_frozen_account_gives_nothing(payment: Payment, card: Card) -> None:
    charge = disputed(payment)
    set_account_state(account=account_purse(card).account, state="frozen", actor="wang", reason="test")
    refuse_charge(charge=charge, **WHO)
    assert (fen("1222"), CreditReturn.objects.count()) == (500, 0)
