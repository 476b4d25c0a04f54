"""Refunds through the gateway: owed with their cause, sent afterwards, once, and never more than was paid."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.errors import GatewayError, GatewayEventMismatch, RefundExceedsPayment, WrongChannel
from accounts.gateway import port
from accounts.gateway.port import RefundStatus
from accounts.models import Card, GatewayRefund, Journal, TopUpOrder
from accounts.selectors import invariants
from accounts.selectors.balances import account_balance_fen
from accounts.services import topup
from accounts.services.gateway_refunds import (
    ASK_AGAIN_AFTER,
    note_refund,
    request_gateway_refund,
    send_gateway_refunds,
)
from accounts.services.ledger import open_account
from citizencard.core.errors import Conflict
from tests.accounts.topup.gateway import FakeGateway
from tests.factories import CLERK, make_order

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
State = GatewayRefund.State
Cause = GatewayRefund.Cause


@pytest.fixture
def paid(card: Card, gateway: FakeGateway) -> TopUpOrder:
    order = make_order(card=card, channel="gateway", amount_fen=5_000)
    gateway.add(order.number, 5_000)
    return topup.poll_gateway_payment(order=order)


@pytest.fixture
def refund(paid: TopUpOrder) -> GatewayRefund:
    topup.reverse_topup(order=paid, actor=CLERK, reason="never loaded")
    return GatewayRefund.objects.get()


def now() -> datetime:
    return timezone.now()


def books() -> tuple[int, int, int]:
    """What the gateway owes us, what is in transit, what we owe payers."""
    return tuple(account_balance_fen(open_account(chart=code).pk) for code in ("1012", "2031", "2032"))  # type: ignore[return-value]


def again(refund: GatewayRefund) -> GatewayRefund:
    return GatewayRefund.objects.get(pk=refund.pk)


def test_a_reversal_is_refunded_by_itself(refund: GatewayRefund, gateway: FakeGateway) -> None:
    assert (refund.state, books()) == (State.REQUESTED, (5_000, 0, 5_000))
    assert "refund" not in gateway.calls
    assert send_gateway_refunds(now=now()) == 1
    assert (again(refund).state, books()) == (State.SUCCEEDED, (0, 0, 0))
    assert send_gateway_refunds(now=now() + ASK_AGAIN_AFTER) == 0
    assert gateway.calls.count("refund") == 1
    assert invariants.broken() == []


def test_a_rolled_back_cause_leaves_no_refund(paid: TopUpOrder) -> None:
    with transaction.atomic():
        topup.reverse_topup(order=paid, actor=CLERK, reason="")
        transaction.set_rollback(True)
    assert not GatewayRefund.objects.exists()


@pytest.mark.parametrize("lost", ["asked", "answer"])
def test_a_lost_answer_is_asked_for_again_with_the_same_key(
    lost: str, refund: GatewayRefund, gateway: FakeGateway
) -> None:
    gateway.lost = [lost]
    start = now()
    assert send_gateway_refunds(now=start) == 0
    assert again(refund).state == State.REQUESTED
    assert send_gateway_refunds(now=start) == 0
    assert gateway.calls.count("refund") == 1, "a minute passes first"
    assert send_gateway_refunds(now=start + ASK_AGAIN_AFTER) == 1
    assert (list(gateway.refunds), books()) == ([refund.key], (0, 0, 0))


def test_a_refund_that_takes_its_time(refund: GatewayRefund, gateway: FakeGateway) -> None:
    gateway.refund_status = RefundStatus.PENDING
    start = now()
    assert send_gateway_refunds(now=start) == 0
    assert (again(refund).state, books()) == (State.SENT, (5_000, 0, 5_000))
    assert send_gateway_refunds(now=start + ASK_AGAIN_AFTER) == 0
    gateway.settle_refund(refund.key, RefundStatus.SUCCEEDED)
    assert send_gateway_refunds(now=start + 2 * ASK_AGAIN_AFTER) == 1
    assert (again(refund).state, gateway.calls.count("refund")) == (State.SUCCEEDED, 1)


def test_call_backs_in_any_order_and_number(refund: GatewayRefund, gateway: FakeGateway) -> None:
    pending = gateway.refund_payment(
        payment_id=refund.order.gateway_id or "", amount_fen=5_000, key=refund.key
    )
    pending = gateway.settle_refund(refund.key, RefundStatus.PENDING)
    done = gateway.settle_refund(refund.key, RefundStatus.SUCCEEDED)
    assert [note_refund(report) for report in (done, pending, done)] == [True, False, False]
    assert (again(refund).state, books()) == (State.SUCCEEDED, (0, 0, 0))
    assert Journal.objects.filter(kind="refund_paid").count() == 1


def test_a_refund_the_payers_bank_returns_is_owed_again(refund: GatewayRefund, gateway: FakeGateway) -> None:
    send_gateway_refunds(now=now())
    failed = gateway.settle_refund(refund.key, RefundStatus.FAILED, "expired_or_canceled_card")
    assert [note_refund(failed) for _ in range(2)] == [True, False]
    assert (again(refund).state, again(refund).failure) == (State.FAILED, "expired_or_canceled_card")
    assert (books(), invariants.broken()) == ((5_000, 0, 5_000), [])


@pytest.mark.parametrize(("status", "state"), [(400, State.FAILED), (401, State.REQUESTED)])
def test_only_a_no_to_this_refund_is_final(
    status: int,
    state: str,
    refund: GatewayRefund,
    gateway: FakeGateway,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(**_: object) -> port.GatewayRefund:
        raise GatewayError(gateway_code="charge_already_refunded", gateway_status=status)

    monkeypatch.setattr(gateway, "refund_payment", refuse)
    send_gateway_refunds(now=now())
    assert (again(refund).state, books()) == (state, (5_000, 0, 5_000))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"key": "somebody"}, "key"),
        ({"payment_id": "pi_x"}, "payment"),
        ({"amount_fen": 4_999}, "amount"),
        ({"currency": "usd"}, "amount"),
    ],
)
def test_a_refund_that_is_not_ours_changes_nothing(
    change: dict[str, object], field: str, refund: GatewayRefund
) -> None:
    values = {
        "id": "re_1",
        "payment_id": refund.order.gateway_id,
        "amount_fen": 5_000,
        "currency": "cny",
        "status": RefundStatus.SUCCEEDED,
        "key": refund.key,
        "created_at": now(),
    } | change
    with pytest.raises(GatewayEventMismatch) as refusal:
        note_refund(port.GatewayRefund(**values))  # type: ignore[arg-type]
    assert refusal.value.data["field"] == field
    assert (again(refund).state, books()) == (State.REQUESTED, (5_000, 0, 5_000))


def test_another_refund_under_our_key_is_noticed(refund: GatewayRefund, gateway: FakeGateway) -> None:
    send_gateway_refunds(now=now())
    reported = gateway.refunds[refund.key]
    twin = port.GatewayRefund(
        "re_twin", reported.payment_id, 5_000, "cny", RefundStatus.SUCCEEDED, refund.key, now()
    )
    with pytest.raises(GatewayEventMismatch):
        note_refund(twin)


def test_refunds_never_exceed_the_payment(paid: TopUpOrder, gateway: FakeGateway) -> None:
    def request(key: str, amount_fen: int) -> GatewayRefund:
        return request_gateway_refund(
            order=paid, amount_fen=amount_fen, key=key, cause=Cause.REFUND, actor=CLERK
        )

    first = request("a", 3_000)
    assert request("a", 3_000) == first
    with pytest.raises(Conflict):
        request("a", 2_999)
    with pytest.raises(RefundExceedsPayment):
        request("b", 2_001)
    assert request("b", 2_000).amount_fen == 2_000
    with pytest.raises(IntegrityError), transaction.atomic():
        GatewayRefund.objects.filter(key="b").update(amount_fen=2_001)
    gateway.refund_payment(payment_id=paid.gateway_id or "", amount_fen=3_000, key="a")
    note_refund(gateway.settle_refund("a", RefundStatus.FAILED))
    assert request("c", 3_000).amount_fen == 3_000, "what failed does not count"


def test_what_was_not_paid_through_the_gateway_is_not_refunded_there(card: Card) -> None:
    cash = topup.receive_cash(order=make_order(card=card), actor=CLERK)
    unpaid = make_order(card=card, channel="gateway")
    for order in (cash, unpaid):
        with pytest.raises(WrongChannel):
            request_gateway_refund(order=order, amount_fen=1, key="k", cause=Cause.REFUND, actor=CLERK)
