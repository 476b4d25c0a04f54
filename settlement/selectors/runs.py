"""Which business dates wait for their clearing, and how far a run has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Final

from django.db.models import QuerySet

from citizencard.core.calendar import SHANGHAI, database_time, shanghai
from citizencard.core.models import BusinessDay
from settlement.models import ClearingPart, ClearingRun
from settlement.selectors.audit import CHECKS
from terminals.selectors.recheck import RECHECKS

BEGINS_AT: Final = time(0, 30)
"""When the nightly run of the date before begins, Asia/Shanghai."""
DUE_BY: Final = time(6)
"""When a date should be sealed on the morning after it, Asia/Shanghai."""
_PLANNED: Final = {ClearingPart.Step.RECHECK: len(RECHECKS) + 1, ClearingPart.Step.CHECK: len(CHECKS)}
"""Steps that have more than one part; of the recheck as many at least."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one step of a run has come: parts done of all, by how many workers, and the seconds they took together.

    `unchecked` counts the taps whose TACs could not be proved again.
    """

    step: ClearingPart.Step
    done: int
    parts: int
    workers: int
    seconds: float
    finished_at: datetime | None
    unchecked: int


def next_due_day(*, before: date, after: date = date.min) -> date | None:
    """The oldest unsealed business date after `after` and before `before`, or None."""
    due = _unsealed().filter(date__gt=after, date__lt=before).order_by("date")
    return due.values_list("date", flat=True).first()


def due_days(now: datetime | None = None) -> list[date]:
    """Unsealed dates whose nightly run should be under way, oldest first.

    A date that was opened after its own end is being made up for and has no timetable until its run has begun.
    """
    return _passed(BEGINS_AT, now)


def late_days(now: datetime | None = None) -> list[date]:
    """Of the due dates those that should be sealed by now, oldest first."""
    return _passed(DUE_BY, now)


def progress(day: date) -> list[Progress]:
    """Every step of the run of `day`, also those that have not begun."""
    parts = ClearingPart.objects.filter(run_id=day).order_by("step")
    found = {step: list(of_step) for step, of_step in groupby(parts, key=lambda part: part.step)}
    return [_progress(step, found.get(step, [])) for step in ClearingPart.Step]


def _progress(step: ClearingPart.Step, parts: Sequence[ClearingPart]) -> Progress:
    done = [part for part in parts if part.done_at is not None]
    return Progress(
        step=step,
        done=len(done),
        parts=len(parts) or _PLANNED.get(step, 1),
        workers=len({part.worker for part in done}),
        seconds=sum(part.seconds or 0 for part in done),
        finished_at=max((part.done_at for part in done if part.done_at), default=None),
        unchecked=sum(part.unchecked for part in done),
    )


def _passed(hour: time, now: datetime | None) -> list[date]:
    moment = shanghai(now or database_time())
    begun = set(
        ClearingRun.objects.exclude(state=ClearingRun.State.CLEARED).values_list("business_date", flat=True)
    )
    waiting = _unsealed().filter(date__lt=moment.date()).order_by("date").values_list("date", "opened_at")
    return [
        day
        for day, opened_at in waiting
        if _morning(day, hour) <= moment and (day in begun or opened_at < _morning(day, BEGINS_AT))
    ]


def _morning(day: date, hour: time) -> datetime:
    """That hour on the morning after the date."""
    return datetime.combine(day + timedelta(days=1), hour, SHANGHAI)


def _unsealed() -> QuerySet[BusinessDay]:
    return BusinessDay.objects.exclude(state=BusinessDay.State.CLOSED)
