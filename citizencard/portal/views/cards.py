"""A citizen's cards: balance, latest uses, spending, and the whole statement."""

from __future__ import annotations

from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Citizen, FamilyLink
from accounts.selectors.registration import known_since
from accounts.services.registration import show_earlier
from citizencard.portal.access import for_citizen, login_name, own_card
from citizencard.portal.csv_file import statement_csv as as_csv
from citizencard.portal.movements import StatementPaginator, movement, parse_month, shown_of
from citizencard.portal.overview import card_views
from citizencard.privacy.selectors.retention import places_hidden_before
from terminals.selectors.statement import card_statement, statement_months

CSV_LINES = 100_000


@require_safe
@for_citizen
def home(request: HttpRequest, citizen: Citizen) -> HttpResponse:
    """Every card of the citizen, live ones first, and who has invited them."""
    invited = citizen.paid_by.filter(state=FamilyLink.State.INVITED).exists()
    context = {"citizen": citizen, "cards": card_views(citizen), "invited": invited}
    return render(request, "portal/home.html", context)


@require_safe
@for_citizen
def statement(request: HttpRequest, citizen: Citizen, card_id: int) -> HttpResponse:
    """Every movement of one card, by month and page."""
    card = own_card(citizen, card_id)
    months = statement_months(card=card, since=known_since(card))
    month = parse_month(request.GET.get("month", ""), months)
    pages = StatementPaginator(card, month, months[month] if month else sum(months.values()))
    context = {
        "card": card,
        "months": months,
        "month": month,
        "page": pages.get_page(request.GET.get("page")),
    }
    return render(request, "portal/statement.html", context)


@require_safe
@for_citizen
def statement_csv(request: HttpRequest, citizen: Citizen, card_id: int) -> HttpResponse:
    """The same movements as a file."""
    card = own_card(citizen, card_id)
    months = statement_months(card=card, since=known_since(card))
    month: date | None = parse_month(request.GET.get("month", ""), months)
    since, until = shown_of(card, month)
    lines = card_statement(card=card, limit=CSV_LINES, since=since, until=until)
    places_from = places_hidden_before(timezone.now())
    name = f"statement-{month:%Y-%m}.csv" if month else "statement.csv"
    return HttpResponse(
        as_csv(movement(line, places_from=places_from) for line in lines),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_POST
@for_citizen
def earlier(request: HttpRequest, citizen: Citizen, card_id: int) -> HttpResponse:
    """What the card did before it was registered is shown, or no longer."""
    card = own_card(citizen, card_id)
    show_earlier(card=card, shown="show" in request.POST, actor=login_name(citizen))
    return redirect("portal:statement", card.pk)
