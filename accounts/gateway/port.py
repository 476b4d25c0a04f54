"""What the system needs from a payment gateway, whichever it is.

Three outcomes a caller must tell apart: an answer; GatewayError (with GatewayDeclined), a definite no after which nothing
was moved; GatewayUnavailable, which means that nobody knows: ask again, with the same key, never with a new one. An answer that
is not what was asked for, in amount or currency, is GatewayEventMismatch.
All amounts are integer fen, the currency is CNY only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

CURRENCY: Final = "cny"


class PaymentStatus(StrEnum):
    """What the gateway says of a payment; anything not final is pending."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


class RefundStatus(StrEnum):
    """What the gateway says of a refund. Even a succeeded one may fail later, when the payer's bank returns it."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class MandateStatus(StrEnum):
    """Whether a mandate may be debited: waiting for the payer, yes, no more (withdrawn, refused, given up)."""

    PENDING = "pending"
    ACTIVE = "active"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as the gateway knows it. `client_secret` lets the payer's browser, and nobody else, carry it on.

    `refunded_fen` is known where a payment is retrieved or listed; other answers and call-backs leave it 0.
    `decline_code` says why the last attempt failed, as long as no other follows.
    """

    id: str
    status: PaymentStatus
    amount_fen: int
    currency: str
    order_number: str
    created_at: datetime
    refunded_fen: int = 0
    decline_code: str = ""
    client_secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class GatewayRefund:
    """A refund as the gateway knows it. `key` is the one it was asked for with; empty if somebody made it elsewhere."""

    id: str
    payment_id: str
    amount_fen: int
    currency: str
    status: RefundStatus
    key: str
    created_at: datetime
    failure: str = ""


@dataclass(frozen=True, slots=True)
class MandateSetup:
    """A payer's consent to be debited, from the asking for it to its end.

    `reference` is ours. `method` and `mandate` are what `collect_payment` takes, known from ACTIVE on; `bank_name` (a card's
    brand where no bank is named) and `last4` are for people, `funding` says debit, credit or prepaid where a card is behind
    it: all three come with `retrieve_mandate` only. A call-back that an agreed mandate has changed names it by `mandate` and
    leaves `id` and `reference` empty.
    """

    id: str
    status: MandateStatus
    reference: str = ""
    method: str = ""
    mandate: str = ""
    bank_name: str = ""
    last4: str = ""
    funding: str = ""
    client_secret: str = field(default="", repr=False)


Subject = Payment | GatewayRefund | MandateSetup


@dataclass(frozen=True, slots=True)
class SignedEvent:
    """A signed message of the gateway. `subject` is None when it is about nothing of ours.

    `digest` is the SHA-256 of what the message says, the same each time it is sent; `object_id` the gateway's id of what
    it is about.
    """

    id: str
    kind: str
    object_id: str
    digest: bytes
    subject: Subject | None


class PaymentGateway(Protocol):
    """Calls over the network: never made inside a database transaction.

    All of them raise GatewayError (refused) and GatewayUnavailable (nobody knows; safe to repeat).
    """

    def create_payment(self, *, order_number: str, amount_fen: int) -> Payment:
        """The payment of an order; asked again, the same payment."""

    def retrieve_payment(self, payment_id: str) -> Payment:
        """The payment as it stands."""

    def cancel_payment(self, payment_id: str) -> Payment:
        """Give an unpaid payment up, so that nobody can pay it any more; one that is given up already is returned.

        Raises GatewayError if it was paid.
        """

    def collect_payment(self, *, order_number: str, amount_fen: int, method: str, mandate: str) -> Payment:
        """Debit a mandate while its payer is away; asked again for the same order, the same payment.

        SUCCEEDED at once or PENDING while the bank takes its time. Raises GatewayDeclined (data `decline_code`) when the
        bank said no: the same order is never collected again, another attempt is another order.
        """

    def start_mandate(self, *, reference: str, customer_ref: str) -> MandateSetup:
        """Ask for a mandate; asked again with the same reference, the same one. `client_secret` is for the payer's browser.

        `customer_ref` is a pseudonym of the payer: nothing else about the person leaves the house.
        """

    def retrieve_mandate(self, setup_id: str) -> MandateSetup:
        """The mandate as it stands, with method, bank and last four digits once agreed."""

    def refund_payment(self, *, payment_id: str, amount_fen: int, key: str) -> GatewayRefund:
        """Pay `amount_fen` of a payment back to its payer; asked again with the same key, the same refund."""

    def retrieve_refund(self, refund_id: str) -> GatewayRefund:
        """The refund as it stands."""

    def payments_between(self, *, start: datetime, end: datetime) -> Iterator[Payment]:
        """Every payment created from `start` to before `end`, whoever made it, with what was refunded of it."""

    def refunds_between(self, *, start: datetime, end: datetime) -> Iterator[GatewayRefund]:
        """Every refund created from `start` to before `end`, whoever made it."""

    def read_event(self, *, body: bytes, signature: str) -> SignedEvent:
        """What a signed call-back says.

        Raises GatewaySignatureInvalid, or GatewayError for a signed body that makes no sense.
        """
