"""From where a request comes: behind a reverse proxy the address is the one the proxy saw, not the proxy's own."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse

from citizencard.core.audit import called_from


class CallersAddress:
    """Takes REMOTE_ADDR from X-Forwarded-For where BEHIND_PROXY says that a proxy writes it; rate limits and audit use it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.BEHIND_PROXY:
            raise MiddlewareNotUsed
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # The proxy appends what it saw; everything before it is whatever the caller wrote.
        seen = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        if seen:
            request.META["REMOTE_ADDR"] = seen
        return self._get_response(request)


class AuditedAddress:
    """Whatever is audited while the request is answered says from where it was asked for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with called_from(request.META.get("REMOTE_ADDR", "")):
            return self._get_response(request)
