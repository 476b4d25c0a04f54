"""Lost answers, lost call-backs and payers who never paid are settled without anybody."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts import tasks
from accounts.errors import GatewayError, GatewayUnavailable
from accounts.gateway.port import PaymentStatus
from accounts.models import Card, TopUpOrder, Transfer
from accounts.selectors import invariants
from accounts.selectors.balances import account_balance_fen
from accounts.services import topup
from accounts.services.agents import save_agent
from accounts.services.gateway_payment import settle_payment
from accounts.services.gateway_refunds import send_gateway_refunds
from accounts.services.ledger import open_account
from accounts.services.matching import match_topups
from accounts.services.repair import (
    ABANDONED_AFTER,
    EXPIRES_AFTER,
    POLL_AFTER,
    UNCLAIMED_AFTER,
    Repaired,
    cancel_topup,
    repair_topups,
    unclaimed_topups,
)
from citizencard.core.calendar import shanghai
from citizencard.core.models import AuditEntry
from tests.accounts.topup.gateway import FakeGateway
from tests.factories import CLERK, make_order

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_day")]
State = TopUpOrder.State
SECOND = timedelta(seconds=1)


@pytest.fixture
def order(card: Card, gateway: FakeGateway) -> TopUpOrder:
    """Ordered, and its payment begun."""
    order = make_order(card=card, channel="gateway", amount_fen=5_000)
    topup.start_gateway_payment(order=order)
    gateway.calls.clear()
    return again(order)


def again(order: TopUpOrder) -> TopUpOrder:
    return TopUpOrder.objects.get(pk=order.pk)


def after(order: TopUpOrder, wait: timedelta) -> datetime:
    return order.received_at + wait


def received_fen() -> int:
    return account_balance_fen(open_account(chart="1012").pk)


def test_a_lost_call_back_is_found_by_asking(order: TopUpOrder, gateway: FakeGateway) -> None:
    gateway.pay(order.number)
    assert repair_topups(now=after(order, POLL_AFTER - SECOND)) == Repaired()
    assert gateway.calls == []
    assert repair_topups(now=after(order, POLL_AFTER)) == Repaired(paid=1)
    assert (again(order).state, received_fen()) == (State.PAID, 5_000)
    assert repair_topups(now=after(order, POLL_AFTER)) == Repaired()


@pytest.mark.parametrize("lost", ["asked", "answer"])
def test_a_lost_answer_to_the_creation_is_found_by_asking(
    lost: str, card: Card, gateway: FakeGateway
) -> None:
    order = make_order(card=card, channel="gateway", amount_fen=5_000)
    gateway.lost = [lost]
    with pytest.raises(GatewayUnavailable):
        topup.start_gateway_payment(order=order)
    assert again(order).gateway_id is None
    gateway.pay(order.number)
    assert repair_topups(now=after(again(order), POLL_AFTER)) == Repaired(
        paid=int(lost == "answer"), left=int(lost == "asked")
    )
    gateway.pay(order.number)
    repair_topups(now=after(again(order), POLL_AFTER))
    assert (again(order).state, len(gateway.payments)) == (State.PAID, 1)


def test_an_order_nobody_pays_is_given_up_at_the_gateway_first(
    order: TopUpOrder, gateway: FakeGateway
) -> None:
    assert repair_topups(now=after(order, EXPIRES_AFTER - SECOND)) == Repaired(left=1)
    assert again(order).state == State.INIT
    assert repair_topups(now=after(order, EXPIRES_AFTER)) == Repaired(dropped=1)
    assert again(order).state == State.REVERSED
    assert gateway.payments[order.gateway_id or ""].status is PaymentStatus.CANCELED
    assert gateway.pay(order.number) is None
    assert AuditEntry.objects.get(action="topup.reverse").actor == "repair"
    assert not Transfer.objects.exists()


@pytest.mark.parametrize("lost", [["asked"], ["answer"], ["", "asked"], ["", "answer"]])
def test_while_the_gateway_does_not_answer_an_expired_order_stays(
    lost: list[str], order: TopUpOrder, gateway: FakeGateway
) -> None:
    gateway.lost = list(lost)
    assert repair_topups(now=after(order, EXPIRES_AFTER)) == Repaired(left=1)
    assert again(order).state == State.INIT
    assert repair_topups(now=after(order, EXPIRES_AFTER)) == Repaired(dropped=1)


def test_a_payment_that_the_gateway_never_made_is_dropped_in_time(
    card: Card, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**values: object) -> None:
        raise GatewayError(gateway_status=400)

    monkeypatch.setattr(gateway, "create_payment", refused)
    order = make_order(card=card, channel="gateway", amount_fen=5_000)
    assert repair_topups(now=after(order, EXPIRES_AFTER - SECOND)) == Repaired(left=1)
    assert repair_topups(now=after(order, EXPIRES_AFTER)) == Repaired(dropped=1)
    assert again(order).state == State.REVERSED


@pytest.mark.parametrize("channel", ["cash", "agent", "kiosk"])
def test_an_order_nobody_pays_by_hand_is_dropped_after_a_day(channel: str, card: Card) -> None:
    save_agent(code="A1", name="便利店", credit_limit_fen=100_000, actor=CLERK)
    party = "" if channel == "cash" else "A1"
    order = make_order(card=card, channel=channel, amount_fen=5_000, party=party)
    assert repair_topups(now=after(order, ABANDONED_AFTER - SECOND)) == Repaired()
    assert repair_topups(now=after(order, ABANDONED_AFTER)) == Repaired(dropped=1)
    assert (again(order).state, Transfer.objects.count()) == (State.REVERSED, 0)


def test_a_payment_that_succeeds_while_it_is_given_up_is_booked(
    order: TopUpOrder, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel = gateway.cancel_payment

    def paid_just_before(payment_id: str) -> object:
        gateway.pay(order.number)
        return cancel(payment_id)

    monkeypatch.setattr(gateway, "cancel_payment", paid_just_before)
    assert repair_topups(now=after(order, EXPIRES_AFTER)) == Repaired(paid=1)
    assert (again(order).state, received_fen()) == (State.PAID, 5_000)


def test_one_stuck_order_does_not_stop_the_others(
    order: TopUpOrder, card: Card, gateway: FakeGateway
) -> None:
    other = make_order(card=card, channel="gateway", amount_fen=700)
    gateway.pay(order.number)
    gateway.change(order.gateway_id or "", amount_fen=4_999)
    gateway.add(other.number, 700)
    now = timezone.now() + EXPIRES_AFTER
    assert repair_topups(now=now) == Repaired(paid=1, left=1)
    assert (again(order).state, again(other).state) == (State.INIT, State.PAID)
    assert repair_topups(now=now) == Repaired(left=1)


def test_money_that_comes_after_the_order_was_dropped_goes_straight_back(
    order: TopUpOrder, gateway: FakeGateway
) -> None:
    topup.reverse_topup(order=order, actor=CLERK, reason="the clerk did not wait for the gateway")
    payment = gateway.pay(order.number)
    assert payment is not None
    assert [settle_payment(payment) for _ in range(3)] == [True, False, False]
    order = again(order)
    assert (order.state, order.paid_at is not None) == (State.REVERSED, True)
    assert order.gateway_refunds.get().amount_fen == 5_000
    assert invariants.broken() == []


def test_a_dropped_order_that_was_paid_without_a_word_is_found_by_the_match(
    order: TopUpOrder, gateway: FakeGateway
) -> None:
    topup.reverse_topup(order=order, actor=CLERK, reason="the clerk did not wait for the gateway")
    gateway.pay(order.number)
    now = timezone.now() + EXPIRES_AFTER
    assert repair_topups(now=now) == Repaired()
    today = shanghai(timezone.now()).date()
    assert match_topups(today).opened == 1
    assert repair_topups(now=now) == Repaired(dropped=1)
    assert send_gateway_refunds(now=now) == 1
    found = match_topups(today)
    assert (found.closed, found.still_open, received_fen()) == (1, 0, 0)
    assert repair_topups(now=now) == Repaired()


def test_a_cancellation_by_the_citizen_goes_to_the_gateway_first(
    order: TopUpOrder, gateway: FakeGateway
) -> None:
    assert cancel_topup(order=order, actor="citizen", reason="changed my mind").state == State.REVERSED
    assert gateway.pay(order.number) is None
    assert cancel_topup(order=order, actor="citizen", reason="again").state == State.REVERSED


def test_cancelling_what_is_paid_leaves_it_paid(card: Card, gateway: FakeGateway) -> None:
    cash = topup.receive_cash(order=make_order(card=card), actor=CLERK)
    online = make_order(card=card, channel="gateway", amount_fen=700)
    gateway.add(online.number, 700)
    for order in (cash, online):
        assert cancel_topup(order=order, actor="citizen", reason="too late").state == State.PAID
    unpaid = make_order(card=card)
    assert cancel_topup(order=unpaid, actor=CLERK, reason="mistyped").state == State.REVERSED
    assert "cancel" not in gateway.calls


def test_value_nobody_fetches_is_listed_to_be_given_back(card: Card) -> None:
    order = topup.receive_cash(order=make_order(card=card), actor=CLERK)
    make_order(card=card)
    assert order.paid_at is not None
    assert list(unclaimed_topups(now=order.paid_at + UNCLAIMED_AFTER - SECOND)) == []
    assert list(unclaimed_topups(now=order.paid_at + UNCLAIMED_AFTER)) == [order]


def test_tasks_and_command_do_the_same(order: TopUpOrder, gateway: FakeGateway) -> None:
    TopUpOrder.objects.update(received_at=timezone.now() - POLL_AFTER)
    assert "left=1" in tasks.repair_topups()
    gateway.pay(order.number)
    out = StringIO()
    call_command("repair_topups", stdout=out)
    assert "paid 1, dropped 0, credited 0, left 0" in out.getvalue()
    topup.reverse_topup(order=order, actor=CLERK, reason="")
    assert tasks.send_gateway_refunds() == 1
    assert received_fen() == 0
