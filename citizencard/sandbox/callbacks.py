"""Signed call-backs to the merchant, repeated with growing pauses until they are taken."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from threading import Thread
from typing import Any, Final

import requests

PAUSES_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Between two attempts; a real gateway goes on for days."""


def signature_header(body: bytes, secret: str, *, at: int | None = None) -> str:
    """`t=<unix time>,v1=<HMAC-SHA256 of "<t>.<body>">`, the scheme of the Stripe-Signature header."""
    timestamp = int(time.time()) if at is None else at
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def event_body(kind: str, intent: Mapping[str, Any]) -> bytes:
    """An event object about a payment intent, as it is signed and sent."""
    event = {
        "id": f"evt_{secrets.token_hex(12)}",
        "object": "event",
        "type": kind,
        "created": int(time.time()),
        "livemode": False,
        "data": {"object": dict(intent)},
    }
    return json.dumps(event, ensure_ascii=False).encode()


class Callbacks:
    """Sends to one address; signs anew on every attempt, because signatures age."""

    def __init__(self, url: str, secret: str) -> None:
        self._url, self._secret = url, secret

    def send(self, kind: str, intent: Mapping[str, Any]) -> None:
        """Deliver in the background; the payer's answer does not wait for the merchant."""
        Thread(target=self._deliver, args=(event_body(kind, intent),), daemon=True).start()

    def _deliver(self, body: bytes) -> None:
        for pause_s in (*PAUSES_S, 0.0):
            if self._attempt(body):
                return
            time.sleep(pause_s)

    def _attempt(self, body: bytes) -> bool:
        headers = {
            "Stripe-Signature": signature_header(body, self._secret),
            "Content-Type": "application/json",
        }
        try:
            return requests.post(self._url, data=body, headers=headers, timeout=5).ok
        except requests.RequestException:
            return False
