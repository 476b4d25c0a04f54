"""Which limits are in force: what people are told before they meet one."""

from __future__ import annotations

from datetime import date

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from accounts.models import LimitPolicy


def limits_in_force(on: date) -> QuerySet[LimitPolicy]:
    """The version of every rule that holds on the date, by operation, measure and code."""
    newest = LimitPolicy.objects.filter(code=OuterRef("code"), valid_from__lte=on).order_by("-valid_from")
    return (
        LimitPolicy.objects.alias(newest=Subquery(newest.values("pk")[:1]))
        .filter(Q(valid_until=None) | Q(valid_until__gte=on), pk=F("newest"))
        .select_related("product")
        .order_by("operation", "measure", "code")
    )
