"""A card blocked on suspicion: why, in words, and the holder's objection with one click."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.models import Citizen
from citizencard.core.calendar import shanghai
from citizencard.portal.access import for_citizen, login_name, own_card
from citizencard.portal.forms import AppealForm
from terminals.errors import NotAppealable
from terminals.selectors.appeals import appeal_policy, block_of
from terminals.services.appeals import file_appeal


@require_http_methods(["GET", "HEAD", "POST"])
@for_citizen
def card_block(request: HttpRequest, citizen: Citizen, card_id: int) -> HttpResponse:
    """The reasons, the button, and how far an objection has come. A card that is not blocked has no such page."""
    card = own_card(citizen, card_id)
    now = timezone.now()
    form = AppealForm(request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            file_appeal(
                card=card,
                citizen=citizen,
                actor=login_name(citizen),
                occurred_at=now,
                statement=form.cleaned_data["statement"],
            )
        except NotAppealable as refusal:
            form.refuse(refusal)
            status = refusal.status
        else:
            return redirect("portal:block", card.pk)
    block = block_of(card)
    if block is None:
        raise Http404
    today = shanghai(now).date()
    context = {
        "card": card,
        "form": form,
        "blocked": block,
        "appeal": block.appeal,
        "policy": appeal_policy(today),
        "is_late": block.appeal is not None and block.appeal.state == "open" and today > block.appeal.due_on,
    }
    return render(request, "portal/block.html", context, status=status)
