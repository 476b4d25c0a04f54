"""What a report is asked for: a period, up to which sealed date, and of which part of the city's trade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final, Self

from django.db import connection
from django_stubs_ext import StrOrPromise

from settlement.models import RollUp
from settlement.selectors.reports.frame import Report, Section

UNKNOWN: Final = "-"
"""Asks for what has no line, product or county."""


@dataclass(frozen=True, slots=True)
class Scope:
    """From `first` to `last`, both included; `only` is what each dimension named must be, by code."""

    first: date
    last: date
    only: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def month(cls, first: date, *, until: date | None = None, only: Mapping[str, str] | None = None) -> Self:
        """The month of `first`, as it stood when `until` was its last date."""
        last = (first.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        return cls(first.replace(day=1), max(first.replace(day=1), min(last, until or last)), only or {})

    @classmethod
    def day(cls, day: date, *, only: Mapping[str, str] | None = None) -> Self:
        """One date."""
        return cls(day, day, only or {})

    @property
    def is_day(self) -> bool:
        """One date only."""
        return self.first == self.last

    @property
    def period(self) -> tuple[str, str]:
        """The term by which the period is asked for."""
        return ("day", self.first.isoformat()) if self.is_day else ("month", f"{self.first:%Y-%m}")

    @property
    def terms(self) -> tuple[tuple[str, str], ...]:
        """The dimensions named, as terms."""
        return tuple(sorted(self.only.items()))

    def as_of(self) -> date | None:
        """The last date in the period that is rolled up."""
        rolled = RollUp.objects.filter(run__business_date__range=(self.first, self.last)).order_by("-run_id")
        return rolled.values_list("run_id", flat=True).first()


def fetched(query: str, scope: Scope, **values: Any) -> list[tuple[Any, ...]]:
    """The rows of a query over `%(first)s` to `%(last)s`."""
    with connection.cursor() as cursor:
        cursor.execute(query, {"first": scope.first, "last": scope.last, **values})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def over(
    scope: Scope,
    code: str,
    title: StrOrPromise,
    *sections: Section,
    facts: tuple[tuple[StrOrPromise, str], ...] = (),
) -> Report:
    """A report over the scope's period."""
    return Report(code, title, scope.first, scope.last, scope.as_of(), sections, facts)
