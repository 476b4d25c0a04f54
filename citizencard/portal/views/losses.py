"""A card reported lost by its holder: at once, at any hour."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from accounts.models import Citizen
from citizencard.core.calendar import shanghai
from citizencard.core.errors import CitizenCardError
from citizencard.portal.access import for_citizen, login_name, own_card
from terminals.selectors.parameters import hot_list_policy
from terminals.services.hotlist import report_loss


@require_http_methods(["GET", "HEAD", "POST"])
@for_citizen
def card_lost(request: HttpRequest, citizen: Citizen, card_id: int) -> HttpResponse:
    """What follows from it, and the button. The home page tells that it is done."""
    card, now = own_card(citizen, card_id), timezone.now()
    refusal: CitizenCardError | None = None
    if request.method == "POST":
        try:
            report_loss(
                card=card,
                actor=login_name(citizen),
                reason=gettext("reported by the holder"),
                occurred_at=now,
            )
        except CitizenCardError as error:
            refusal = error
        else:
            return redirect("portal:home")
    context = {"card": card, "policy": hot_list_policy(shanghai(now).date()), "refusal": refusal}
    return render(request, "portal/lost.html", context, status=refusal.status if refusal else 200)
