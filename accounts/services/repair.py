"""Top-ups that got stuck are put right without anybody: lost answers, lost call-backs, payers who never paid.

What only the chip can tell waits for the chip (`terminals.services.counter.write_back`). Everything here may run at any
time, twice at once, and be killed anywhere: each order is settled in a transaction of its own, after the gateway was asked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts import locks
from accounts.errors import GatewayError, GatewayEventMismatch, GatewayUnavailable, IllegalOrderTransition
from accounts.gateway import configured_gateway
from accounts.models import Purse, TopUpDifference, TopUpOrder
from accounts.services.gateway_payment import poll_gateway_payment
from accounts.services.orders import credit_account
from accounts.services.topup import reverse_topup

logger = logging.getLogger(__name__)
State = TopUpOrder.State

ACTOR: Final = "repair"
_NOBODY_PAID: Final = "nobody paid in time"
POLL_AFTER: Final = timedelta(minutes=1)
"""How long a call-back may take before we ask."""
EXPIRES_AFTER: Final = timedelta(minutes=30)
"""How long a payer may take at the gateway."""
ABANDONED_AFTER: Final = timedelta(days=1)
"""How long an order that is paid by hand (at a counter, an agent's, a kiosk) waits for its money."""
UNCLAIMED_AFTER: Final = timedelta(days=30)
"""How long a paid order waits for its card before it is listed to be given back."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """How many orders were found paid, dropped because nobody paid, credited late, and left because nobody answered."""

    paid: int = 0
    dropped: int = 0
    credited: int = 0
    left: int = 0


def repair_topups(*, now: datetime) -> Repaired:
    """Settle every order that can be settled without its card."""
    gateway = [_attempt(order, partial(_ask_gateway, now=now)) for order in _unpaid(now)]
    by_hand = [_attempt(order, _drop) for order in _abandoned(now)]
    purses = [_attempt(order, _credit) for order in _uncredited()]
    return Repaired(
        paid=gateway.count(State.PAID) + gateway.count(State.CONFIRMED),
        dropped=gateway.count(State.REVERSED) + by_hand.count(State.REVERSED),
        credited=purses.count(State.CONFIRMED),
        left=gateway.count(State.INIT) + purses.count(State.PAID),
    )


def cancel_topup(*, order: TopUpOrder, actor: str, reason: str) -> TopUpOrder:
    """Drop an unpaid order, at the gateway first, so that nobody can pay it any more; one that was paid is left paid.

    Raises GatewayUnavailable, GatewayError, GatewayEventMismatch; the order then stays as it is.
    """
    order = TopUpOrder.objects.get(pk=order.pk)
    if order.channel == TopUpOrder.Channel.GATEWAY and order.state == State.INIT:
        order = _given_up(order)
    if order.state != State.INIT:
        return order
    return reverse_topup(order=order, actor=actor, reason=reason)


def unclaimed_topups(*, now: datetime) -> QuerySet[TopUpOrder]:
    """Orders paid long ago whose card never came to fetch the value, oldest first: to be given back on request."""
    waiting = TopUpOrder.objects.filter(state=State.PAID, paid_at__lte=now - UNCLAIMED_AFTER)
    return waiting.select_related("card").order_by("paid_at")


def _unpaid(now: datetime) -> QuerySet[TopUpOrder]:
    """Orders whose payer has had a minute, and dropped ones of which the daily match knows that they were paid after all."""
    late = Q(state=State.INIT, received_at__lte=now - POLL_AFTER)
    matched = TopUpDifference.objects.filter(kind=TopUpDifference.Kind.PAID_NOT_BOOKED, closed_at=None)
    paid_after_all = Q(state=State.REVERSED, paid_at=None, pk__in=matched.values("order"))
    return TopUpOrder.objects.filter(late | paid_after_all, channel=TopUpOrder.Channel.GATEWAY).order_by("pk")


def _abandoned(now: datetime) -> QuerySet[TopUpOrder]:
    by_hand = (TopUpOrder.Channel.CASH, TopUpOrder.Channel.AGENT, TopUpOrder.Channel.KIOSK)
    late = TopUpOrder.objects.filter(state=State.INIT, received_at__lte=now - ABANDONED_AFTER)
    return late.filter(channel__in=by_hand).order_by("pk")


def _uncredited() -> QuerySet[TopUpOrder]:
    return TopUpOrder.objects.filter(state=State.PAID, purse__kind=Purse.Kind.ACCOUNT).order_by("pk")


def _attempt(order: TopUpOrder, settle: Callable[[TopUpOrder], TopUpOrder]) -> str:
    """The state in which the attempt leaves the order; one that does not work out does not stop the others."""
    try:
        return str(settle(order).state)
    except (GatewayError, GatewayUnavailable, GatewayEventMismatch, IllegalOrderTransition) as refusal:
        logger.warning("order %s is not settled: %s", order.number, refusal.code)
        return str(order.state)


def _ask_gateway(order: TopUpOrder, now: datetime) -> TopUpOrder:
    if order.state == State.INIT and order.received_at <= now - EXPIRES_AFTER:
        return cancel_topup(order=order, actor=ACTOR, reason=_NOBODY_PAID)
    return poll_gateway_payment(order=order)


def _given_up(order: TopUpOrder) -> TopUpOrder:
    """The order after its payment was given up at the gateway, or after it succeeded all the same.

    Asking first finds a payment whose creation was answered into the void. One that the gateway never made, and will not
    make now, cannot be paid.
    """
    try:
        order = poll_gateway_payment(order=order)
    except GatewayError as refusal:
        if order.gateway_id is not None or not refusal.is_final:
            raise
        return order
    if order.state == State.INIT and order.gateway_id is not None:
        try:
            configured_gateway().cancel_payment(order.gateway_id)
        except GatewayError:
            order = poll_gateway_payment(order=order)
            if order.state == State.INIT:
                raise
    return order


def _drop(order: TopUpOrder) -> TopUpOrder:
    return reverse_topup(order=order, actor=ACTOR, reason=_NOBODY_PAID)


@transaction.atomic
def _credit(order: TopUpOrder) -> TopUpOrder:
    current = locks.lock_order(order.pk)
    if current.state == State.PAID:
        credit_account(current)
    return current
