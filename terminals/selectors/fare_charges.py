"""What a card's rides cost and why, for its holder."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from accounts.models import Card
from terminals.models import FareCharge
from terminals.selectors.statement import StatementLine


def priced_taps(card: Card, lines: Iterable[StatementLine]) -> set[tuple[date, int]]:
    """Which taps among statement lines have a charge, by business date and counter. One query."""
    days = {line.business_date for line in lines if line.business_date is not None}
    counters = {line.atc for line in lines if line.atc is not None}
    if not days:
        return set()
    found = FareCharge.objects.filter(card_id=card.pk, business_date__in=days, atc__in=counters)
    return set(found.values_list("business_date", "atc"))


def ride_versions(card: Card, day: date, atc: int) -> list[FareCharge]:
    """Every version of a ride's charge, the newest first."""
    found = FareCharge.objects.filter(card_id=card.pk, business_date=day, atc=atc)
    return list(found.order_by("-version"))
