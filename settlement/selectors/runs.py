"""Which business dates wait for their clearing."""

from __future__ import annotations

from datetime import date

from citizencard.core.models import BusinessDay


def next_due_day(*, before: date, after: date = date.min) -> date | None:
    """The oldest unsealed business date after `after` and before `before`, or None."""
    unsealed = BusinessDay.objects.exclude(state=BusinessDay.State.CLOSED)
    due = unsealed.filter(date__gt=after, date__lt=before).order_by("date")
    return due.values_list("date", flat=True).first()
