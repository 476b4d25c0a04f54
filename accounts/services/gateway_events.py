"""Call-backs of the payment gateway: believed only when signed, each taken once, in one transaction with its effect."""

from __future__ import annotations

from django.db import transaction

from accounts import locks
from accounts.errors import GatewayEventMismatch
from accounts.gateway import configured_gateway
from accounts.gateway.port import GatewayRefund, MandateSetup, Payment, SignedEvent
from accounts.models import GatewayEvent
from accounts.services.gateway_evidence import record_event
from accounts.services.gateway_payment import settle_payment
from accounts.services.gateway_refunds import note_refund
from accounts.services.mandates import note_mandate

Outcome = GatewayEvent.Outcome


def handle_gateway_event(*, body: bytes, signature: str) -> GatewayEvent:
    """Take one call-back: its row, new or from when it first came, says what came of it.

    `body` as received, `signature` the Stripe-Signature header. Raises GatewaySignatureInvalid, GatewayError (unreadable)
    and GatewayEventMismatch: it contradicts our records, moved nothing, and is kept as evidence, the first time it comes.
    Whatever else a handler raises undoes the row too, so that the gateway's next attempt is taken for new.
    """
    event = configured_gateway().read_event(body=body, signature=signature)
    with transaction.atomic():
        locks.lock_gateway_event(event.id)
        taken = _taken_before(event) or _take(event)
    if taken.outcome == Outcome.MISMATCH:
        raise GatewayEventMismatch(field=taken.fault)
    return taken


def _taken_before(event: SignedEvent) -> GatewayEvent | None:
    """The first row of this id; for other content under the same id, evidence of that."""
    first = GatewayEvent.objects.filter(event_id=event.id).exclude(fault=GatewayEvent.OTHER_CONTENT).first()
    if first is None or bytes(first.digest) == event.digest:
        return first
    return record_event(event, outcome=Outcome.MISMATCH, fault=GatewayEvent.OTHER_CONTENT)


def _take(event: SignedEvent) -> GatewayEvent:
    try:
        with transaction.atomic():  # a handler that refuses half-way leaves nothing behind
            booked = _effect(event)
    except GatewayEventMismatch as refusal:
        return record_event(event, outcome=Outcome.MISMATCH, fault=refusal.data["field"])
    return record_event(event, outcome=Outcome.BOOKED if booked else Outcome.IGNORED)


def _effect(event: SignedEvent) -> bool:
    """Carry out what the message means to us; whether it changed anything. Raises GatewayEventMismatch."""
    match event.subject:
        case Payment() as payment if event.kind == "payment_intent.succeeded":
            return settle_payment(payment)
        case GatewayRefund() as refund:
            return note_refund(refund)
        case MandateSetup() as setup:
            note_mandate(setup)
            return True
    return False
