"""Who is calling: a terminal proves itself with an HTTP message signature over this very request (RFC 9421)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db.models import F
from django.utils import timezone
from rest_framework import status
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.request import Request

from terminals.models import Terminal, TerminalKey
from terminals.wire.errors import SignatureError
from terminals.wire.signature import SignedMessage, verify_request

DEFAULT_BODY_LIMIT: Final = 64 * 1024
KEYS_TRIED: Final = 4
"""The present key, its predecessor, and the last ones that were revoked: a forged request costs no more tries."""


class BodyTooLarge(APIException):
    """The body is larger than this address takes; refused before it is read."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"


@dataclass(frozen=True, slots=True)
class TerminalPrincipal:
    """The signed-in terminal, in the place of a user, and the key it signed with."""

    terminal: Terminal
    key: TerminalKey
    is_authenticated: bool = True


class TerminalSignature(BaseAuthentication):
    """DRF authentication by terminal signature. A request that does not prove itself is refused with 401 and a reason."""

    def authenticate(self, request: Request) -> tuple[TerminalPrincipal, None]:
        """The terminal; AuthenticationFailed with the reason as code, BodyTooLarge before the body is read."""
        check_size(request)
        try:
            key = _signing_key(_message(request))
            _check_key(key)
        except SignatureError as error:
            raise AuthenticationFailed(str(error), code=error.code) from error
        return TerminalPrincipal(key.terminal, key), None

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401."""
        return 'Signature realm="citizencard"'


def _signing_key(message: SignedMessage) -> TerminalKey:
    """The key that the request is signed with, whether it still counts or not: only who holds one is told of its end.

    While a key is rotated there are two to try, newest first; older ones are tried last.
    """
    keys: list[TerminalKey] = []
    tolerance = timedelta(seconds=settings.SIGNATURE_TOLERANCE_SECONDS)

    def find_key(code: str) -> bytes | None:
        if not keys:
            known = TerminalKey.objects.filter(terminal__code=code).select_related("terminal__merchant")
            keys.extend(known.order_by(F("revoked_at").desc(nulls_first=True), "-pk")[:KEYS_TRIED])
        return bytes(keys[0].public_key) if keys else None

    while True:
        try:
            verify_request(message, find_key=find_key, tolerance=tolerance)
        except SignatureError as error:
            if error.code != "signature_invalid" or len(keys) < 2:
                raise
            del keys[0]
        else:
            return keys[0]


def _check_key(key: TerminalKey) -> None:
    """Raise SignatureError with `key_revoked` or `key_expired`."""
    if key.revoked_at is not None:
        raise SignatureError("key_revoked", f"the key was revoked at {key.revoked_at.isoformat()}")
    if key.valid_until is not None and key.valid_until <= timezone.now():
        raise SignatureError("key_expired", f"the key was followed by another until {key.valid_until}")


def _message(request: Request) -> SignedMessage:
    method, url = str(request.method), request.build_absolute_uri()
    return SignedMessage(method, url, dict(request.headers), request._request.body)


def check_size(request: Request) -> None:
    """Raise BodyTooLarge for more than the view's `body_limit`, before anything is read."""
    view = (request.parser_context or {}).get("view")
    limit = getattr(view, "body_limit", DEFAULT_BODY_LIMIT)
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if not announced.isdecimal() or not announced.isascii() or int(announced) > limit:
        raise BodyTooLarge(f"a body has at most {limit} bytes here")
