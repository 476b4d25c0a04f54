"""A bank behind the gateway's port: what it debits is remembered, and it can be told how to answer next."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from threading import Lock
from typing import Literal

from django.utils import timezone

from accounts.errors import GatewayDeclined, GatewayError, GatewayUnavailable
from accounts.gateway.port import CURRENCY, MandateSetup, MandateStatus, Payment, PaymentStatus

Mood = Literal["pay", "decline", "lost", "down", "slow", "error", "less"]


class Bank:
    """Debits by order number, each once. Moods of the next calls, then "pay" again:

    `pay` and `decline` answer at once; `lost` debits and does not answer; `down` does nothing and does not answer; `slow`
    accepts and decides later; `error` refuses for no reason of the payer's; `less` debits another amount.
    """

    def __init__(self) -> None:
        self.moods: deque[Mood] = deque()
        self.payments: dict[str, Payment] = {}
        self.asked: list[str] = []
        self.setups: dict[str, MandateSetup] = {}
        self.canceled: list[str] = []
        self._lock = Lock()

    @property
    def debited_fen(self) -> int:
        """Everything that left the payers' accounts."""
        paid = [p for p in self.payments.values() if p.status is PaymentStatus.SUCCEEDED]
        return sum(payment.amount_fen for payment in paid)

    def start_mandate(self, *, reference: str, customer_ref: str) -> MandateSetup:
        """A request that waits for the payer."""
        setup = MandateSetup(
            id=f"seti_{reference}", status=MandateStatus.PENDING, reference=reference, client_secret="secret"
        )
        return self.setups.setdefault(setup.id, setup)

    def agree(self, setup_id: str, *, funding: str = "debit") -> None:
        """The payer agrees, with an account or card of this kind."""
        self.setups[setup_id] = replace(
            self.setups[setup_id],
            status=MandateStatus.ACTIVE,
            method="pm_1",
            mandate=f"mandate_{setup_id}",
            bank_name="中国银行",
            last4="4321",
            funding=funding,
        )

    def retrieve_mandate(self, setup_id: str) -> MandateSetup:
        """See PaymentGateway."""
        if self.moods and self.moods.popleft() == "down":
            raise GatewayUnavailable
        return self.setups[setup_id]

    def collect_payment(self, *, order_number: str, amount_fen: int, method: str, mandate: str) -> Payment:
        """See PaymentGateway."""
        with self._lock:
            self.asked.append(order_number)
            mood = self.moods.popleft() if self.moods else "pay"
            if mood == "down":
                raise GatewayUnavailable
            if mood == "error":
                raise GatewayError(gateway_code="mandate_invalid", gateway_status=400)
            if mood == "decline":
                raise GatewayDeclined(decline_code="insufficient_funds")
            if order_number not in self.payments:
                status = PaymentStatus.PENDING if mood == "slow" else PaymentStatus.SUCCEEDED
                self.debit(order_number, amount_fen - (mood == "less"), status)
            if mood == "lost":
                raise GatewayUnavailable
            return self.payments[order_number]

    def debit(
        self, order_number: str, amount_fen: int, status: PaymentStatus = PaymentStatus.SUCCEEDED
    ) -> Payment:
        """A payment as the bank has it now."""
        payment = Payment(
            id=f"pi_{order_number}",
            status=status,
            amount_fen=amount_fen,
            currency=CURRENCY,
            order_number=order_number,
            created_at=timezone.now(),
        )
        self.payments[order_number] = payment
        return payment

    def payments_between(self, *, start: datetime, end: datetime) -> Iterator[Payment]:
        """See PaymentGateway."""
        return (payment for payment in self.payments.values() if start <= payment.created_at < end)

    def cancel_payment(self, payment_id: str) -> Payment:
        """See PaymentGateway."""
        payment = next(p for p in self.payments.values() if p.id == payment_id)
        if payment.status is PaymentStatus.SUCCEEDED:
            raise GatewayError(gateway_code="payment_intent_unexpected_state", gateway_status=400)
        self.canceled.append(payment_id)
        return self.debit(payment.order_number, payment.amount_fen, PaymentStatus.CANCELED)
