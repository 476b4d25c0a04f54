"""The statement of a card's online account."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.models import Card, Citizen, Purse
from citizencard.portal.access import for_citizen, own_card
from citizencard.portal.account_lines import CSV_LINES, account_page
from citizencard.portal.csv_file import statement_csv as as_csv


@require_safe
@for_citizen
def statement(request: HttpRequest, citizen: Citizen, card_id: int) -> HttpResponse:
    """Every movement of the online account, newest first."""
    card = own_card(citizen, card_id)
    purse = _account_purse(card)
    before = request.GET.get("before", "")
    context = {
        "card": card,
        "purse": purse,
        "page": account_page(card, purse.account_id, before),
        "is_first": not before,
    }
    return render(request, "portal/online.html", context)


@require_safe
@for_citizen
def statement_csv(request: HttpRequest, citizen: Citizen, card_id: int) -> HttpResponse:
    """The same movements as a file."""
    card = own_card(citizen, card_id)
    purse = _account_purse(card)
    return HttpResponse(
        as_csv(account_page(card, purse.account_id, "", limit=CSV_LINES).lines),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="online-account.csv"'},
    )


def _account_purse(card: Card) -> Purse:
    """Raises Http404 where the product has none."""
    purse = next((purse for purse in card.purses.all() if purse.kind == Purse.Kind.ACCOUNT), None)
    if purse is None:
        raise Http404
    return purse
