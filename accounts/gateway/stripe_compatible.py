"""A gateway that speaks Stripe's API, through the official library."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import stripe

from accounts.errors import GatewayError, GatewaySignatureInvalid
from accounts.gateway import stripe_objects as read
from accounts.gateway.port import (
    CURRENCY,
    GatewayRefund,
    MandateSetup,
    Payment,
    PaymentStatus,
    SignedEvent,
)
from accounts.gateway.stripe_calls import as_asked, asked, declined, paged

if TYPE_CHECKING:
    from stripe.params import PaymentIntentListParams, RefundListParams

API_VERSION: Final = "2026-10-28.endive"
"""Pinned: the gateway answers in this version's shapes whatever its dashboard says."""
PAYMENT_METHODS: Final = ("alipay", "wechat_pay", "card")
MANDATE_METHODS: Final = ("card",)
"""What may be debited while its holder is away: bank cards, the only kind that the API offers for CNY accounts."""
TIMEOUT_S: Final = 10.0
RETRIES_MAX: Final = 2
PAGE: Final = 100


class StripeCompatibleGateway:
    """See PaymentGateway. One client per instance; fen are the API's smallest currency unit for CNY.

    `webhook_secrets` are all valid at once, so that the gateway's secret can be changed without losing a call-back.
    """

    def __init__(
        self, *, base_url: str, api_key: str, webhook_secrets: Sequence[str], tolerance_s: int
    ) -> None:
        self._webhook_secrets = webhook_secrets
        self._tolerance_s = tolerance_s
        self._api = stripe.StripeClient(
            api_key,
            base_addresses={"api": base_url},
            http_client=stripe.RequestsClient(timeout=TIMEOUT_S),
            max_network_retries=RETRIES_MAX,
            stripe_version=API_VERSION,
        ).v1

    def create_payment(self, *, order_number: str, amount_fen: int) -> Payment:
        """The order number is the idempotency key, so a repeat after a lost answer finds the same payment."""
        payment = asked(
            lambda: self._api.payment_intents.create(
                {
                    "amount": amount_fen,
                    "currency": CURRENCY,
                    "allowed_payment_method_types": list(PAYMENT_METHODS),
                    "metadata": {"order_number": order_number},
                },
                {"idempotency_key": order_number},
            ),
            read.payment,
        )
        return as_asked(payment, amount_fen=amount_fen)

    def retrieve_payment(self, payment_id: str) -> Payment:
        """See PaymentGateway."""
        return asked(
            lambda: self._api.payment_intents.retrieve(payment_id, {"expand": ["latest_charge"]}),
            read.payment,
        )

    def cancel_payment(self, payment_id: str) -> Payment:
        """Giving up what is given up is refused by the API, and is what was wanted all the same."""
        try:
            return asked(lambda: self._api.payment_intents.cancel(payment_id), read.payment)
        except GatewayError:
            found = self.retrieve_payment(payment_id)
            if found.status is PaymentStatus.CANCELED:
                return found
            raise

    def collect_payment(self, *, order_number: str, amount_fen: int, method: str, mandate: str) -> Payment:
        """The API forgets idempotency keys after a day; so look first whether the order was collected before."""
        customer = asked(
            lambda: self._api.payment_methods.retrieve(method), lambda values: str(values["customer"])
        )
        earlier = self._payments({"customer": customer})
        payment = next((found for found in earlier if found.order_number == order_number), None)
        payment = payment or asked(
            lambda: self._api.payment_intents.create(
                {
                    "amount": amount_fen,
                    "currency": CURRENCY,
                    "customer": customer,
                    "payment_method": method,
                    "mandate": mandate,
                    "confirm": True,
                    "off_session": True,
                    "error_on_requires_action": True,
                    "allowed_payment_method_types": list(MANDATE_METHODS),
                    "metadata": {"order_number": order_number},
                },
                {"idempotency_key": f"collect:{order_number}"},
            ),
            read.payment,
        )
        if payment.status is not PaymentStatus.SUCCEEDED and payment.decline_code:
            raise declined(payment.decline_code)
        return as_asked(payment, amount_fen=amount_fen)

    def start_mandate(self, *, reference: str, customer_ref: str) -> MandateSetup:
        """The API debits only what belongs to a customer; each mandate gets one of its own."""
        customer = asked(
            lambda: self._api.customers.create(
                {"metadata": {"customer_ref": customer_ref}},
                {"idempotency_key": f"customer:{reference}"},
            ),
            lambda values: str(values["id"]),
        )
        return asked(
            lambda: self._api.setup_intents.create(
                {
                    "customer": customer,
                    "usage": "off_session",
                    "allowed_payment_method_types": list(MANDATE_METHODS),
                    "metadata": {"reference": reference},
                },
                {"idempotency_key": f"mandate:{reference}"},
            ),
            read.setup,
        )

    def retrieve_mandate(self, setup_id: str) -> MandateSetup:
        """See PaymentGateway."""
        return asked(
            lambda: self._api.setup_intents.retrieve(setup_id, {"expand": ["payment_method"]}), read.setup
        )

    def refund_payment(self, *, payment_id: str, amount_fen: int, key: str) -> GatewayRefund:
        """The API forgets idempotency keys after a day; so look first whether the key was used on this payment."""
        earlier = self._refunds({"payment_intent": payment_id})
        refund = next((found for found in earlier if found.key == key), None)
        refund = refund or asked(
            lambda: self._api.refunds.create(
                {
                    "payment_intent": payment_id,
                    "amount": amount_fen,
                    "reason": "requested_by_customer",
                    "metadata": {"refund_key": key},
                },
                {"idempotency_key": f"refund:{key}"},
            ),
            read.refund,
        )
        return as_asked(refund, amount_fen=amount_fen)

    def retrieve_refund(self, refund_id: str) -> GatewayRefund:
        """See PaymentGateway."""
        return asked(lambda: self._api.refunds.retrieve(refund_id), read.refund)

    def payments_between(self, *, start: datetime, end: datetime) -> Iterator[Payment]:
        """See PaymentGateway."""
        return self._payments(
            {"created": {"gte": _second(start), "lt": _second(end)}, "expand": ["data.latest_charge"]}
        )

    def refunds_between(self, *, start: datetime, end: datetime) -> Iterator[GatewayRefund]:
        """See PaymentGateway."""
        return self._refunds({"created": {"gte": _second(start), "lt": _second(end)}})

    def read_event(self, *, body: bytes, signature: str) -> SignedEvent:
        """Check the HMAC over the raw bytes and its age (`t=…,v1=…`), then read."""
        if not any(self._signed(body, signature, secret) for secret in self._webhook_secrets):
            raise GatewaySignatureInvalid
        try:
            return read.event(body)
        except read.UNREADABLE as error:
            raise GatewayError(field="body") from error

    def _signed(self, body: bytes, signature: str, secret: str) -> bool:
        try:
            stripe.WebhookSignature.verify_header(body, signature, secret, self._tolerance_s)
        except (stripe.SignatureVerificationError, UnicodeError, TypeError):  # TypeError: not ASCII
            return False
        return True

    def _payments(self, which: PaymentIntentListParams) -> Iterator[Payment]:
        return paged(lambda: self._api.payment_intents.list({"limit": PAGE, **which}), read.payment)

    def _refunds(self, which: RefundListParams) -> Iterator[GatewayRefund]:
        return paged(lambda: self._api.refunds.list({"limit": PAGE, **which}), read.refund)


def _second(instant: datetime) -> int:
    """The API counts whole seconds; an instant within one begins with the next."""
    return math.ceil(instant.timestamp())
