"""Where an agent exchanges its code for the server's key. The code is the only credential."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from citizencard.bridge.errors import ForeignPage
from citizencard.bridge.services import pair_workstation
from citizencard.core.errors import CitizenCardError, InvalidField
from citizencard.core.keyservice.client import key_service
from citizencard.core.keyservice.signing import SignPurpose
from citizencard.core.problems import MEDIA_TYPE, problem_of
from citizencard.lockout import count_attempt, forget_attempts
from terminals.bridge.errors import GarbledMessage
from terminals.bridge.messages import Message

BODY_BYTES_MAX: Final = 1024
KEY_BYTES: Final = 32


@csrf_exempt  # no cookie counts here, and whatever a browser sends is refused
@require_POST
def pairings(request: HttpRequest) -> HttpResponse:
    """201 with the workstation's id, the hub's address and the server's key; otherwise problem details."""
    try:
        return JsonResponse(_pair(request), status=201)
    except CitizenCardError as error:
        return JsonResponse(problem_of(error), status=error.status, content_type=MEDIA_TYPE)


def _pair(request: HttpRequest) -> dict[str, Any]:
    # A browser puts the page's origin on every POST and its own words on every request; agents send neither.
    if "Origin" in request.headers or "Sec-Fetch-Site" in request.headers:
        raise ForeignPage
    address = request.META["REMOTE_ADDR"]
    subject = f"pairing:{address}"
    count_attempt(subject)
    try:
        message = Message.unpack(request.read(BODY_BYTES_MAX))
        code, public_key = message.text("code", 20), message.octets("public_key", KEY_BYTES, KEY_BYTES)
    except GarbledMessage as error:
        raise InvalidField("body", str(error)) from error
    # Asked first: without the key service the code is not used up.
    server_key = key_service().public_key(SignPurpose.CARD_BRIDGE)
    workstation = pair_workstation(code=code, public_key=public_key)
    forget_attempts(subject)
    return {
        "workstation": str(workstation.pk),
        "hub": settings.BRIDGE_URL,
        "origin": settings.BRIDGE_ORIGIN,
        "server_key": server_key.hex(),
    }
