"""The access diary: as its person reads it, and as a supervisor looks for what is unusual."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import ExtractHour, TruncDate

from accounts.models import Citizen, DataAccess
from citizencard.core.calendar import SHANGHAI

SHOWN: Final = 100
DAILY_MAX: Final = 30
"""So many people's data in clear a day are unusual for one member of staff."""
OFFICE_HOURS: Final = (7, 21)
"""From this hour until before that one somebody may be at work."""


def diary_of(citizen: Citizen) -> QuerySet[DataAccess]:
    """Who saw this person's data, records that were merged into theirs included; newest first, with what was asked about it."""
    mine = Q(citizen=citizen) | Q(citizen__merged_into=citizen)
    return DataAccess.objects.filter(mine).select_related("question").order_by("-at", "-pk")


def unusual_access(*, since: date, until: date) -> list[Any]:
    """Who saw how many people's data in clear on a date, where they were many, it was at night, or one's own were among them.

    Rows of `day`, `actor`, `people`, `looks`, `at_night`; the system's own work for the cards' printing does not count.
    """
    begin, end = (datetime.combine(day, time.min, SHANGHAI) for day in (since, until + timedelta(days=1)))
    night = Q(hour__lt=OFFICE_HOURS[0]) | Q(hour__gte=OFFICE_HOURS[1])
    rows = (
        DataAccess.objects.filter(at__gte=begin, at__lt=end)
        .filter(what__in=[DataAccess.What.REVEALED, DataAccess.What.EXPORTED])
        .annotate(day=TruncDate("at", tzinfo=SHANGHAI), hour=ExtractHour("at", tzinfo=SHANGHAI))
        .values("day", "actor")
        .annotate(
            people=Count("citizen", distinct=True), looks=Count("pk"), at_night=Count("pk", filter=night)
        )
        .filter(Q(people__gt=DAILY_MAX) | Q(at_night__gt=0))
        .order_by("-day", "-people", "actor")
    )
    return list(rows)
