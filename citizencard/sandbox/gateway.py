"""A payment gateway in one WSGI application: the payment-intents API, signed call-backs, and a page to pay on.

It speaks enough of the API for `accounts.gateway.stripe_compatible` to work over real HTTP: create, retrieve, confirm and
cancel with idempotency keys and API errors. Payments are kept in memory and no money moves anywhere.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from citizencard.sandbox.callbacks import Callbacks
from citizencard.sandbox.intents import DECLINED_CARD, IntentStore, Refused
from citizencard.sandbox.page import pay_page

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

BODY_MAX_BYTES: Final = 64 * 1024
_ROUTE: Final = re.compile(
    r"/(?P<area>v1/payment_intents|pay)(?:/(?P<id>pi_\w+))?(?:/(?P<verb>confirm|cancel))?"
)
Answer = tuple[int, str, bytes, dict[str, str]]


class SandboxGateway:
    """The application; `notify` is called with event kind and intent after every change."""

    def __init__(self, *, api_key: str, notify: Callable[[str, dict[str, Any]], None]) -> None:
        self.intents = IntentStore()
        self._api_key, self._notify = api_key, notify

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            status, kind, body, headers = self._route(environ)
        except Refused as refusal:
            error = {"type": refusal.kind, "code": refusal.code, "message": refusal.message}
            status, kind, body, headers = _json(refusal.status, {"error": error})
        reply = {"Content-Type": kind, "Content-Length": str(len(body)), **headers}
        start_response(f"{status} {HTTPStatus(status).phrase}", list(reply.items()))
        return [body]

    def _route(self, environ: WSGIEnvironment) -> Answer:
        route = _ROUTE.fullmatch(environ["PATH_INFO"])
        if route is None:
            raise Refused(404, "invalid_request_error", "resource_missing", "Unrecognized request URL.")
        params = _form(environ)
        if route["area"] == "pay" and route["id"] and not route["verb"]:
            return self._page(environ["REQUEST_METHOD"], route["id"], params)
        if not hmac.compare_digest(environ.get("HTTP_AUTHORIZATION", ""), f"Bearer {self._api_key}"):
            raise Refused(401, "invalid_request_error", "api_key_invalid", "Invalid API Key provided.")
        match environ["REQUEST_METHOD"], route["id"], route["verb"]:
            case "POST", None, None:
                return self._create(params, environ.get("HTTP_IDEMPOTENCY_KEY", ""))
            case "GET", str(intent_id), None:
                return _json(200, self.intents.get(intent_id).to_json())
            case "POST", str(intent_id), "confirm":
                return _json(200, self._pay(intent_id, params.get("payment_method", "")))
            case "POST", str(intent_id), "cancel":
                intent = self.intents.cancel(intent_id).to_json()
                self._notify("payment_intent.canceled", intent)
                return _json(200, intent)
        raise Refused(405, "invalid_request_error", "method_not_allowed", "Method not allowed.")

    def _create(self, params: dict[str, str], idempotency_key: str) -> Answer:
        intent, replayed = self.intents.create(params, idempotency_key)
        status, kind, body, _headers = _json(200, intent.to_json())
        return status, kind, body, {"Idempotent-Replayed": "true"} if replayed else {}

    def _pay(self, intent_id: str, payment_method: str) -> dict[str, Any]:
        try:
            intent = self.intents.confirm(intent_id, payment_method).to_json()
        except Refused as refusal:
            if refusal.status == HTTPStatus.PAYMENT_REQUIRED:
                self._notify("payment_intent.payment_failed", self.intents.get(intent_id).to_json())
            raise
        self._notify("payment_intent.succeeded", intent)
        return intent

    def _page(self, method: str, intent_id: str, params: dict[str, str]) -> Answer:
        notice = ""
        if method == "POST":
            try:
                self._pay(intent_id, DECLINED_CARD if params.get("do") == "decline" else "pm_card_visa")
            except Refused as refusal:
                notice = refusal.message
        return 200, "text/html; charset=utf-8", pay_page(self.intents.get(intent_id), notice), {}


def sandbox_gateway(*, api_key: str, webhook_url: str, webhook_secret: str) -> SandboxGateway:
    """The application that reports every payment to `webhook_url`."""
    return SandboxGateway(api_key=api_key, notify=Callbacks(webhook_url, webhook_secret).send)


def _form(environ: WSGIEnvironment) -> dict[str, str]:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > BODY_MAX_BYTES:
        raise Refused(413, "invalid_request_error", "body_too_large", "The body is too large.")
    return dict(parse_qsl(environ["wsgi.input"].read(length).decode("utf-8", "replace")))


def _json(status: int, content: dict[str, Any]) -> Answer:
    return status, "application/json", json.dumps(content, ensure_ascii=False).encode(), {}
