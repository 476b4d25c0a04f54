"""What meets at one order at the same time: call-backs, polls, cancellations, sweepers, agents. Real threads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from accounts.errors import AgentCreditExhausted, IllegalOrderTransition, RefundExceedsPayment
from accounts.models import Card, GatewayRefund, LedgerAccount, TopUpOrder
from accounts.selectors import invariants
from accounts.selectors.balances import account_balance_fen
from accounts.services import agents, topup
from accounts.services.gateway_refunds import request_gateway_refund, send_gateway_refunds
from accounts.services.repair import EXPIRES_AFTER, cancel_topup, repair_topups
from citizencard.core.errors import Conflict
from tests.accounts.threads import in_threads
from tests.accounts.topup.gateway import FakeGateway
from tests.factories import CLERK, make_order

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("open_day")]
State = TopUpOrder.State


def balance(code: str) -> int:
    return account_balance_fen(LedgerAccount.objects.get(code=code).pk)


def test_call_backs_polls_and_repairs_book_once(card: Card, gateway: FakeGateway) -> None:
    order = make_order(card=card, channel="gateway", amount_fen=5_000, purse_kind="account")
    gateway.add(order.number, 5_000)
    later = timezone.now() + EXPIRES_AFTER
    steps: list[Callable[[], Any]] = [
        lambda: topup.poll_gateway_payment(order=order),
        lambda: repair_topups(now=later),
    ]
    in_threads(6, lambda at: steps[at % 2]())
    assert (TopUpOrder.objects.get().state, balance("1012")) == (State.CONFIRMED, 5_000)
    assert invariants.broken() == []


def paid_or_dropped(gateway: FakeGateway, order: TopUpOrder, at: int) -> None:
    """The payer, the citizen who has changed her mind, and a clerk who does not ask the gateway."""
    if at == 0:
        gateway.pay(order.number)
        topup.poll_gateway_payment(order=order)
    elif at == 1:
        cancel_topup(order=order, actor="citizen", reason="")
    else:
        topup.reverse_topup(order=order, actor=CLERK, reason="")


def test_a_payment_and_a_cancellation_agree_whoever_is_first(card: Card, gateway: FakeGateway) -> None:
    for _ in range(6):
        order = make_order(card=card, channel="gateway", amount_fen=500)
        topup.start_gateway_payment(order=order)
        in_threads(3, partial(paid_or_dropped, gateway, order), IllegalOrderTransition)
    for _ in range(2):
        send_gateway_refunds(now=timezone.now() + EXPIRES_AFTER)
    paid = sum(TopUpOrder.objects.filter(state=State.PAID).values_list("amount_fen", flat=True))
    assert (balance("1012") if paid else 0, invariants.broken()) == (paid, [])


def test_many_sweepers_refund_once(card: Card, gateway: FakeGateway) -> None:
    for _ in range(5):
        order = make_order(card=card, channel="gateway", amount_fen=500)
        gateway.add(order.number, 500)
        topup.reverse_topup(order=topup.poll_gateway_payment(order=order), actor=CLERK, reason="")
    now = timezone.now()
    assert sum(in_threads(4, lambda _: send_gateway_refunds(now=now))) == 5
    assert (gateway.calls.count("refund"), balance("1012"), balance("2032")) == (5, 0, 0)


def test_refunds_asked_for_at_once_stay_within_the_payment(card: Card, gateway: FakeGateway) -> None:
    order = make_order(card=card, channel="gateway", amount_fen=1_000)
    gateway.add(order.number, 1_000)
    order = topup.poll_gateway_payment(order=order)
    cause = GatewayRefund.Cause.REFUND
    outcomes = in_threads(
        5,
        lambda at: request_gateway_refund(
            order=order, amount_fen=300, key=f"r{at}", cause=cause, actor=CLERK
        ),
        RefundExceedsPayment,
    )
    assert sum(isinstance(outcome, GatewayRefund) for outcome in outcomes) == 3


def test_an_agents_customers_at_once_do_not_pass_its_credit_together(card: Card) -> None:
    agents.save_agent(code="shop", name="便利店", credit_limit_fen=2_500, actor=CLERK)
    orders = [make_order(card=card, channel="agent", party="shop", amount_fen=1_000) for _ in range(6)]
    in_threads(6, lambda at: topup.receive_funds(order=orders[at], actor="shop"), AgentCreditExhausted)
    assert balance("1013.shop") == 2_000


def test_one_form_sent_eight_times_at_once_is_one_order(card: Card) -> None:
    orders = in_threads(8, lambda _: make_order(card=card, request_key="form"), Conflict)
    assert len({order.pk for order in orders}) == 1
