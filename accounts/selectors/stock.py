"""What lies where, and where it runs low."""

from __future__ import annotations

from django.db.models import F, QuerySet

from accounts.models import StockLevel, StockPlace


def short_levels() -> QuerySet[StockLevel]:
    """Products of which a place has fewer cards than it should."""
    return StockLevel.objects.filter(count__lt=F("minimum")).select_related("place", "product")


def levels_of(place: StockPlace) -> QuerySet[StockLevel]:
    """How many cards of each product lie at a place."""
    return StockLevel.objects.filter(place=place).select_related("product").order_by("product")
