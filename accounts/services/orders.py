"""What every step of a top-up order shares: the order moves under its row's lock, money is posted once."""

from __future__ import annotations

from collections.abc import Callable

from django_fsm import TransitionNotAllowed

from accounts.errors import CardNotActive, IllegalOrderTransition
from accounts.models import Card, Journal, TopUpOrder
from accounts.services import postings
from accounts.services.ledger import post_journal


def move_order(order: TopUpOrder, step: Callable[[TopUpOrder], None], target: TopUpOrder.State) -> None:
    """Take one step of a locked order; the caller saves it. Raises IllegalOrderTransition."""
    source = TopUpOrder.State(order.state)
    try:
        step(order)
    except TransitionNotAllowed as error:
        raise IllegalOrderTransition(source=source.label, target=target.label) from error


def require_active(card: Card) -> None:
    """Raise CardNotActive unless the card may be topped up."""
    if card.state != Card.State.ACTIVE:
        raise CardNotActive(state=Card.State(card.state).label)


def receive_money(order: TopUpOrder, *, actor: str) -> None:
    """A locked order's money came in: PAID, and the value in transit. Raises IllegalOrderTransition."""
    move_order(order, TopUpOrder.pay, TopUpOrder.State.PAID)
    order.save(update_fields=["state", "gateway_id"])
    post_journal(
        key=_paid_key(order),
        kind="topup_paid",
        actor=actor,
        source=order.number,
        legs=postings.topup_paid(order=order),
    )


def was_paid(order: TopUpOrder) -> bool:
    """Whether the order's money has ever been booked, whatever became of it since."""
    return Journal.objects.filter(key=_paid_key(order)).exists()


def _paid_key(order: TopUpOrder) -> str:
    return f"topup-paid:{order.number}"
