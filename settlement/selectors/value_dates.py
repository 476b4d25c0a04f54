"""When money paid out reaches its payee."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

_SATURDAY: Final = 5


def next_working_day(day: date) -> date:
    """The first day after `day` on which the bank pays: Monday to Friday. Public holidays are not known here."""
    following = day + timedelta(days=1)
    while following.weekday() >= _SATURDAY:
        following += timedelta(days=1)
    return following
