"""The short way of an online purchase through the web application: in front of all that pages need and terminals do not.

Only an acceptance is answered here. Everything else, from a foreign signature to a card on the hot list, goes on to the
view, which begins anew and says what is wrong: the two ways never tell a terminal different things.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

from terminals.api.answers import told_answer
from terminals.api.limits import TAP_BYTES
from terminals.api.signing_keys import recall_signing_key
from terminals.services.online.purchase import Sender, accept_at_once
from terminals.wire.signature import SignedMessage

_PATH: Final = "/api/v1/taps"
_JSON: Final = "application/json"
_ACCEPTED: Final = ("*/*", _JSON)


class PurchasesAtOnce:
    """Middleware that answers `POST /api/v1/taps` when the purchase is simply accepted."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info == _PATH and _is_plain(request):
            answer = _accepted(request)
            if answer is not None:
                return answer
        return self._get_response(request)


def _accepted(request: HttpRequest) -> HttpResponse | None:
    body = request.body
    message = SignedMessage("POST", request.build_absolute_uri(), dict(request.headers), body)
    key = recall_signing_key(message)
    if key is None:
        return None
    answer = accept_at_once(sender=Sender(key.terminal_id, key.id, key.terminal_no), body=body)
    return None if answer is None else told_answer(answer)


def _is_plain(request: HttpRequest) -> bool:
    """A record of a permitted size as such, for somebody who takes JSON."""
    meta = request.META
    length = meta.get("CONTENT_LENGTH") or ""
    return (
        request.method == "POST"
        and meta.get("CONTENT_TYPE") == _JSON
        and meta.get("HTTP_ACCEPT", "*/*") in _ACCEPTED
        and "HTTP_CONTENT_ENCODING" not in meta
        and length.isascii()
        and length.isdecimal()
        and int(length) <= TAP_BYTES
    )
