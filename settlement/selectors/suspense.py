"""How old the bank's unexplained amounts are, by kind: 1, 3, 7, 30 days and longer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db.models import QuerySet

from settlement.models import SuspenseItem

BUCKETS_DAYS: Final = (1, 3, 7, 30)


@dataclass(frozen=True, slots=True)
class Ageing:
    """Items of one kind: how many and how much (fen, whichever way) are up to 1, 3, 7, 30 days old, and older."""

    kind: SuspenseItem.Kind
    counts: tuple[int, ...]
    amounts_fen: tuple[int, ...]


def open_items() -> QuerySet[SuspenseItem]:
    """What nobody has explained yet, oldest first."""
    states = (SuspenseItem.State.OPEN, SuspenseItem.State.PROPOSED)
    return SuspenseItem.objects.filter(state__in=states).order_by("opened_on", "pk")


def suspense_ageing(today: date) -> list[Ageing]:
    """One line per kind with open items, in the order of the kinds."""
    cells: dict[str, list[list[int]]] = {}
    for kind, opened_on, signed_fen in open_items().values_list("kind", "opened_on", "signed_fen"):
        age = (today - opened_on).days
        bucket = sum(age > limit for limit in BUCKETS_DAYS)
        counts, amounts = cells.setdefault(kind, [[0] * 5, [0] * 5])
        counts[bucket] += 1
        amounts[bucket] += abs(signed_fen)
    return [
        Ageing(kind, tuple(cells[kind][0]), tuple(cells[kind][1]))
        for kind in SuspenseItem.Kind
        if kind in cells
    ]
