"""A card reported lost by its holder, or a child's by a guardian, for now or for good, and found again: at any hour."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Citizen, Replacement
from citizencard.core.calendar import shanghai
from citizencard.core.errors import CitizenCardError
from citizencard.portal.access import card_in_care, for_citizen, login_name
from citizencard.portal.forms import LossForm
from terminals.models import LossReport
from terminals.selectors.parameters import hot_list_policy
from terminals.services.losses import lift_loss, report_card_lost, standing_report


@require_http_methods(["GET", "HEAD", "POST"])
@for_citizen
def card_lost(request: HttpRequest, citizen: Citizen, card_id: int) -> HttpResponse:
    """What follows from it, and the form; afterwards the report that stands, with its number and exact time."""
    card, now, status = card_in_care(citizen, card_id), timezone.now(), 200
    form = LossForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            report_card_lost(
                card=card,
                kind=form.cleaned_data["kind"],
                channel=LossReport.Channel.PORTAL,
                actor=login_name(citizen),
                reason=gettext("reported in the portal"),
                occurred_at=now,
            )
        except CitizenCardError as refusal:
            form.refuse(refusal)
            status = refusal.status
        else:
            return redirect("portal:lost", card.pk)
    policy = hot_list_policy(shanghai(now).date())
    context = {
        "card": card,
        "form": form,
        "policy": policy,
        "report": standing_report(card),
        "replacement": Replacement.objects.select_related("new").filter(old=card).first(),
    }
    return render(request, "portal/lost.html", context, status=status)


@require_POST
@for_citizen
def card_found(request: HttpRequest, citizen: Citizen, card_id: int) -> HttpResponse:
    """A card that was reported for now is back; the home page tells that it works again."""
    try:
        lift_loss(
            card=card_in_care(citizen, card_id),
            actor=login_name(citizen),
            reason=gettext("taken back in the portal"),
            occurred_at=timezone.now(),
        )
    except CitizenCardError:
        return redirect("portal:lost", card_id)
    return redirect("portal:home")
