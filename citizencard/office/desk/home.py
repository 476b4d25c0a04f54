"""The desk's first page: one box that finds people and cards, the card on the reader, and what the clerk has not ended."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.models import Card
from accounts.selectors.issuing import open_applications
from accounts.selectors.people import find_people
from citizencard.bridge.desk import card_here
from citizencard.core.errors import CitizenCardError
from citizencard.office.desk.forms import SearchForm
from citizencard.office.desk.halls import hall_here, halls, sit_down
from terminals.services.issuing import card_lying_there

PURPOSE: Final = "find card"
"""In the audit trail and on the workstation's console."""
LARGE_TEXT: Final = "desk_large"
"""Session key; the desk's base template looks at it."""
_may_search = permission_required(["accounts.view_citizen", "accounts.view_card"], raise_exception=True)


@_may_search
def home_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """GET: the box. POST: whom or what its words may mean, masked."""
    form = SearchForm(request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {"form": form, "searched": False}
    if form.is_valid():
        try:
            context |= _found(form.cleaned_data["text"])
        except CitizenCardError as refusal:
            form.add_error(None, str(refusal))
    context |= {
        "hall": hall_here(request),
        "halls": halls(),
        "applications": open_applications(request.user.get_username()),
        "may_read": request.user.has_perm("bridge.use_reader"),
        "may_issue": request.user.has_perm("accounts.issue_card"),
    }
    return TemplateResponse(
        request,
        "office/desk/home.html",
        {**site.each_context(request), "title": _("Service desk"), **context},
    )


@require_POST
@_may_search
def hall_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """The clerk says in which hall the desk stands."""
    sit_down(request, request.POST.get("hall", ""))
    return _home()


@require_POST
@_may_search
def text_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Larger letters, for a customer who reads along; once more, as before."""
    request.session[LARGE_TEXT] = not request.session.get(LARGE_TEXT, False)
    return _home()


@require_POST
@permission_required("bridge.use_reader", raise_exception=True)
def read_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """To the page of the card on the reader."""
    try:
        with card_here(request, purpose=PURPOSE) as transport:
            card = card_lying_there(transport)
    except CitizenCardError as refusal:
        messages.error(request, str(refusal))
        return _home()
    return HttpResponseRedirect(reverse("admin:accounts_card_change", args=[card.pk]))


def _found(text: str) -> dict[str, Any]:
    """People, and a card that nobody's name stands on."""
    number = "".join(text.split())
    return {
        "searched": True,
        "people": find_people(text),
        "cards": Card.objects.filter(pan=number, citizen=None).select_related("product"),
    }


def _home() -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:desk"))
