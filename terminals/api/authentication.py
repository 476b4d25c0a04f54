"""Who is calling: a terminal proves itself with an HTTP message signature over this very request (RFC 9421)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from rest_framework import status
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.request import Request

from terminals.api.signing_keys import SigningKey, find_signing_key
from terminals.models import Terminal, TerminalKey
from terminals.wire.errors import SignatureError
from terminals.wire.signature import SignedMessage

DEFAULT_BODY_LIMIT: Final = 64 * 1024


class BodyTooLarge(APIException):
    """The body is larger than this address takes; refused before it is read."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"


@dataclass(frozen=True)
class TerminalPrincipal:
    """The signed-in terminal, in the place of a user, and the key it signed with."""

    signed_with: SigningKey
    is_authenticated: bool = True

    @cached_property
    def key(self) -> TerminalKey:
        """The key's row, with its terminal and merchant."""
        return TerminalKey.objects.select_related("terminal__merchant").get(pk=self.signed_with.id)

    @property
    def terminal(self) -> Terminal:
        """The terminal's row."""
        return self.key.terminal


class TerminalSignature(BaseAuthentication):
    """DRF authentication by terminal signature. A request that does not prove itself is refused with 401 and a reason."""

    def authenticate(self, request: Request) -> tuple[TerminalPrincipal, None]:
        """The terminal; AuthenticationFailed with the reason as code, BodyTooLarge before the body is read."""
        check_size(request)
        try:
            key = find_signing_key(_message(request))
        except SignatureError as error:
            raise AuthenticationFailed(str(error), code=error.code) from error
        return TerminalPrincipal(key), None

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401."""
        return 'Signature realm="citizencard"'


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
