"""A new card is activated by who holds it: the document proves it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.models import Citizen
from citizencard.core.errors import CitizenCardError
from citizencard.portal.access import for_citizen, login_name, own_card
from citizencard.portal.forms import ActivationForm
from terminals.services.usable import activate


@require_http_methods(["GET", "HEAD", "POST"])
@for_citizen
def card_activate(request: HttpRequest, citizen: Citizen, card_id: int) -> HttpResponse:
    """The form, or the refusal beside it; the home page tells that it is done."""
    card, status = own_card(citizen, card_id), 200
    form = ActivationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            activate(
                card=card,
                document_number=form.cleaned_data["document_number"],
                actor=login_name(citizen),
                occurred_at=timezone.now(),
            )
        except CitizenCardError as refusal:
            form.refuse(refusal)
            status = refusal.status
        else:
            return redirect("portal:home")
    return render(request, "portal/activate.html", {"card": card, "form": form}, status=status)
