"""The family: whose cards one tops up, who tops up one's own, and what they may see."""

from __future__ import annotations

import contextlib

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.errors import FamilyLinkExists
from accounts.models import Card, Citizen, FamilyLink
from accounts.selectors.family import family_view
from accounts.services.family import invite_member, join_family, leave_family, show_balance
from citizencard.core.errors import InvalidField
from citizencard.lockout import SignInLocked, count_attempt
from citizencard.portal.access import for_citizen, login_name
from citizencard.portal.forms import InviteForm, JoinForm


@require_http_methods(["GET", "HEAD", "POST"])
@for_citizen
def members(request: HttpRequest, citizen: Citizen) -> HttpResponse:
    """Everybody on either side, and the invitation of one more.

    Whether a card number belongs to anybody is not told: every invitation gets the same answer and is shown here only
    when it is accepted. Tries are counted as wrong passwords are.
    """
    form = InviteForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            _invite(citizen, form.cleaned_data["card_number"])
        except (InvalidField, SignInLocked) as refusal:
            form.refuse(refusal)
            status = refusal.status
        else:
            messages.success(
                request, _("If this card is registered, its holder now finds your invitation here.")
            )
            return redirect("portal:family")
    payers = citizen.paid_by.exclude(state=FamilyLink.State.ENDED).select_related("payer").order_by("pk")
    context = {
        "form": form,
        "join_form": JoinForm(),
        "members": [member for member in family_view(citizen) if member.state == FamilyLink.State.ACTIVE],
        "payers": list(payers),
    }
    return render(request, "portal/family.html", context, status=status)


@require_POST
@for_citizen
def join(request: HttpRequest, citizen: Citizen, link_id: int) -> HttpResponse:
    """The member agrees that somebody pays for them."""
    join_family(
        link=get_object_or_404(citizen.paid_by, pk=link_id),
        sees_balance=_sees_balance(request),
        actor=login_name(citizen),
        occurred_at=timezone.now(),
    )
    return redirect("portal:family")


@require_POST
@for_citizen
def balance(request: HttpRequest, citizen: Citizen, link_id: int) -> HttpResponse:
    """The member shows the balance or hides it."""
    show_balance(
        link=get_object_or_404(citizen.paid_by, pk=link_id),
        sees_balance=_sees_balance(request),
        actor=login_name(citizen),
    )
    return redirect("portal:family")


@require_POST
@for_citizen
def leave(request: HttpRequest, citizen: Citizen, link_id: int) -> HttpResponse:
    """Either side ends it, or declines."""
    own = citizen.paid_by.filter(pk=link_id) | citizen.pays_for.filter(pk=link_id)
    leave_family(link=get_object_or_404(own), actor=login_name(citizen), occurred_at=timezone.now())
    return redirect("portal:family")


def _invite(citizen: Citizen, card_number: str) -> None:
    count_attempt(f"family:{citizen.pk}")
    card = Card.objects.select_related("citizen").filter(pan=card_number).first()
    if card is None or card.citizen is None:
        return
    with contextlib.suppress(FamilyLinkExists):
        invite_member(
            payer=citizen, member=card.citizen, actor=login_name(citizen), occurred_at=timezone.now()
        )


def _sees_balance(request: HttpRequest) -> bool:
    """The member's choice: a box that is not ticked is not sent."""
    form = JoinForm(request.POST)
    form.full_clean()
    return bool(form.cleaned_data["sees_balance"])
