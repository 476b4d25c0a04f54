"""What the system needs from a payment gateway, whichever it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

CURRENCY: Final = "cny"


class PaymentStatus(StrEnum):
    """What the gateway says of a payment; anything not final is pending."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as the gateway knows it. `client_secret` lets the payer's browser, and nobody else, carry it on."""

    id: str
    status: PaymentStatus
    amount_fen: int
    currency: str
    order_number: str
    client_secret: str = ""


@dataclass(frozen=True, slots=True)
class GatewayEvent:
    """A signed message of the gateway about one payment."""

    id: str
    kind: str
    payment: Payment


class PaymentGateway(Protocol):
    """Calls over the network: never made inside a database transaction."""

    def create_payment(self, *, order_number: str, amount_fen: int) -> Payment:
        """The payment of an order; asked again, the same payment. Raises GatewayError, GatewayUnavailable."""

    def retrieve_payment(self, payment_id: str) -> Payment:
        """The payment as it stands. Raises GatewayError, GatewayUnavailable."""

    def read_event(self, *, body: bytes, signature: str) -> GatewayEvent | None:
        """The event in a signed call-back; None if it is not about a payment.

        Raises GatewaySignatureInvalid, or GatewayError for a signed body that makes no sense.
        """
