"""Paying an order through the gateway: ask, remember, and believe only what it signs or answers.

Three phases, so that no network call happens inside a transaction: read, call, write. A lost answer leaves the order as
it was; asking again with the order's number finds the same payment.
"""

from __future__ import annotations

from typing import NoReturn

from django.db import transaction

from accounts import locks
from accounts.errors import GatewayEventMismatch, IllegalOrderTransition, WrongChannel
from accounts.gateway import configured_gateway
from accounts.gateway.port import CURRENCY, Payment, PaymentStatus
from accounts.models import TopUpOrder
from accounts.services.orders import receive_money, was_paid
from citizencard.core.audit import record_audit
from citizencard.core.models import AuditEntry

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
        return _settle(payment, evidence=f"poll:{payment.id}")
    return TopUpOrder.objects.get(pk=order.pk)


def handle_gateway_event(*, body: bytes, signature: str) -> TopUpOrder | None:
    """Book the payment that a call-back reports, once, however often and in whatever order call-backs come.

    `body` as received, `signature` the Stripe-Signature header. None: not about a successful payment of ours.
    Raises GatewaySignatureInvalid, GatewayError (unreadable), GatewayEventMismatch (kept as audit evidence).
    """
    event = configured_gateway().read_event(body=body, signature=signature)
    if event is None or event.kind != "payment_intent.succeeded":
        return None
    return _settle(event.payment, evidence=event.id)


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
        _mismatch(payment, "id", evidence=f"create:{payment.id}")
    return payment


def _settle(payment: Payment, *, evidence: str) -> TopUpOrder:
    """Book a successful payment, or keep it as evidence that it does not fit."""
    with transaction.atomic():
        order = _order_of(payment)
        fault = _difference(order, payment) if order else "order"
        if order and not fault and not was_paid(order):
            order.gateway_id = payment.id
            receive_money(order, actor=ACTOR)
    if order is None or fault:
        _mismatch(payment, fault, evidence=evidence)
    return order


def _order_of(payment: Payment) -> TopUpOrder | None:
    """By the order number we gave the gateway."""
    found = TopUpOrder.objects.filter(
        number=payment.order_number, channel=TopUpOrder.Channel.GATEWAY
    ).values_list("pk", flat=True)
    return locks.lock_order(found[0]) if found else None


def _difference(order: TopUpOrder, payment: Payment) -> str:
    """The first field in which the payment contradicts the order; empty when it is the order's."""
    if order.gateway_id not in (None, payment.id):
        return "id"
    if payment.amount_fen != order.amount_fen:
        return "amount"
    if payment.currency != CURRENCY:
        return "currency"
    if order.state == TopUpOrder.State.REVERSED and not was_paid(order):
        return "state"
    return ""


def _mismatch(payment: Payment, field: str, *, evidence: str) -> NoReturn:
    """Keep the contradiction once per message, and say so. Its transaction is its own: the refusal must not undo it."""
    subject = f"gateway:{evidence}"[:100]
    if not AuditEntry.objects.filter(subject=subject, action="gateway.mismatch").exists():
        record_audit(
            actor=ACTOR,
            action="gateway.mismatch",
            subject=subject,
            detail={
                "field": field,
                "payment": payment.id,
                "order": payment.order_number,
                "amount_fen": payment.amount_fen,
                "currency": payment.currency,
            },
        )
    raise GatewayEventMismatch(field=field)
