"""Whose data were seen in a time, from the diary: the list of affected people that a report of a breach needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from accounts.models import DataAccess


@dataclass(slots=True)
class Affected:
    """A person whose data were seen: which, how often, first and last."""

    citizen_id: UUID
    mask: str
    first: datetime
    last: datetime
    looks: int = 0
    fields: set[str] = field(default_factory=set)


def affected_people(
    *, since: datetime, until: datetime, actors: Iterable[str] = (), fields: Iterable[str] = ()
) -> Iterator[Affected]:
    """By person, who was seen most first: in clear, from `since` until before `until`, by one of `actors` and of one of `fields` where given."""
    seen = DataAccess.objects.filter(at__gte=since, at__lt=until, what__in=DataAccess.IN_CLEAR)
    if actors := list(actors):
        seen = seen.filter(actor__in=actors)
    if fields := list(fields):
        seen = seen.filter(fields__overlap=[*fields, DataAccess.Field.ALL])
    people = dict[UUID, Affected]()
    for access in seen.select_related("citizen").order_by("pk").iterator():
        person = people.setdefault(
            access.citizen_id, Affected(access.citizen_id, str(access.citizen), access.at, access.at)
        )
        person.last, person.looks = access.at, person.looks + 1
        person.fields.update(access.fields)
    yield from sorted(people.values(), key=lambda each: (-each.looks, str(each.citizen_id)))
