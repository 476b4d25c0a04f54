"""Which sealed dates are rolled up."""

from __future__ import annotations

from datetime import date

from settlement.models import ClearingRun


def next_unrolled_day() -> date | None:
    """The oldest sealed date without a roll-up, or None."""
    due = ClearingRun.objects.filter(state=ClearingRun.State.CLEARED, rollup=None).order_by("business_date")
    return due.values_list("business_date", flat=True).first()
