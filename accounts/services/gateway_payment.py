"""Paying an order through the gateway: ask, remember, and believe only what it signs or answers.

Three phases, so that no network call happens inside a transaction: read, call, write. A lost answer leaves the order as
it was; asking again with the order's number finds the same payment.
"""

from __future__ import annotations

from django.db import transaction

from accounts import locks
from accounts.errors import GatewayEventMismatch, IllegalOrderTransition, WrongChannel
from accounts.gateway import configured_gateway
from accounts.gateway.port import CURRENCY, Payment, PaymentStatus
from accounts.models import TopUpOrder
from accounts.services.gateway_evidence import record_polled
from accounts.services.orders import receive_money, was_paid

ACTOR = "gateway"
"""Who posts when the gateway reports a payment."""


def start_gateway_payment(*, order: TopUpOrder) -> str:
    """The client secret with which the payer pays; the same one when called again.

    Raises WrongChannel, IllegalOrderTransition (already paid or dropped), GatewayError, GatewayUnavailable.
    """
    order = TopUpOrder.objects.get(pk=order.pk)
    if order.state != TopUpOrder.State.INIT:
        states = TopUpOrder.State
        raise IllegalOrderTransition(source=states(order.state).label, target=states.PAID.label)
    return _create(order).client_secret


def poll_gateway_payment(*, order: TopUpOrder) -> TopUpOrder:
    """Ask the gateway how the payment stands and book it if it succeeded: for lost answers and lost call-backs.

    Raises WrongChannel, GatewayError, GatewayUnavailable, GatewayEventMismatch.
    """
    order = TopUpOrder.objects.get(pk=order.pk)
    known = order.gateway_id
    payment = configured_gateway().retrieve_payment(known) if known else _create(order)
    if payment.status is PaymentStatus.SUCCEEDED:
        try:
            with transaction.atomic():
                settle_payment(payment)
        except GatewayEventMismatch as refusal:
            record_polled(payment, fault=refusal.data["field"])
            raise
    return TopUpOrder.objects.get(pk=order.pk)


def settle_payment(payment: Payment) -> bool:
    """Book a successful payment of an order, inside the caller's transaction; whether it was not booked before.

    Raises GatewayEventMismatch naming the first field in which the payment contradicts the order.
    """
    order = _order_of(payment)
    if order is None:
        raise GatewayEventMismatch(field="order")
    if fault := _difference(order, payment):
        raise GatewayEventMismatch(field=fault)
    if was_paid(order):
        return False
    order.gateway_id = payment.id
    receive_money(order, actor=ACTOR)
    return True


def _create(order: TopUpOrder) -> Payment:
    if order.channel != TopUpOrder.Channel.GATEWAY:
        raise WrongChannel(channel=order.get_channel_display())
    payment = configured_gateway().create_payment(order_number=order.number, amount_fen=order.amount_fen)
    with transaction.atomic():
        current = locks.lock_order(order.pk)
        if current.gateway_id is None:
            current.gateway_id = payment.id
            current.save(update_fields=["gateway_id"])
    if current.gateway_id != payment.id:
        record_polled(payment, fault="id")
        raise GatewayEventMismatch(field="id")
    return payment


def _order_of(payment: Payment) -> TopUpOrder | None:
    """By the order number we gave the gateway."""
    ours = (TopUpOrder.Channel.GATEWAY, TopUpOrder.Channel.MANDATE)
    found = TopUpOrder.objects.filter(number=payment.order_number, channel__in=ours).values_list(
        "pk", flat=True
    )
    return locks.lock_order(found[0]) if found else None


def _difference(order: TopUpOrder, payment: Payment) -> str:
    """The first field in which the payment contradicts the order; empty when it is the order's."""
    others = TopUpOrder.objects.filter(gateway_id=payment.id).exclude(pk=order.pk)
    if order.gateway_id not in (None, payment.id) or others.exists():
        return "id"
    if payment.amount_fen != order.amount_fen:
        return "amount"
    if payment.currency != CURRENCY:
        return "currency"
    return ""
