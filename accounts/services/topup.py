"""Top-up orders: ordered, paid in cash or through the gateway, loaded onto the chip, or given back.

Money comes in first and waits in transit; only the chip's own proof (TAC) moves it into the purse. The steps at the
gateway are in `gateway_payment`, those at the chip in `load`; all are offered here.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.errors import WrongChannel
from accounts.models import Card, TopUpOrder
from accounts.services import limits, postings
from accounts.services.gateway_events import handle_gateway_event
from accounts.services.gateway_payment import poll_gateway_payment, start_gateway_payment
from accounts.services.ledger import post_journal
from accounts.services.load import authorise_load, confirm_load
from accounts.services.orders import move_order, receive_money, require_active, was_paid
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import InvalidField

__all__ = [
    "authorise_load",
    "confirm_load",
    "handle_gateway_event",
    "order_topup",
    "poll_gateway_payment",
    "receive_cash",
    "reverse_topup",
    "start_gateway_payment",
]


@transaction.atomic
def order_topup(
    *, card: Card, amount_fen: int, channel: str, actor: str, occurred_at: datetime
) -> TopUpOrder:
    """An order over `amount_fen`, not yet paid.

    Raises CardNotActive, and what `limits.check_topup` raises.
    """
    if channel not in TopUpOrder.Channel.values:
        raise InvalidField("channel", _("unknown payment channel"))
    card = locks.lock_card(card.pk)
    require_active(card)
    limits.check_topup(
        purse=card.purse, amount_fen=amount_fen, channel=channel, on=shanghai(occurred_at).date()
    )
    return TopUpOrder.objects.create(
        number=f"TU{shanghai(occurred_at):%Y%m%d}{secrets.token_hex(6).upper()}",
        card=card,
        purse=card.purse,
        amount_fen=amount_fen,
        channel=channel,
        actor=actor,
        occurred_at=occurred_at,
    )


@transaction.atomic
def receive_cash(*, order: TopUpOrder, actor: str) -> TopUpOrder:
    """The money is in the drawer: PAID. A repeat changes nothing. Raises WrongChannel, IllegalOrderTransition."""
    order = locks.lock_order(order.pk)
    if order.channel != TopUpOrder.Channel.CASH:
        raise WrongChannel(channel=order.get_channel_display())
    if order.state != TopUpOrder.State.REVERSED and was_paid(order):
        return order
    receive_money(order, actor=actor)
    return order


@transaction.atomic
def reverse_topup(*, order: TopUpOrder, actor: str, reason: str) -> TopUpOrder:
    """Give the money back, or drop an order nobody paid.

    Raises IllegalOrderTransition once the chip was given its MAC2: it may hold the value, only its counter can tell.
    A gateway payment is booked back to the gateway's receivable; the refund itself is the finance officer's.
    """
    order = locks.lock_order(order.pk)
    move_order(order, TopUpOrder.reverse, TopUpOrder.State.REVERSED)
    order.reversed_at = timezone.now()
    order.save()
    if was_paid(order):
        post_journal(
            key=f"topup-reversed:{order.number}",
            kind="topup_reversed",
            actor=actor,
            source=order.number,
            legs=postings.topup_reversed(order=order),
            reason=reason,
        )
    record_audit(
        actor=actor, action="topup.reverse", subject=f"order:{order.number}", detail={"reason": reason}
    )
    return order
