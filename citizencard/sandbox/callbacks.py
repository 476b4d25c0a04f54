"""Signed call-backs to the merchant, repeated with growing pauses until they are taken."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from threading import Thread
from typing import Any, Final

import requests

from citizencard.sandbox.refunds import settle
from citizencard.sandbox.store import Job, Store, event_about

PAUSES_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Between two attempts, and the last of them ever after for an hour; a real gateway goes on for days."""
ATTEMPTS_MAX: Final = 360
IDLE_S: Final = 0.05


def signature_header(body: bytes, secret: str, *, at: int | None = None) -> str:
    """`t=<unix time>,v1=<HMAC-SHA256 of "<t>.<body>">`, the scheme of the Stripe-Signature header."""
    timestamp = int(time.time()) if at is None else at
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def event_body(kind: str, thing: Mapping[str, Any]) -> bytes:
    """An event about an object, as it is signed and sent."""
    return json.dumps(event_about(kind, dict(thing)), ensure_ascii=False).encode()


class Clockwork:
    """Does what is due, in a thread: sends call-backs to one address and settles refunds.

    Call-backs are signed anew on every attempt, because signatures age.
    """

    def __init__(self, store: Store, url: str, secret: str) -> None:
        self._store, self._url, self._secret = store, url, secret

    def start(self) -> None:
        """Work in the background until the process ends; what is not done then, the next process does."""
        Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            if not self.work():
                time.sleep(IDLE_S)

    def work(self) -> bool:
        """Do one thing that is due; False when there is none."""
        with self._store.transaction():
            job = self._store.due()
        if job is None:
            return False
        taken = job.kind == "refund" or self._send(job.payload.encode())
        with self._store.transaction():
            self._store.done(job)
            if job.kind == "refund":
                settle(self._store, job.payload)
            elif not taken and job.attempts < ATTEMPTS_MAX:
                self._again(job)
        return True

    def _again(self, job: Job) -> None:
        pause_s = PAUSES_S[min(job.attempts, len(PAUSES_S) - 1)]
        self._store.later(job.kind, job.payload, after_s=pause_s, attempts=job.attempts + 1)

    def _send(self, body: bytes) -> bool:
        headers = {
            "Stripe-Signature": signature_header(body, self._secret),
            "Content-Type": "application/json",
        }
        try:
            return requests.post(self._url, data=body, headers=headers, timeout=5).ok
        except requests.RequestException:
            return False
