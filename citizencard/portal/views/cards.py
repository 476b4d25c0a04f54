"""A citizen's cards: balance, latest uses, spending, and the whole statement."""

from __future__ import annotations

from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import Citizen, FamilyLink
from citizencard.portal.access import for_citizen, own_card
from citizencard.portal.csv_file import statement_csv as as_csv
from citizencard.portal.movements import StatementPaginator, movement, parse_month
from citizencard.portal.overview import card_views
from citizencard.privacy.selectors.retention import places_hidden_before
from terminals.selectors.statement import card_statement, month_bounds, statement_months

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
    months = statement_months(card=card)
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
    month: date | None = parse_month(request.GET.get("month", ""), statement_months(card=card))
    since, until = month_bounds(month) if month else (None, None)
    lines = card_statement(card=card, limit=CSV_LINES, since=since, until=until)
    places_from = places_hidden_before(timezone.now())
    name = f"statement-{month:%Y-%m}.csv" if month else "statement.csv"
    return HttpResponse(
        as_csv(movement(line, places_from=places_from) for line in lines),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
