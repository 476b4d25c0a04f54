"""What lies where, and where it runs low."""

from __future__ import annotations

from django.db.models import F, QuerySet

from accounts.models import StockLevel


def short_levels() -> QuerySet[StockLevel]:
    """Products of which a place has fewer cards than it should."""
    return StockLevel.objects.filter(count__lt=F("minimum")).select_related("place", "product")
