"""The world outside: a payment gateway in memory, whose answers can get lost before or after it has done its work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

import pytest
from django.db import connection
from django.utils import timezone

from accounts.errors import GatewayError, GatewayUnavailable
from accounts.gateway.port import GatewayRefund, Payment, PaymentStatus, RefundStatus

Answer = TypeVar("Answer")
MODULES = ("gateway_payment", "gateway_refunds", "repair", "matching")


class FakeGateway:
    """Payments and refunds as the gateway knows them. `lost` says per call what gets lost: the question, the answer, nothing."""

    def __init__(self) -> None:
        self.payments: dict[str, Payment] = {}
        self.refunds: dict[str, GatewayRefund] = {}
        self.refund_status = RefundStatus.SUCCEEDED
        self.lost: list[str] = []
        self.calls: list[str] = []
        self._outer = list(connection.savepoint_ids)

    def behind_the_services(self, monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
        """Let everything that asks for the configured gateway get this one."""
        for module in MODULES:
            monkeypatch.setattr(f"accounts.services.{module}.configured_gateway", lambda: self)
        return self

    def _answered(self, call: str, work: Callable[[], Answer]) -> Answer:
        assert not connection.in_atomic_block or connection.savepoint_ids == self._outer, (
            "a transaction is open"
        )
        self.calls.append(call)
        lost = self.lost.pop(0) if self.lost else ""
        if lost == "asked":
            raise GatewayUnavailable
        answer = work()
        if lost == "answer":
            raise GatewayUnavailable
        return answer

    def create_payment(self, *, order_number: str, amount_fen: int) -> Payment:
        def work() -> Payment:
            found = [p for p in self.payments.values() if p.order_number == order_number]
            return found[0] if found else self.add(order_number, amount_fen, PaymentStatus.PENDING)

        return self._answered("create", work)

    def retrieve_payment(self, payment_id: str) -> Payment:
        def work() -> Payment:
            if payment_id not in self.payments:
                raise GatewayError(gateway_status=404)
            return self.payments[payment_id]

        return self._answered("retrieve", work)

    def cancel_payment(self, payment_id: str) -> Payment:
        def work() -> Payment:
            payment = self.payments[payment_id]
            if payment.status is PaymentStatus.SUCCEEDED:
                raise GatewayError(gateway_status=400)
            return self._put(replace(payment, status=PaymentStatus.CANCELED))

        return self._answered("cancel", work)

    def refund_payment(self, *, payment_id: str, amount_fen: int, key: str) -> GatewayRefund:
        def work() -> GatewayRefund:
            if key not in self.refunds:
                self.refunds[key] = GatewayRefund(
                    id=f"re_{len(self.refunds)}_{payment_id}",
                    payment_id=payment_id,
                    amount_fen=amount_fen,
                    currency="cny",
                    status=self.refund_status,
                    key=key,
                    created_at=timezone.now(),
                )
            return self.refunds[key]

        return self._answered("refund", work)

    def retrieve_refund(self, refund_id: str) -> GatewayRefund:
        def work() -> GatewayRefund:
            found = [refund for refund in self.refunds.values() if refund.id == refund_id]
            if not found:
                raise GatewayError(gateway_status=404)
            return found[0]

        return self._answered("retrieve_refund", work)

    def payments_between(self, *, start: datetime, end: datetime) -> Iterator[Payment]:
        found = [p for p in self.payments.values() if start <= p.created_at < end]
        return iter(self._answered("payments", lambda: found))

    def refunds_between(self, *, start: datetime, end: datetime) -> Iterator[GatewayRefund]:
        found = [r for r in self.refunds.values() if start <= r.created_at < end]
        return iter(self._answered("refunds", lambda: found))

    def add(
        self, order_number: str, amount_fen: int, status: PaymentStatus = PaymentStatus.SUCCEEDED, **more: Any
    ) -> Payment:
        """A payment that somebody made."""
        values: dict[str, Any] = {"currency": "cny", "created_at": timezone.now()} | more
        return self._put(
            Payment(
                id=f"pi_{len(self.payments)}_{order_number}",
                status=status,
                amount_fen=amount_fen,
                order_number=order_number,
                **values,
            )
        )

    def pay(self, order_number: str) -> Payment | None:
        """The payer pays, if there is a payment that can still be paid."""
        for payment in self.payments.values():
            if payment.order_number == order_number and payment.status is PaymentStatus.PENDING:
                return self._put(replace(payment, status=PaymentStatus.SUCCEEDED))
        return None

    def settle_refund(self, key: str, status: RefundStatus, failure: str = "") -> GatewayRefund:
        """What becomes of a refund in the end."""
        self.refunds[key] = replace(self.refunds[key], status=status, failure=failure)
        return self.refunds[key]

    def change(self, payment_id: str, **values: Any) -> None:
        """Let the gateway tell something else."""
        self._put(replace(self.payments[payment_id], **values))

    def _put(self, payment: Payment) -> Payment:
        self.payments[payment.id] = payment
        return payment
