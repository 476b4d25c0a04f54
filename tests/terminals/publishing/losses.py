"""Cards listed and taken off the list, without the cards: only their numbers matter here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection

from terminals.models import HotListEntry
from terminals.services.publishing import publish_hot_list
from tests.factories import NOON


def pan(number: int) -> str:
    """Of a card that nobody holds; every fifth is a short one."""
    return f"{number:016}" if number % 5 == 0 else f"310439{number:013}"


def change(*, add: Iterable[int] = (), remove: Iterable[int] = (), when: datetime = NOON) -> int:
    """List and unlist cards, publish, and say the version."""
    removed = [pan(number) for number in remove]
    HotListEntry.objects.filter(pan__in=removed, removed_at=None).update(removed_at=when)
    for number in add:
        HotListEntry.objects.create(
            pan=pan(number), reason="test", effective_at=when + timedelta(seconds=number)
        )
    version = publish_hot_list(now=when)
    assert version is not None
    return version.pk


def many(count: int) -> None:
    """So many cards at once."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO terminals_hotlistentry (pan, reason, effective_at) "
            "SELECT '310439' || lpad(n::text, 13, '0'), 'test', now() FROM generate_series(100, %s) AS n",
            [count],
        )
