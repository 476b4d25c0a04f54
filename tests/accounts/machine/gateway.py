"""The city's payment gateway in memory: payments, refunds, mandates and signed call-backs, which come late, twice or never."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from accounts.errors import GatewayDeclined
from accounts.gateway.port import (
    GatewayRefund,
    MandateSetup,
    MandateStatus,
    Payment,
    PaymentStatus,
    SignedEvent,
    Subject,
)
from tests.accounts.topup.gateway import MODULES, FakeGateway

_MODULES = (*MODULES, "gateway_events", "mandates", "direct_debit")


class CityGateway(FakeGateway):
    """As FakeGateway; `declines` says how many of the next debits the bank refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.setups: dict[str, MandateSetup] = {}
        self.events: list[SignedEvent] = []
        self.declines = 0

    @property
    def received_fen(self) -> int:
        """What payers gave, less what they got back: the world's own figure."""
        paid = sum(p.amount_fen for p in self.payments.values() if p.status is PaymentStatus.SUCCEEDED)
        return paid - sum(r.amount_fen for r in self.refunds.values() if r.status == "succeeded")

    def behind_the_services(self, monkeypatch: pytest.MonkeyPatch) -> CityGateway:
        for module in _MODULES:
            monkeypatch.setattr(f"accounts.services.{module}.configured_gateway", lambda: self)
        return self

    def collect_payment(self, *, order_number: str, amount_fen: int, method: str, mandate: str) -> Payment:
        def work() -> Payment:
            known = [p for p in self.payments.values() if p.order_number == order_number]
            if known:
                return known[0]
            if self.declines:
                self.declines -= 1
                raise GatewayDeclined(decline_code="insufficient_funds")
            return self.add(order_number, amount_fen)

        return self._answered("collect", work)

    def start_mandate(self, *, reference: str, customer_ref: str) -> MandateSetup:
        setup = MandateSetup(id=f"seti_{reference}", status=MandateStatus.PENDING, reference=reference)
        return self._answered("mandate", lambda: self.setups.setdefault(setup.id, setup))

    def retrieve_mandate(self, setup_id: str) -> MandateSetup:
        return self._answered("retrieve_mandate", lambda: self.setups[setup_id])

    def agree(self, setup_id: str, status: MandateStatus) -> None:
        """The payer agrees, or withdraws."""
        self.setups[setup_id] = replace(
            self.setups[setup_id], status=status, method="pm", mandate=f"mandate_{setup_id}", funding="debit"
        )

    def tell(self, subject: Subject) -> bytes:
        """Write a call-back about something as it is now; the body to deliver, as often as wanted."""
        kind = {Payment: "payment_intent.succeeded", GatewayRefund: "refund.updated"}.get(
            type(subject), "setup_intent.succeeded"
        )
        number = len(self.events)
        digest = hashlib.sha256(repr(subject).encode()).digest()
        self.events.append(SignedEvent(f"evt_{number}", kind, getattr(subject, "id", ""), digest, subject))
        return str(number).encode()

    def read_event(self, *, body: bytes, signature: str) -> SignedEvent:
        return self.events[int(body)]
