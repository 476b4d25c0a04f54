"""A day of a small city: three busy merchants, an idle one, and every outcome a tap can have."""

from __future__ import annotations

from datetime import date

from benchmarks.city import Purchase, found_city, tap
from terminals.models import Tap

DAY = date(2026, 11, 2)
NEXT_DAY = date(2026, 11, 3)
PURCHASES = (
    Purchase(1, 1, 200),
    Purchase(1, 2, 350),
    Purchase(2, 1, 1_999),
    Purchase(2, 3, 0),
    Purchase(2, 3, 75, Tap.Outcome.OVER_BALANCE),
    Purchase(2, 2, 500, Tap.Outcome.HOT_LISTED),
    Purchase(3, 2, 640, Tap.Outcome.COUNTER_CONFLICT),
)


def found_small_city() -> date:
    """Found the city of PURCHASES; returns its open business date."""
    found_city(DAY, merchants=4, cards=3)
    tap(DAY, PURCHASES)
    return DAY
