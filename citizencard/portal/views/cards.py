"""A citizen's cards: balance, latest uses, spending, and the whole statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import Card, Citizen, TopUpOrder
from citizencard.portal.access import for_citizen, own_card
from citizencard.portal.csv_file import statement_csv as as_csv
from citizencard.portal.movements import (
    Movement,
    Spending,
    StatementPaginator,
    latest_spending,
    movement,
    parse_month,
)
from terminals.selectors.statement import card_statement, month_bounds, statement_months

LATEST = 8
CSV_LINES = 100_000


@dataclass(frozen=True)
class CardView:
    """All the home page shows of one card."""

    card: Card
    latest: list[Movement]
    spending: Spending
    in_transit: list[TopUpOrder]


@require_safe
@for_citizen
def home(request: HttpRequest, citizen: Citizen) -> HttpResponse:
    """Every card of the citizen, live ones first."""
    cards = citizen.cards.exclude(state__in=[Card.State.BLANK, Card.State.PERSONALISED])
    views = [_view(card) for card in cards.select_related("product").prefetch_related("purses").order_by("state", "-pk")]
    return render(request, "portal/home.html", {"citizen": citizen, "cards": views, "now": timezone.now()})


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
    name = f"statement-{month:%Y-%m}.csv" if month else "statement.csv"
    return HttpResponse(
        as_csv(movement(line) for line in lines),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _view(card: Card) -> CardView:
    in_transit = card.topups.filter(state__in=[TopUpOrder.State.PAID, TopUpOrder.State.LOADED])
    return CardView(
        card=card,
        latest=[movement(line) for line in card_statement(card=card, limit=LATEST)],
        spending=latest_spending(card),
        in_transit=list(in_transit.order_by("pk")),
    )
