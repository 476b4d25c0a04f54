"""The ride code of a card's online account: for one ride, for a minute, renewed by the page itself."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from accounts.errors import CardNotActive, NoAccountPurse
from accounts.models import Citizen
from citizencard.core.errors import KeyServiceUnavailable
from citizencard.portal.access import for_citizen, own_card
from citizencard.portal.qr import qr_svg
from terminals.errors import RideCodeWithoutMoney
from terminals.services.ride_codes import issue_ride_code

RENEW_BEFORE_S = 10
"""So long before its end a code is replaced on the screen: time enough to be scanned."""


@require_safe
@for_citizen
def ride_code(request: HttpRequest, citizen: Citizen, card_id: int) -> HttpResponse:
    """A new code with every request; what stands in the way is said instead."""
    card = own_card(citizen, card_id)
    try:
        issued = issue_ride_code(card=card)
    except (CardNotActive, NoAccountPurse, RideCodeWithoutMoney, KeyServiceUnavailable) as refusal:
        return render(
            request, "portal/ride_code.html", {"card": card, "refusal": refusal}, status=refusal.status
        )
    left = int((issued.expires_at - timezone.now()).total_seconds())
    context = {
        "card": card,
        "issued": issued,
        "renew_s": max(5, left - RENEW_BEFORE_S),
        # Drawn by the library from our own text.
        "picture": mark_safe(qr_svg(issued.text)),  # noqa: S308
    }
    return render(request, "portal/ride_code.html", context)
