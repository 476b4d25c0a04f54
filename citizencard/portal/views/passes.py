"""Passes: what a card holds, what can be bought from its online account."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts import errors
from accounts.models import Card, Citizen, Pass
from accounts.selectors import passes
from accounts.services.passes import sell_pass
from citizencard.core.calendar import shanghai
from citizencard.core.errors import InvalidField
from citizencard.portal.access import for_citizen, login_name, own_card
from citizencard.portal.forms import PassForm
from terminals.models import Channel

_REFUSALS = (
    errors.CardNotActive,
    errors.ConcessionUnproven,
    errors.LimitExceeded,
    errors.NoAccountPurse,
    errors.PassAlreadyRunning,
    errors.PassNotOnSale,
    errors.PurseFloorReached,
    InvalidField,
)


@require_http_methods(["GET", "HEAD", "POST"])
@for_citizen
def card_passes(request: HttpRequest, citizen: Citizen, card_id: int) -> HttpResponse:
    """The card's passes, those on sale, and the purchase."""
    card = own_card(citizen, card_id)
    asked = request.POST.get("code", "")
    form = PassForm(request.POST or None, auto_id=f"{asked}_%s")
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            _buy(citizen, card, form.cleaned_data)
        except _REFUSALS as refusal:
            form.refuse(refusal)
            status = refusal.status
        else:
            return redirect("portal:passes", card.pk)
    today = shanghai(timezone.now()).date()
    context = {
        "card": card,
        "passes": list(passes.card_passes(card)),
        "on_sale": [
            (
                product,
                _places(product.channels),
                form if product.code == asked else _form(product.code, today),
            )
            for product in passes.passes_on_sale(today)
        ],
        "is_active": card.state == Card.State.ACTIVE,
    }
    return render(request, "portal/passes.html", context, status=status)


def _buy(citizen: Citizen, card: Card, asked: dict[str, Any]) -> Pass:
    return sell_pass(
        card=card,
        code=asked["code"],
        starts_on=asked["starts_on"],
        paid_by=Pass.PaidBy.PURSE,
        number=f"PO{asked['request_key']}",
        actor=login_name(citizen),
        occurred_at=timezone.now(),
    )


def _form(code: str, today: date) -> PassForm:
    """The form of one pass; there is one for each on the page."""
    return PassForm(initial={"code": code, "starts_on": today}, auto_id=f"{code}_%s")


def _places(channels: list[str]) -> str:
    return "、".join(str(Channel(channel).label) for channel in channels if channel in Channel.values)
