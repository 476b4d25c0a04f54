"""A payment gateway in one WSGI application: the API, signed call-backs, and the pages on which people pay and agree.

It speaks enough of the API for `accounts.gateway.stripe_compatible` to work over real HTTP: payments, refunds, mandates and
lists, with idempotency keys and API errors. No money moves anywhere.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from citizencard.sandbox import operations, pages
from citizencard.sandbox.callbacks import Clockwork
from citizencard.sandbox.forms import nested
from citizencard.sandbox.store import Object, Refused, Store

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

BODY_MAX_BYTES: Final = 64 * 1024
_PAGE: Final = re.compile(r"/(pay|mandate)/(\w+)")
_KEPT: Final = (HTTPStatus.OK, HTTPStatus.PAYMENT_REQUIRED)
"""Answers that an idempotency key brings again: the API keeps what was carried out, not what was refused as invalid."""
Answer = tuple[int, str, bytes, dict[str, str]]


class SandboxGateway:
    """The application; `portal` is where the pages lead people back to."""

    def __init__(self, store: Store, *, api_key: str, portal: str = "/") -> None:
        self._store, self._api_key, self._portal = store, api_key, portal

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            status, kind, body, headers = self._route(environ)
        except Refused as refusal:
            status, kind, body, headers = _json(refusal.status, {"error": refusal.error})
        reply = {"Content-Type": kind, "Content-Length": str(len(body)), **headers}
        start_response(f"{status} {HTTPStatus(status).phrase}", list(reply.items()))
        return [body]

    def _route(self, environ: WSGIEnvironment) -> Answer:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        form = _form(environ)
        if page := _PAGE.fullmatch(path):
            with self._store.transaction():
                html = pages.answer(self._store, page[1], page[2], nested(form), portal=self._portal)
            return 200, "text/html; charset=utf-8", html, {}
        if not hmac.compare_digest(environ.get("HTTP_AUTHORIZATION", ""), f"Bearer {self._api_key}"):
            raise Refused(401, "invalid_request_error", "", "Invalid API Key provided.")
        with self._store.transaction():
            if method == "POST":
                return self._once(environ.get("HTTP_IDEMPOTENCY_KEY", ""), path, form)
            return _json(200, operations.answer(self._store, method, path, nested(form)))

    def _once(self, key: str, path: str, form: str) -> Answer:
        """Carry a POST out, or answer as when this key was used first. Raises Refused (400) for the key's other use."""
        asked = f"{path}?{form}"
        if earlier := self._store.answer(key):
            if earlier[0] != asked:
                words = "Keys for idempotent requests can only be used with the same parameters."
                raise Refused(400, "idempotency_error", "", words)
            return earlier[1], "application/json", earlier[2].encode(), {"Idempotent-Replayed": "true"}
        try:
            answer = _json(200, operations.answer(self._store, "POST", path, nested(form)))
        except Refused as refusal:
            answer = _json(refusal.status, {"error": refusal.error})
        if key and answer[0] in _KEPT:
            self._store.keep_answer(key, asked, answer[0], answer[2].decode())
        return answer


def sandbox_gateway(
    *, api_key: str, webhook_url: str, webhook_secret: str, state: str = ":memory:"
) -> SandboxGateway:
    """The application that reports everything to `webhook_url`; `state` is a file that outlives it."""
    store = Store(state)
    Clockwork(store, webhook_url, webhook_secret).start()
    origin = urlsplit(webhook_url)
    return SandboxGateway(store, api_key=api_key, portal=f"{origin.scheme}://{origin.netloc}/")


def _form(environ: WSGIEnvironment) -> str:
    """The parameters as sent: of a POST in its body, otherwise in the query."""
    if environ["REQUEST_METHOD"] != "POST":
        return str(environ.get("QUERY_STRING", ""))
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > BODY_MAX_BYTES:
        raise Refused(413, "invalid_request_error", "", "The body is too large.")
    body: bytes = environ["wsgi.input"].read(length)
    return body.decode("utf-8", "replace")


def _json(status: int, content: Object) -> Answer:
    return status, "application/json", json.dumps(content, ensure_ascii=False).encode(), {}
