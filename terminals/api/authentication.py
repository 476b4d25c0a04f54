"""Who is calling: a terminal proves itself with an HTTP message signature over this very request (RFC 9421)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from rest_framework import status
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.request import Request

from terminals.models import Terminal
from terminals.wire.errors import SignatureError
from terminals.wire.signature import SignedMessage, verify_request

DEFAULT_BODY_LIMIT: Final = 64 * 1024


class BodyTooLarge(APIException):
    """The body is larger than this address takes; refused before it is read."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"


@dataclass(frozen=True, slots=True)
class TerminalPrincipal:
    """The signed-in terminal, in the place of a user."""

    terminal: Terminal
    is_authenticated: bool = True


class TerminalSignature(BaseAuthentication):
    """DRF authentication by terminal signature. A request that does not prove itself is refused with 401 and a reason."""

    def authenticate(self, request: Request) -> tuple[TerminalPrincipal, None]:
        """The terminal; AuthenticationFailed with the reason as code, BodyTooLarge before the body is read."""
        _check_size(request)
        found: list[Terminal] = []

        def find_key(code: str) -> bytes | None:
            terminal = Terminal.objects.select_related("merchant").filter(
                code=code, state=Terminal.State.ACTIVE
            )
            found.extend(terminal)
            return bytes(found[0].public_key) if found else None

        tolerance = timedelta(seconds=settings.SIGNATURE_TOLERANCE_SECONDS)
        try:
            verify_request(_message(request), find_key=find_key, tolerance=tolerance)
        except SignatureError as error:
            raise AuthenticationFailed(str(error), code=error.code) from error
        return TerminalPrincipal(found[0]), None

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401."""
        return 'Signature realm="citizencard"'


def _message(request: Request) -> SignedMessage:
    method, url = str(request.method), request.build_absolute_uri()
    return SignedMessage(method, url, dict(request.headers), request._request.body)


def _check_size(request: Request) -> None:
    view = (request.parser_context or {}).get("view")
    limit = getattr(view, "body_limit", DEFAULT_BODY_LIMIT)
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if not announced.isdecimal() or not announced.isascii() or int(announced) > limit:
        raise BodyTooLarge(f"a body has at most {limit} bytes here")
