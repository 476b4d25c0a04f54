"""Where the payment gateway calls back. Its signature is the only credential."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.models import GatewayEvent
from accounts.services.gateway_events import handle_gateway_event
from citizencard.core.errors import CitizenCardError
from citizencard.core.problems import MEDIA_TYPE, problem, problem_of

BODY_MAX_BYTES: Final = 256 * 1024


@csrf_exempt
@require_POST
def gateway_webhook(request: HttpRequest) -> HttpResponse:
    """200 once the message is dealt with (also when it was before); otherwise problem details, and it is sent again."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > BODY_MAX_BYTES:
        body = problem(413, "body_too_large", f"A call-back has at most {BODY_MAX_BYTES} bytes.")
        return JsonResponse(body, status=413, content_type=MEDIA_TYPE)
    signature = request.headers.get("Stripe-Signature", "")
    try:
        event = handle_gateway_event(body=request.body, signature=signature)
    except CitizenCardError as error:
        return JsonResponse(problem_of(error), status=error.status, content_type=MEDIA_TYPE)
    return JsonResponse({"received": True, "booked": event.outcome == GatewayEvent.Outcome.BOOKED})
