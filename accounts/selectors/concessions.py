"""What holders have proved, as pricing and the desk ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.db import connection
from django.db.models import Q, QuerySet

from accounts.models import Card, Concession

_PROVED: Final = """
SELECT card.id, proved.category, proved.valid_from, least(proved.valid_until, proved.withdrawn_on - 1)
FROM accounts_card AS card
    JOIN accounts_concession AS proved ON proved.card_id = card.id OR proved.citizen_id = card.citizen_id
WHERE card.id = ANY(%s::bigint[])
ORDER BY card.id, proved.category, proved.valid_from
"""


@dataclass(frozen=True, slots=True)
class Proved:
    """A category, from its first to its last day."""

    category: str
    valid_from: date
    valid_until: date


def proved_of(card_ids: Sequence[int]) -> dict[int, list[Proved]]:
    """What holds for each of these cards, by itself or by its holder, whenever that was. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_PROVED, [list(card_ids)])
        rows = cursor.fetchall()
    found: dict[int, list[Proved]] = {}
    for card_id, category, first, last in rows:
        if first <= last:
            found.setdefault(card_id, []).append(Proved(category, first, last))
    return found


def concessions_of(card: Card) -> QuerySet[Concession]:
    """Every proof that counts for a card, the newest first."""
    of_holder = Q(citizen=card.citizen_id) if card.citizen_id else Q()
    return Concession.objects.filter(Q(card=card) | of_holder).order_by("-valid_from", "-pk")


def due_for_check(today: date, days: int = 30) -> QuerySet[Concession]:
    """What ends within so many days and has no renewal: the yearly check's work list, the most urgent first."""
    ending = Concession.objects.filter(
        withdrawn_at=None, renewal=None, valid_until__range=(today, today + timedelta(days=days))
    )
    return ending.order_by("valid_until", "pk")
