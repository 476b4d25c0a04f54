"""Who may see what in the portal: a signed-in citizen their own cards, nobody anything else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache

from accounts.errors import NotAGuardian
from accounts.models import Card, Citizen
from accounts.selectors.registration import known_since
from accounts.services.guardians import require_guardian
from citizencard.core.calendar import shanghai

P = ParamSpec("P")
CitizenView = Callable[Concatenate[HttpRequest, Citizen, P], HttpResponse]
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def for_citizen(view: CitizenView[P]) -> View[P]:
    """Call the view with the signed-in citizen. Others sign in first; staff have their own house, the office."""

    @wraps(view)
    def inner(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        citizen = getattr(request.user, "citizen", None)
        if citizen is None:
            return redirect("admin:index")
        return view(request, citizen, *args, **kwargs)

    return cast("View[P]", never_cache(login_required(inner)))


def card_in_care(citizen: Citizen, card_id: int) -> Card:
    """The citizen's card, or one of a child whose guardian they are. Raises Http404 as `own_card`, KeyServiceUnavailable."""
    ward = Citizen.objects.filter(cards=card_id).exclude(pk=citizen.pk).first()
    if ward is None:
        return own_card(citizen, card_id)
    try:
        require_guardian(guardian=citizen, ward=ward, day=shanghai(timezone.now()).date())
    except NotAGuardian as error:
        raise Http404 from error
    return own_card(ward, card_id)


def own_card(citizen: Citizen, card_id: int) -> Card:
    """The citizen's card. Raises Http404 for anybody else's: that it exists is nobody's business."""
    card = (
        Card.objects.select_related("product", "registration")
        .prefetch_related("purses")
        .filter(pk=card_id, citizen=citizen)
        .first()
    )
    if card is None:
        raise Http404
    return card


def demand_shown(card: Card, day: date | None) -> None:
    """Raises Http404 for a day before the card was registered, unless its holder has asked for what was before."""
    known = known_since(card)
    if known is not None and day is not None and day < shanghai(known).date():
        raise Http404


def login_name(citizen: Citizen) -> str:
    """Who the audit trail names for what a citizen does here."""
    return f"citizen:{citizen.pk}"
