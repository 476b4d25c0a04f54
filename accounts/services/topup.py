"""Top-up orders: ordered, paid, loaded onto the chip or credited online, or given back.

Money comes in first and waits in transit; only the chip's own proof moves it into the purse on the chip. The steps at the
gateway are in `gateway_payment`, those at the chip in `load`; all are offered here.
"""

from __future__ import annotations

import secrets
from collections.abc import Container
from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.errors import CardExpired, IllegalOrderTransition, NoAccountPurse, WrongChannel
from accounts.models import Card, Citizen, Purse, TopUpOrder
from accounts.services import limits
from accounts.services.agents import charge_agent, check_agent
from accounts.services.gateway_events import handle_gateway_event
from accounts.services.gateway_payment import poll_gateway_payment, start_gateway_payment
from accounts.services.load import authorise_load, confirm_load
from accounts.services.orders import receive_money, require_active, return_money, was_paid
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import Conflict, InvalidField
from citizencard.core.states import step_to

__all__ = [
    "authorise_load",
    "confirm_load",
    "handle_gateway_event",
    "order_topup",
    "poll_gateway_payment",
    "receive_cash",
    "receive_funds",
    "reverse_topup",
    "start_gateway_payment",
    "top_up_in_cash",
]
Channel = TopUpOrder.Channel
_WITH_PARTY: Final = (Channel.AGENT, Channel.KIOSK, Channel.SUBSIDY)
_REPORTED: Final = (Channel.AGENT, Channel.KIOSK, Channel.MANDATE, Channel.SUBSIDY)


@transaction.atomic
def order_topup(
    *,
    card: Card,
    amount_fen: int,
    channel: str,
    actor: str,
    occurred_at: datetime,
    purse_kind: str = Purse.Kind.CHIP,
    party: str = "",
    payer: Citizen | None = None,
    request_key: str | None = None,
) -> TopUpOrder:
    """An order over `amount_fen`, not yet paid. With a `request_key` used before, the order of then.

    `party` is the agent, kiosk or subsidy payer of those channels. Raises InvalidField, CardNotActive, NoAccountPurse,
    CardExpired (onto the chip), AgentNotActive, Conflict (request key), and what `limits.check_topup` raises.
    """
    _check_way(channel, party)
    card = locks.lock_card(card.pk)
    wanted = {"card_id": card.pk, "amount_fen": amount_fen, "channel": channel, "party": party}
    if request_key and (known := TopUpOrder.objects.filter(request_key=request_key).first()):
        return _same(known, wanted, purse_kind)
    require_active(card)
    if channel == Channel.AGENT:
        check_agent(party)
    purse, on = _purse(card, purse_kind), shanghai(occurred_at).date()
    if purse.kind == Purse.Kind.CHIP and card.valid_to < on:
        raise CardExpired(date=card.valid_to)
    limits.check_topup(purse=purse, amount_fen=amount_fen, channel=channel, on=on)
    order = TopUpOrder(
        **wanted,
        number=f"TU{shanghai(occurred_at):%Y%m%d}{secrets.token_hex(6).upper()}",
        request_key=request_key,
        purse=purse,
        payer=payer,
        actor=actor,
        occurred_at=occurred_at,
    )
    try:
        with transaction.atomic():
            order.save()
    except IntegrityError as error:  # the same key for two cards at once
        if request_key and TopUpOrder.objects.filter(request_key=request_key).exists():
            raise Conflict(what=f"request {request_key}") from error
        raise
    return order


@transaction.atomic
def receive_cash(*, order: TopUpOrder, actor: str) -> TopUpOrder:
    """The money is in the drawer: PAID. A repeat changes nothing. Raises WrongChannel, IllegalOrderTransition."""
    return _receive(order, (Channel.CASH,), actor=actor)


@transaction.atomic
def top_up_in_cash(
    *, card: Card, amount_fen: int, purse_kind: str, actor: str, occurred_at: datetime, request_key: str
) -> TopUpOrder:
    """Ordered at the counter and paid into the drawer at once: PAID, or CONFIRMED for an account purse; once per `request_key`. Audited.

    Raises what `order_topup` and `receive_cash` raise, and DrawerNotOpen; then nothing is ordered.
    """
    order = order_topup(
        card=card,
        amount_fen=amount_fen,
        channel=Channel.CASH,
        actor=actor,
        occurred_at=occurred_at,
        purse_kind=purse_kind,
        request_key=request_key,
    )
    if not was_paid(order):
        detail = {"card": card.pk, "amount_fen": amount_fen, "purse": purse_kind}
        record_audit(actor=actor, action="topup.cash", subject=f"order:{order.number}", detail=detail)
    return receive_cash(order=order, actor=actor)


@transaction.atomic
def receive_funds(*, order: TopUpOrder, actor: str, payment_id: str | None = None) -> TopUpOrder:
    """An agent, kiosk, bank or subsidy payer has the money: PAID. A repeat changes nothing.

    `payment_id` is the payment of a direct debit at the gateway, where it can be refunded. Raises WrongChannel,
    IllegalOrderTransition, AgentNotActive, AgentCreditExhausted, Conflict (another payment's order).
    """
    return _receive(order, _REPORTED, actor=actor, payment_id=payment_id)


@transaction.atomic
def reverse_topup(*, order: TopUpOrder, actor: str, reason: str) -> TopUpOrder:
    """Give the money back, or drop an order nobody paid.

    Cash is paid out at the counter; a payment through the gateway is refunded there, on its own. Raises
    IllegalOrderTransition once the chip was given its MAC2: it may hold the value, only its counter can tell.
    """
    order = locks.lock_order(order.pk)
    with step_to(TopUpOrder.State.REVERSED, IllegalOrderTransition):
        order.reverse()
    order.reversed_at = timezone.now()
    order.save()
    if was_paid(order):
        return_money(order, actor=actor, reason=reason)
    record_audit(
        actor=actor, action="topup.reverse", subject=f"order:{order.number}", detail={"reason": reason}
    )
    return order


def _check_way(channel: str, party: str) -> None:
    if channel not in Channel.values:
        raise InvalidField("channel", _("unknown payment channel"))
    if bool(party) != (channel in _WITH_PARTY):
        raise InvalidField("party", _("who takes the money is named for agents, kiosks and subsidies only"))


def _same(order: TopUpOrder, wanted: dict[str, object], purse_kind: str) -> TopUpOrder:
    """The order a request made before, if it asked for the same."""
    if any(getattr(order, name) != value for name, value in wanted.items()) or order.purse.kind != purse_kind:
        raise Conflict(what=f"request {order.request_key}")
    return order


def _purse(card: Card, kind: str) -> Purse:
    purse = card.purses.filter(kind=kind).first()
    if purse is None:
        raise NoAccountPurse(product=card.product.name)
    return purse


def _receive(
    order: TopUpOrder, channels: Container[str], *, actor: str, payment_id: str | None = None
) -> TopUpOrder:
    order = locks.lock_order(order.pk)
    if order.channel not in channels:
        raise WrongChannel(channel=order.get_channel_display())
    if payment_id not in (None, order.gateway_id):
        if order.gateway_id is not None:
            raise Conflict(what=f"order {order.number}")
        order.gateway_id = payment_id
    if was_paid(order):
        if order.state == TopUpOrder.State.REVERSED:
            states = TopUpOrder.State
            raise IllegalOrderTransition(source=states.REVERSED.label, target=states.PAID.label)
        return order
    if order.channel == Channel.AGENT:
        charge_agent(order.party, order.amount_fen)
    receive_money(order, actor=actor)
    return order
