"""The nightly clearing of a business date, in steps that a kill at any moment cannot split.

Each step is one transaction that holds the run's lock, does its work and moves the run's state together. A restarted
run goes on where it was; two runs of one date take turns and make one set of statements. What takes long, the checks, is
in parts that all who clear the date share, on however many machines they are. A sealed date is then rolled up and proved.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import date
from time import perf_counter
from typing import Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from citizencard.core import calendar
from citizencard.core.errors import CitizenCardError
from citizencard.core.invariants import Breach
from settlement.errors import AuditBroken, SettlementError
from settlement.locks import lock_run
from settlement.models import ClearingPart, ClearingRun
from settlement.selectors.audit import CHECKS, failing
from settlement.selectors.calendar import business_date_at
from settlement.selectors.runs import next_due_day
from settlement.services.files import sign_due_files
from settlement.services.netting import net_taps
from settlement.services.parts import plan, record, share
from settlement.services.proving import prove_due_days
from settlement.services.rolling import roll_up_due_days
from settlement.services.settling import post_statements

logger = logging.getLogger(__name__)
Step = ClearingPart.Step


def clear_day(*, day: date) -> ClearingRun:
    """Clear `day` (an Asia/Shanghai business date) and seal it; a cleared date is returned as it is.

    Raises BusinessDayNotOpen (no such day), NettingDiffers (taps and ledger disagree) and AuditBroken (an invariant
    does not hold). The run then stands where it was, its date takes no more taps, and the next call tries again.
    """
    run = _cut_off(day)
    while run.state in _STEPS:
        if run.state == ClearingRun.State.POSTED:
            # Outside the run's lock: it is long and shared, and the date's window is frozen anyhow.
            _check(run)
        run = _advance(day)
    if run.state == ClearingRun.State.CLEARED:
        _finish_sealed()
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
    began = perf_counter()
    with transaction.atomic():
        run = lock_run(day)
        if run.state == ClearingRun.State.CUT_OFF:
            calendar.cut_off(day)
            record(run, Step.CUT_OFF, began)
    return run


def _advance(day: date) -> ClearingRun:
    """Take the next step of the run, whichever it is by now."""
    with transaction.atomic():
        run = lock_run(day)
        if run.state in _STEPS:
            (name, step), before, began = _STEPS[run.state], run.state, perf_counter()
            step(run)
            if run.state != before:
                record(run, name, began)
                run.save()
    return run


def _net(run: ClearingRun) -> None:
    net_taps(run=run)
    run.net()


def _post(run: ClearingRun) -> None:
    post_statements(run=run)
    run.post()


def _clear(run: ClearingRun) -> None:
    """Seal the date when all checks are done and nothing was found broken. Raises AuditBroken."""
    checks = ClearingPart.objects.filter(run=run, step=Step.CHECK).order_by("name")
    if breaches := [finding for part in checks for finding in part.findings]:
        raise AuditBroken(date=run.business_date, count=len(breaches), first=breaches[0], breaches=breaches)
    if any(part.done_at is None for part in checks):
        return  # another worker has found something, and looks again
    calendar.seal(run.business_date)
    run.finished_at = timezone.now()
    run.clear()


def _finish_sealed() -> None:
    """Roll up what is sealed, prove it and sign its files. What hinders that is an alarm and no reason to hold up the clearing:
    all is tried again with the next date, and every hour.
    """
    for what in roll_up_due_days, prove_due_days, sign_due_files:
        try:
            what()
        except (CitizenCardError, IntegrityError) as error:
            logger.error("%s: %s", what.__name__, error)


def _check(run: ClearingRun) -> None:
    """Check the date, with whoever else clears it."""
    with transaction.atomic():
        lock_run(run.business_date)
        plan(run, Step.CHECK, CHECKS)
    share(run, Step.CHECK, lambda check: _alarming(check, run.business_date))


def _alarming(check: str, day: date) -> list[Breach]:
    """What a check finds broken; each sounds the alarm."""
    breaches = failing(check, day=day)
    for breach in breaches:
        logger.error("business day %s: %s", day, breach)
    return breaches


_STEPS: Final[Mapping[str, tuple[str, Callable[[ClearingRun], None]]]] = {
    ClearingRun.State.CUT_OFF: (Step.NET, _net),
    ClearingRun.State.NETTED: (Step.POST, _post),
    ClearingRun.State.POSTED: (Step.SEAL, _clear),
}
