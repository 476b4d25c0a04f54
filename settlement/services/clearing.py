"""The nightly clearing of a business date, in four steps that a kill at any moment cannot split.

Each step is one transaction that holds the run's lock, does its work and moves the run's state together. A restarted
run goes on where it was; two runs of one date take turns and make one set of statements.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

from django.db import transaction
from django.utils import timezone

from citizencard.core import calendar
from settlement.errors import AuditBroken, SettlementError
from settlement.locks import lock_run
from settlement.models import ClearingRun
from settlement.selectors.audit import broken_invariants
from settlement.selectors.calendar import business_date_at
from settlement.selectors.runs import next_due_day
from settlement.services.netting import net_taps
from settlement.services.settling import post_statements

logger = logging.getLogger(__name__)


def clear_day(*, day: date) -> ClearingRun:
    """Clear `day` (an Asia/Shanghai business date) and seal it; a cleared date is returned as it is.

    Raises BusinessDayNotOpen (no such day), NettingDiffers (taps and ledger disagree) and AuditBroken (an invariant
    does not hold). The run then stands where it was, its date takes no more taps, and the next call tries again.
    """
    run = _cut_off(day)
    while run.state in _STEPS:
        if run.state == ClearingRun.State.POSTED:
            # Outside the run's lock: the audit is long, and the date's window is frozen anyhow.
            _require_clean_books(day)
        run = _advance(day)
    return run


def clear_due_days(*, today: date | None = None) -> list[ClearingRun]:
    """Clear every day before `today` (default: the business date that runs by the cut-off time), oldest first, also after nights missed.

    A day that cannot be sealed does not keep later ones open: they are cut off and netted all the same, and the first
    error is raised when all have been tried.
    """
    end = today or business_date_at(timezone.now())
    runs: list[ClearingRun] = []
    errors: list[SettlementError] = []
    tried = date.min
    # Asked again after every day, for clearing the open day opens the next one.
    while (day := next_due_day(before=end, after=tried)) is not None:
        tried = day
        try:
            runs.append(clear_day(day=day))
        except SettlementError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return runs


def _cut_off(day: date) -> ClearingRun:
    """Claim the date and stop assigning it, in one transaction: a claimed date is a closed window."""
    with transaction.atomic():
        run = lock_run(day)
        calendar.cut_off(day)
    return run


def _advance(day: date) -> ClearingRun:
    """Take the next step of the run, whichever it is by now."""
    with transaction.atomic():
        run = lock_run(day)
        step = _STEPS.get(run.state)
        if step is not None:
            step(run)
            run.save()
    return run


def _net(run: ClearingRun) -> None:
    net_taps(run=run)
    run.net()


def _post(run: ClearingRun) -> None:
    post_statements(run=run)
    run.post()


def _clear(run: ClearingRun) -> None:
    calendar.seal(run.business_date)
    run.finished_at = timezone.now()
    run.clear()


def _require_clean_books(day: date) -> None:
    """Raise AuditBroken and sound the alarm when an invariant does not hold."""
    breaches = broken_invariants(day=day)
    for breach in breaches:
        logger.error("business day %s: %s", day, breach)
    if breaches:
        raise AuditBroken(date=day, count=len(breaches), first=breaches[0], breaches=breaches)


_STEPS: Final[Mapping[str, Callable[[ClearingRun], None]]] = {
    ClearingRun.State.CUT_OFF: _net,
    ClearingRun.State.NETTED: _post,
    ClearingRun.State.POSTED: _clear,
}
