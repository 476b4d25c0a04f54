"""Days that begin before dawn, weeks and months of them, half-years, and ages to the day."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, Self

from terminals.card.crypto import CHINA
from terminals.fares.fields import Fields


@dataclass(frozen=True, slots=True)
class Hours:
    """A time of day; its beginning belongs to it, its end does not. It may lie across midnight."""

    begins: time
    ends: time

    @classmethod
    def parse(cls, item: Fields) -> Self:
        """`{"from": "HH:MM", "until": "HH:MM"}`. Raises DocumentError; the caller checks for keys left over."""
        hours = cls(item.clock("from"), item.clock("until"))
        if hours.begins == hours.ends:
            raise item.wrong("until", "must be another time than from")
        return hours

    def covers(self, clock: time) -> bool:
        """Whether a time of day lies within."""
        if self.begins < self.ends:
            return self.begins <= clock < self.ends
        return clock >= self.begins or clock < self.ends


_JUNE: Final = 6


class Period(StrEnum):
    """How long a cap counts."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def service_day(when: datetime, starts: time) -> date:
    """The day a moment belongs to when days begin at `starts`: a ride after midnight is part of the evening before."""
    local = when.astimezone(CHINA)
    return (local - timedelta(hours=starts.hour, minutes=starts.minute)).date()


def period_start(period: Period, day: date) -> date:
    """The first service day of the period a service day lies in; weeks run from Monday."""
    match period:
        case Period.DAY:
            return day
        case Period.WEEK:
            return day - timedelta(days=day.weekday())
        case Period.MONTH:
            return day.replace(day=1)


def half_year(day: date) -> tuple[int, int]:
    """The year, and 1 for January to June or 2 for July to December."""
    return day.year, 1 if day.month <= _JUNE else 2


def birthday(birth: date, years: int) -> date:
    """The day somebody turns `years`: the same date, or 28 February for one born on the 29th in a year without.

    A period ends on the last day of the month where the month has no such day: Civil Code of the People's Republic, article 202.
    """
    year = birth.year + years
    return birth.replace(year=year, day=min(birth.day, calendar.monthrange(year, birth.month)[1]))


def age(birth: date, day: date) -> int:
    """Whole years on a day; a birthday counts from its own day on. A day before the birth gives -1."""
    years = day.year - birth.year
    return years if day >= birthday(birth, years) else years - 1
