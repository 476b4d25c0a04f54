"""How old people are, for rules of age. A birth date is opened for the answer and told to nobody."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import date
from uuid import UUID

from accounts.models import Citizen
from accounts.selectors.people import births_of


def age_of(citizen: Citizen, day: date) -> int | None:
    """Whole years on a day, None where nothing on record tells the birth date. Raises KeyServiceUnavailable."""
    return ages_of([citizen], day)[citizen.pk]


def ages_of(citizens: Sequence[Citizen], day: date) -> dict[UUID, int | None]:
    """The ages of many, in one call to the key service."""
    births = births_of(citizens)
    return {pk: whole_years(birth, day) if birth else None for pk, birth in births.items()}


def whole_years(birth: date, day: date) -> int:
    """A birthday counts from its own day on; that of 29 February is on the 28th in other years."""
    last = calendar.monthrange(day.year, birth.month)[1]
    birthday = birth.replace(year=day.year, day=min(birth.day, last))
    return day.year - birth.year - (day < birthday)
