"""A gateway that speaks Stripe's payment-intents API, through the official library."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import stripe

from accounts.errors import GatewayError, GatewaySignatureInvalid, GatewayUnavailable
from accounts.gateway.port import CURRENCY, GatewayEvent, Payment, PaymentStatus

API_VERSION: Final = "2026-10-28.endive"
"""Pinned: the gateway answers in this version's shapes whatever its dashboard says."""
PAYMENT_METHODS: Final = ("alipay", "wechat_pay", "card")
TIMEOUT_S: Final = 10.0
RETRIES_MAX: Final = 2
_STATUS: Final = {"succeeded": PaymentStatus.SUCCEEDED, "canceled": PaymentStatus.CANCELED}

Answer = TypeVar("Answer")


class StripeCompatibleGateway:
    """One client per instance; amounts in fen, which is the API's smallest currency unit for CNY."""

    def __init__(self, *, base_url: str, api_key: str, webhook_secret: str, tolerance_s: int) -> None:
        self._webhook_secret = webhook_secret
        self._tolerance_s = tolerance_s
        self._client = stripe.StripeClient(
            api_key,
            base_addresses={"api": base_url},
            http_client=stripe.RequestsClient(timeout=TIMEOUT_S),
            max_network_retries=RETRIES_MAX,
            stripe_version=API_VERSION,
        )

    def create_payment(self, *, order_number: str, amount_fen: int) -> Payment:
        """The order number is the idempotency key, so a repeat after a lost answer finds the same payment."""
        intent = _asked(
            lambda: self._client.v1.payment_intents.create(
                {
                    "amount": amount_fen,
                    "currency": CURRENCY,
                    "allowed_payment_method_types": list(PAYMENT_METHODS),
                    "metadata": {"order_number": order_number},
                },
                {"idempotency_key": order_number},
            )
        )
        return _payment(intent)

    def retrieve_payment(self, payment_id: str) -> Payment:
        """See PaymentGateway."""
        return _payment(_asked(lambda: self._client.v1.payment_intents.retrieve(payment_id)))

    def read_event(self, *, body: bytes, signature: str) -> GatewayEvent | None:
        """Check the HMAC over the raw bytes and its age (`t=…,v1=…`), then read."""
        try:
            stripe.WebhookSignature.verify_header(body, signature, self._webhook_secret, self._tolerance_s)
        except (stripe.SignatureVerificationError, UnicodeDecodeError) as error:
            raise GatewaySignatureInvalid from error
        try:
            event = json.loads(body)
            if not str(event["type"]).startswith("payment_intent."):
                return None
            return GatewayEvent(str(event["id"]), event["type"], _payment(event["data"]["object"]))
        except (ValueError, KeyError, TypeError) as error:
            raise GatewayError(field="body") from error


def _asked(call: Callable[[], Answer]) -> Answer:
    """Call the gateway; its errors become ours. What may have happened is unknown only after GatewayUnavailable."""
    try:
        return call()
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise GatewayUnavailable from error
    except stripe.StripeError as error:
        if error.http_status is None or error.http_status >= 500:
            raise GatewayUnavailable from error
        raise GatewayError(gateway_code=error.code or "", gateway_status=error.http_status) from error


def _payment(intent: Mapping[str, Any] | stripe.PaymentIntent) -> Payment:
    values: Mapping[str, Any] = intent.to_dict() if isinstance(intent, stripe.PaymentIntent) else intent
    amount_fen = values["amount"]
    if not isinstance(amount_fen, int) or isinstance(amount_fen, bool):
        raise TypeError("an amount is an integer")
    return Payment(
        id=str(values["id"]),
        status=_STATUS.get(values["status"], PaymentStatus.PENDING),
        amount_fen=amount_fen,
        currency=str(values["currency"]),
        order_number=str((values.get("metadata") or {}).get("order_number", "")),
        client_secret=str(values.get("client_secret") or ""),
    )
