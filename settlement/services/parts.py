"""The parts of a run's step, shared by however many workers there are.

Nothing but the database says what is done: a part is its row, held by the transaction that does it. Messages only wake
workers up; one that is lost, doubled or late changes nothing but the time it takes.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import Final, NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import Signal
from django.utils import timezone

from settlement.locks import at_work
from settlement.models import ClearingPart, ClearingRun

parts_planned: Final = Signal()
"""Sent with `run` and `parts` (how many) when parts that others may take have been committed."""


class Looked(NamedTuple):
    """What somebody who looked through a part has found broken, and how many taps could not be checked."""

    findings: Sequence[object]
    unchecked: int = 0


def record(run: ClearingRun, step: str, began: float) -> None:
    """Put on record that a step without parts is done, once, in the caller's transaction; `began` is its perf_counter."""
    part, is_new = ClearingPart.objects.get_or_create(run=run, step=step, name="")
    if is_new:
        _finish(part, began)


def plan(run: ClearingRun, step: str, names: Iterable[str]) -> None:
    """Lay out the parts of a step, once, in the caller's transaction; those with findings are to be done again."""
    parts = [ClearingPart(run=run, step=step, name=name) for name in names]
    ClearingPart.objects.bulk_create(parts, ignore_conflicts=True)
    ClearingPart.objects.filter(run=run, step=step).exclude(findings=[]).update(
        done_at=None, seconds=None, worker="", findings=[], unchecked=0
    )
    transaction.on_commit(lambda: parts_planned.send(ClearingRun, run=run, parts=len(parts)))


def share(run: ClearingRun, step: str, do: Callable[[str], Looked]) -> None:
    """Do parts until all of the step are done, by this worker or by others: `do(name)` looks through one.

    Parts in other hands are waited for last, and taken over when those let go of them.
    """
    waiting = ClearingPart.objects.filter(run=run, step=step, done_at=None).order_by("name")
    while _take(waiting.select_for_update(skip_locked=True), do):
        pass
    while waiting.exists():
        _take(waiting.select_for_update(), do)


@transaction.atomic
def _take(free: QuerySet[ClearingPart], do: Callable[[str], Looked]) -> bool:
    """Do the first part that is free, if there is one."""
    part = free.first()
    if part is None:
        return False
    at_work(part.run_id)
    began = perf_counter()
    looked = do(part.name)
    part.findings, part.unchecked = [str(finding) for finding in looked.findings], looked.unchecked
    _finish(part, began)
    return True


def _finish(part: ClearingPart, began: float) -> None:
    part.worker = f"{socket.gethostname()}:{os.getpid()}"[:80]
    part.seconds = round(perf_counter() - began, 3)
    part.done_at = timezone.now()
    part.save(update_fields=["worker", "seconds", "done_at", "findings", "unchecked"])
