"""The sandbox's payments, in memory: what a gateway's database would hold."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

FINAL = ("succeeded", "canceled")
DECLINED_CARD = "pm_card_chargeDeclined"
"""The test payment method that the bank declines, as in the API the sandbox stands in for."""


class Refused(Exception):
    """An API error: HTTP status, error type and code, sentence."""

    def __init__(self, status: int, kind: str, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind, self.code, self.message = status, kind, code, message


@dataclass(slots=True)
class Intent:
    """One payment intent; amounts in fen."""

    amount: int
    currency: str
    methods: list[str]
    metadata: dict[str, str]
    id: str = field(default_factory=lambda: f"pi_{secrets.token_hex(12)}")
    status: str = "requires_payment_method"
    created: int = field(default_factory=lambda: int(time.time()))
    secret: str = field(default_factory=lambda: secrets.token_hex(12))

    def to_json(self) -> dict[str, Any]:
        """The API's payment intent object, the fields that matter."""
        return {
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_received": self.amount if self.status == "succeeded" else 0,
            "currency": self.currency,
            "status": self.status,
            "created": self.created,
            "livemode": False,
            "client_secret": f"{self.id}_secret_{self.secret}",
            "payment_method_types": self.methods,
            "metadata": self.metadata,
        }


class IntentStore:
    """All intents and the idempotency keys seen; safe for threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._intents: dict[str, Intent] = {}
        self._seen: dict[str, tuple[Mapping[str, str], str]] = {}

    def create(self, params: Mapping[str, str], idempotency_key: str) -> tuple[Intent, bool]:
        """The new intent, or the one this key made before and True. Raises Refused (400) for the key's other use."""
        with self._lock:
            if idempotency_key in self._seen:
                first, intent_id = self._seen[idempotency_key]
                if first != params:
                    raise Refused(
                        400, "idempotency_error", "idempotency_key_in_use", "Key used for other parameters."
                    )
                return self._intents[intent_id], True
            intent = _parse(params)
            self._intents[intent.id] = intent
            if idempotency_key:
                self._seen[idempotency_key] = (dict(params), intent.id)
            return intent, False

    def get(self, intent_id: str) -> Intent:
        """Raises Refused (404) for an unknown id."""
        with self._lock:
            if intent_id not in self._intents:
                raise Refused(
                    404, "invalid_request_error", "resource_missing", f"No such payment_intent: {intent_id}"
                )
            return self._intents[intent_id]

    def confirm(self, intent_id: str, payment_method: str) -> Intent:
        """Pay. Raises Refused: 402 declined (may be tried again), 400 already final."""
        with self._lock:
            intent = self._open(intent_id)
            if payment_method == DECLINED_CARD:
                raise Refused(402, "card_error", "card_declined", "Your card was declined.")
            intent.status = "succeeded"
            return intent

    def cancel(self, intent_id: str) -> Intent:
        """Give the payment up. Raises Refused (400) when it is final."""
        with self._lock:
            intent = self._open(intent_id)
            intent.status = "canceled"
            return intent

    def _open(self, intent_id: str) -> Intent:
        intent = self.get(intent_id)
        if intent.status in FINAL:
            raise Refused(
                400, "invalid_request_error", "payment_intent_unexpected_state", f"It is {intent.status}."
            )
        return intent


def _parse(params: Mapping[str, str]) -> Intent:
    amount, currency = params.get("amount", ""), params.get("currency", "")
    if not amount.isdecimal() or int(amount) < 1:
        raise Refused(400, "invalid_request_error", "parameter_invalid_integer", "Invalid integer: amount")
    if len(currency) != 3:
        raise Refused(400, "invalid_request_error", "parameter_missing", "Missing required param: currency.")
    methods = [value for name, value in params.items() if name.startswith("allowed_payment_method_types[")]
    metadata = {name[9:-1]: value for name, value in params.items() if name.startswith("metadata[")}
    return Intent(int(amount), currency.lower(), methods or ["card"], metadata)
