"""The hot list as terminals get it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max

from terminals.models import HotListEntry


@dataclass(frozen=True, slots=True)
class HotListLine:
    """A card that is not to be accepted from `effective_at` on. Why it is listed is nobody's business on a bus."""

    card_no: str
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class HotList:
    """All live entries by card number, and the list's version, which grows with every entry and every removal."""

    version: int
    lines: tuple[HotListLine, ...]


def hot_list() -> HotList:
    """The list as it stands."""
    lines = HotListEntry.objects.filter(removed_at=None).order_by("pan").values_list("pan", "effective_at")
    return HotList(hot_list_version(), tuple(HotListLine(pan, effective_at) for pan, effective_at in lines))


def hot_list_version() -> int:
    """Entries written and entries removed so far, counted by the newest entry's number; 0 for an untouched list."""
    counted = HotListEntry.objects.aggregate(newest=Max("version"), removed=Count("removed_at"))
    return (counted["newest"] or 0) + int(counted["removed"])
