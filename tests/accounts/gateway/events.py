"""Signed call-backs about things at the gateway, as tests need them."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from accounts.models import GatewayEvent, TopUpOrder
from accounts.services.gateway_events import handle_gateway_event
from citizencard.sandbox.callbacks import event_body, signature_header

CREATED = 1_772_424_000


def intent(order: TopUpOrder, **changes: Any) -> dict[str, Any]:
    """The order's payment intent, paid."""
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "created": CREATED,
        "amount": order.amount_fen,
        "currency": "cny",
        "status": "succeeded",
        "client_secret": "pi_1_secret_x",
        "metadata": {"order_number": order.number},
    } | changes


def refund(**changes: Any) -> dict[str, Any]:
    """A refund of 10 yuan, done."""
    return {
        "id": "re_1",
        "object": "refund",
        "created": CREATED,
        "amount": 1_000,
        "currency": "cny",
        "status": "succeeded",
        "payment_intent": "pi_1",
        "metadata": {"refund_key": "RF1"},
    } | changes


def signed(body: bytes, *, secret: str | None = None, at: int | None = None) -> str:
    """The signature header of a call-back."""
    return signature_header(body, secret or settings.GATEWAY_WEBHOOK_SECRET, at=at)


def send(body: bytes) -> GatewayEvent:
    """Hand a call-back in, signed now."""
    return handle_gateway_event(body=body, signature=signed(body))


def call_back(kind: str, thing: dict[str, Any]) -> GatewayEvent:
    """Hand in a new event about a thing."""
    return send(event_body(kind, thing))
