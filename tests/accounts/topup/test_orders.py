"""Ordering, paying in cash, giving back: what moves and what must not."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.errors import (
    AmountOutOfRange,
    BalanceLimitExceeded,
    CardNotActive,
    IllegalOrderTransition,
    WrongChannel,
)
from accounts.models import Card, TopUpOrder, Transfer
from accounts.selectors.balances import account_balance_fen
from accounts.services import topup
from accounts.services.ledger import open_account
from accounts.services.limits import publish_limit
from citizencard.core.errors import InvalidField
from citizencard.core.models import AuditEntry, BusinessDay
from tests.factories import CLERK, NOON, fill_purse, make_card, make_citizen, make_order, make_product
from tests.fixtures_accounts import TODAY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
State = TopUpOrder.State


def balance(chart: str) -> int:
    return account_balance_fen(open_account(chart=chart).pk)


@pytest.fixture
def free_card() -> Card:
    return make_card(product=make_product(price_fen=0, deposit_fen=0))


def test_an_order_moves_no_money(free_card: Card) -> None:
    order = make_order(card=free_card)
    assert order.state == State.INIT
    assert order.number.startswith("TU20260302")
    assert not Transfer.objects.exists()


def test_cash_waits_in_transit(free_card: Card) -> None:
    order = topup.receive_cash(order=make_order(card=free_card, amount_fen=5_000), actor=CLERK)
    assert order.state == State.PAID
    assert (balance("1011"), balance("2031")) == (5_000, 5_000)
    assert account_balance_fen(free_card.purse.account_id) == 0


def test_cash_is_booked_once(free_card: Card) -> None:
    order = make_order(card=free_card)
    for _ in range(3):
        assert topup.receive_cash(order=order, actor=CLERK).state == State.PAID
    assert balance("1011") == order.amount_fen


def test_a_paid_order_given_back_leaves_nothing(free_card: Card) -> None:
    order = topup.receive_cash(order=make_order(card=free_card), actor=CLERK)
    order = topup.reverse_topup(order=order, actor=CLERK, reason="the citizen changed her mind")
    assert order.state == State.REVERSED
    assert (balance("1011"), balance("2031")) == (0, 0)
    with pytest.raises(IllegalOrderTransition):
        topup.reverse_topup(order=order, actor=CLERK, reason="again")
    with pytest.raises(IllegalOrderTransition):
        topup.receive_cash(order=order, actor=CLERK)
    assert balance("1011") == 0


def test_an_unpaid_order_is_dropped_without_a_posting(free_card: Card) -> None:
    order = topup.reverse_topup(order=make_order(card=free_card), actor=CLERK, reason="mistyped")
    assert order.state == State.REVERSED
    trace = AuditEntry.objects.get(action="topup.reverse")
    assert (trace.actor, trace.subject, trace.detail["reason"]) == (
        CLERK,
        f"order:{order.number}",
        "mistyped",
    )
    assert not Transfer.objects.exists()


def test_cash_does_not_pay_a_gateway_order(free_card: Card) -> None:
    order = make_order(card=free_card, channel="gateway")
    with pytest.raises(WrongChannel):
        topup.receive_cash(order=order, actor=CLERK)
    assert not Transfer.objects.exists()


def test_an_unknown_channel_is_refused(free_card: Card) -> None:
    with pytest.raises(InvalidField):
        make_order(card=free_card, channel="cheque")


@pytest.mark.parametrize("state", [s for s in Card.State if s != Card.State.ACTIVE])
def test_only_an_active_card_is_topped_up(state: str) -> None:
    with pytest.raises(CardNotActive):
        make_order(card=make_card(state=state))
    assert not TopUpOrder.objects.exists()


@pytest.mark.parametrize("amount_fen", [-100, 0, 99, 100_001])
def test_an_amount_no_card_could_take(amount_fen: int, free_card: Card) -> None:
    publish_limit(
        code="smallest",
        measure="minimum",
        operation="top_up",
        limit_fen=100,
        valid_from=TODAY,
        legal_basis="service terms",
        actor=CLERK,
    )
    with pytest.raises(AmountOutOfRange) as refusal:
        make_order(card=free_card, amount_fen=amount_fen)
    assert refusal.value.data["maximum_fen"] == 100_000


@pytest.mark.parametrize(("real_name", "limit_fen"), [(False, 100_000), (True, 500_000)])
def test_the_limit_counts_balance_and_value_in_transit(real_name: bool, limit_fen: int) -> None:
    holder: dict[str, Any] = {"citizen": make_citizen()} if real_name else {}
    card = make_card(**holder)
    fill_purse(card, 40_000)
    topup.receive_cash(order=make_order(card=card, amount_fen=30_000), actor=CLERK)
    make_order(card=card, amount_fen=limit_fen - 70_000)
    with pytest.raises(BalanceLimitExceeded) as refusal:
        make_order(card=card, amount_fen=limit_fen - 70_000 + 1)
    assert refusal.value.data["limit_fen"] == limit_fen
    assert "2012" in refusal.value.rule


def test_an_order_without_a_business_day_is_still_an_order(free_card: Card) -> None:
    BusinessDay.objects.all().delete()
    assert make_order(card=free_card, occurred_at=NOON).state == State.INIT
