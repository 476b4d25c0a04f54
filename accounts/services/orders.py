"""What every step of a top-up order shares: the order moves under its row's lock, money is posted once."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from accounts import locks
from accounts.errors import AccountNotOpen, CardNotActive, IllegalOrderTransition, PurseCeilingReached
from accounts.models import Card, GatewayRefund, Purse, TopUpOrder
from accounts.services import postings
from accounts.services.gateway_refunds import request_gateway_refund
from accounts.services.ledger import post_journal
from citizencard.core.states import step_to

State = TopUpOrder.State


def require_active(card: Card) -> None:
    """Raise CardNotActive unless the card may be topped up."""
    if card.state != Card.State.ACTIVE:
        raise CardNotActive(state=Card.State(card.state).label)


def receive_money(order: TopUpOrder, *, actor: str) -> None:
    """A locked order's money came in: PAID, and the value in transit; one for an account purse is credited at once.

    What the gateway collected although the order was dropped meanwhile is booked and goes straight back.
    Raises IllegalOrderTransition.
    """
    dropped = order.state == State.REVERSED and order.gateway_id is not None and not was_paid(order)
    if not dropped:
        with step_to(State.PAID, IllegalOrderTransition):
            order.pay()
    order.paid_at = timezone.now()
    order.save()
    post_journal(
        key=f"topup-paid:{order.number}",
        kind="topup_paid",
        actor=actor,
        source=order.number,
        legs=postings.topup_paid(order=order),
    )
    if dropped:
        return_money(order, actor=actor, reason="paid after the order was dropped")
    elif order.purse.kind == Purse.Kind.ACCOUNT:
        credit_account(order)


def return_money(order: TopUpOrder, *, actor: str, reason: str) -> None:
    """Book a locked order's money back out of transit; a gateway payment is owed, and its refund asked for, at once."""
    post_journal(
        key=f"topup-reversed:{order.number}",
        kind="topup_reversed",
        actor=actor,
        source=order.number,
        legs=postings.topup_reversed(order=order),
        reason=reason,
    )
    if order.gateway_id:
        request_gateway_refund(
            order=order,
            amount_fen=order.amount_fen,
            key=f"reversal:{order.number}",
            cause=GatewayRefund.Cause.REVERSAL,
            actor=actor,
        )


def credit_account(order: TopUpOrder) -> bool:
    """Move a locked, paid order's value into its account purse: CONFIRMED.

    False when the purse has no room or takes no posting: the order stays PAID, to be tried again or given back.
    """
    try:
        post_value(order, occurred_at=order.occurred_at)
    except (PurseCeilingReached, AccountNotOpen):
        return False
    with step_to(State.CONFIRMED, IllegalOrderTransition):
        order.credit()
    order.confirmed_at, order.proof = timezone.now(), TopUpOrder.Proof.ACCOUNT
    order.save()
    return True


def post_value(order: TopUpOrder, *, occurred_at: datetime) -> None:
    """The order's value from transit into its purse. Raises what `post_journal` raises; nothing is posted then."""
    purse = locks.lock_purse(order.card_id, order.purse.kind)
    post_journal(
        key=f"topup-loaded:{order.number}",
        kind="topup_loaded",
        actor=order.actor,
        source=order.number,
        legs=postings.topup_loaded(order=order, purse=purse, occurred_at=occurred_at),
    )


def was_paid(order: TopUpOrder) -> bool:
    """Whether the order's money has ever been booked, whatever became of it since."""
    return order.paid_at is not None
