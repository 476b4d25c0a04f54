"""Keeping what the gateway told us, beside what came of it."""

from __future__ import annotations

import hashlib

from accounts.gateway.port import GatewayRefund, MandateSetup, Payment, SignedEvent, Subject
from accounts.models import GatewayEvent


def record_event(event: SignedEvent, *, outcome: str, fault: str = "") -> GatewayEvent:
    """The row of a message, written once: the caller's transaction is that of its effect."""
    return GatewayEvent.objects.get_or_create(
        event_id=event.id,
        digest=event.digest,
        defaults={
            "kind": event.kind,
            "object_id": event.object_id,
            "outcome": outcome,
            "fault": fault,
            **_what_it_says(event.subject),
        },
    )[0]


def record_polled(payment: Payment, *, fault: str) -> None:
    """Keep an answer that contradicts our order, once per content."""
    digest = hashlib.sha256(repr(payment).encode()).digest()
    polled = SignedEvent(f"polled:{payment.id}:{digest.hex()[:16]}", "polled", payment.id, digest, payment)
    record_event(polled, outcome=GatewayEvent.Outcome.MISMATCH, fault=fault)


def _what_it_says(subject: Subject | None) -> dict[str, str | int]:
    match subject:
        case Payment(order_number=reference) | GatewayRefund(key=reference):
            return {
                "reference": reference,
                "amount_fen": subject.amount_fen,
                "currency": subject.currency,
            }
        case MandateSetup(reference=reference):
            return {"reference": reference}
        case None:
            return {}
