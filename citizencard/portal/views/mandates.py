"""Automatic top-up: when, how much, at most how much; agreed to at the gateway, stopped at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.errors import BalanceLimitExceeded, CardNotActive, MandateExists
from accounts.models import Card, Citizen, Mandate
from accounts.services.mandates import confirm_mandate, request_mandate, start_mandate, stop_mandate
from citizencard.core.errors import InvalidField
from citizencard.portal.access import for_citizen, login_name, own_card
from citizencard.portal.forms import MandateForm
from citizencard.portal.gateway_pages import consent_page
from citizencard.portal.pace import check_mandates

WATCHED_FOR: Final = timedelta(minutes=10)
"""So long the page looks again by itself whether the bank has agreed."""


@require_http_methods(["GET", "HEAD", "POST"])
@for_citizen
def card_mandates(request: HttpRequest, citizen: Citizen, card_id: int) -> HttpResponse:
    """What is agreed for a card, and the form for one more."""
    card = own_card(citizen, card_id)
    form = MandateForm(card, request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            _request(citizen, card, form.cleaned_data)
        except (BalanceLimitExceeded, CardNotActive, MandateExists, InvalidField) as refusal:
            form.refuse(refusal)
            status = refusal.status
        else:
            return redirect("portal:mandates", card.pk)
    mandates = list(
        Mandate.objects.filter(purse__card=card)
        .exclude(state=Mandate.State.STOPPED)
        .select_related("purse")
        .order_by("pk")
    )
    recent = timezone.now() - WATCHED_FOR
    requested = [each for each in mandates if each.state == Mandate.State.REQUESTED]
    context = {
        "card": card,
        "form": form,
        "mandates": [(each, consent_page(each)) for each in mandates],
        "look_again": not form.is_bound and any(each.requested_at > recent for each in requested),
        "is_possible": card.state == Card.State.ACTIVE and len(mandates) < len(card.purses.all()),
    }
    return render(request, "portal/mandates.html", context, status=status)


@require_POST
@for_citizen
def confirm(request: HttpRequest, citizen: Citizen, mandate_id: int) -> HttpResponse:
    """Ask the gateway now whether the citizen has agreed there; the first time, tell it what they are to agree to."""
    mandate = _own_mandate(citizen, mandate_id)
    if mandate.state == Mandate.State.REQUESTED and not mandate.setup_id:
        start_mandate(mandate=mandate)
    confirm_mandate(mandate=mandate, now=timezone.now())
    return redirect("portal:mandates", mandate.purse.card_id)


@require_POST
@for_citizen
def stop(request: HttpRequest, citizen: Citizen, mandate_id: int) -> HttpResponse:
    """From this moment on nothing is collected."""
    mandate = _own_mandate(citizen, mandate_id)
    stop_mandate(mandate=mandate, actor=login_name(citizen), occurred_at=timezone.now())
    return redirect("portal:mandates", mandate.purse.card_id)


def _request(citizen: Citizen, card: Card, asked: dict[str, Any]) -> None:
    now = timezone.now()
    check_mandates(citizen, now=now)
    kind = asked.pop("purse_kind")
    purse = next(purse for purse in card.purses.all() if purse.kind == kind)
    mandate = request_mandate(
        citizen=citizen, purse=purse, actor=login_name(citizen), occurred_at=now, **asked
    )
    start_mandate(mandate=mandate)


def _own_mandate(citizen: Citizen, mandate_id: int) -> Mandate:
    mandate = Mandate.objects.select_related("purse").filter(pk=mandate_id, citizen=citizen).first()
    if mandate is None:
        raise Http404
    return mandate
