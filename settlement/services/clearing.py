"""The nightly clearing of a business date, in steps that a kill at any moment cannot split.

Each step is one transaction that holds the run's lock, does its work and moves the run's state together. A restarted
run goes on where it was; two runs of one date take turns and make one set of statements. What takes long, proving the
taps again before money is made of them and checking the books afterwards, is in parts that all who clear the date share,
on however many machines they are. A sealed date is then rolled up, proved and
reconciled.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from time import perf_counter
from typing import Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from citizencard.core import calendar
from citizencard.core.errors import CitizenCardError
from settlement.errors import AuditBroken, RecheckFailed, SettlementError
from settlement.locks import lock_run
from settlement.models import ClearingPart, ClearingRun
from settlement.selectors.audit import CHECKS, failing
from settlement.selectors.calendar import business_date_at
from settlement.selectors.runs import next_due_day
from settlement.services.files import sign_due_files
from settlement.services.netting import net_taps
from settlement.services.parts import Looked, plan, record, share
from settlement.services.proving import prove_due_days
from settlement.services.rechecking import recheck, recheck_parts
from settlement.services.reconciling import reconcile_due_days
from settlement.services.rolling import roll_up_due_days
from settlement.services.settling import post_statements

logger = logging.getLogger(__name__)
Step = ClearingPart.Step


def clear_day(*, day: date) -> ClearingRun:
    """Clear `day` (an Asia/Shanghai business date) and seal it; a cleared date is returned as it is.

    Raises BusinessDayNotOpen (no such day), KeyServiceUnavailable (no TAC can be proved), RecheckFailed (taps are not
    what was accepted), NettingDiffers (taps and ledger disagree) and AuditBroken (an invariant does not hold). The run
    then stands where it was, its date takes no more taps, and the next call tries again.
    """
    run = _cut_off(day)
    while run.state in _STEPS:
        # Outside the run's lock: these are long and shared, and the date's window is frozen anyhow.
        if run.state == ClearingRun.State.CUT_OFF:
            _shared(run, Step.RECHECK, recheck_parts(day), lambda part: recheck(part, day=day))
        if run.state == ClearingRun.State.POSTED:
            _shared(run, Step.CHECK, CHECKS, lambda check: Looked(failing(check, day=day)))
        run = _advance(day)
    if run.state == ClearingRun.State.CLEARED:
        _follow_up()
    return run


def clear_due_days(*, today: date | None = None) -> list[ClearingRun]:
    """Clear every day before `today` (default: the business date that runs, by the cut-off time and the database's clock), oldest first, also after nights missed.

    A day that cannot be sealed does not keep later ones open: they are cut off and netted all the same, and the first
    error is raised when all have been tried.
    """
    end = today or business_date_at(calendar.database_time())
    runs: list[ClearingRun] = []
    errors: list[CitizenCardError] = []
    tried = date.min
    # Asked again after every day, for clearing the open day opens the next one.
    while (day := next_due_day(before=end, after=tried)) is not None:
        tried = day
        try:
            runs.append(clear_day(day=day))
        except CitizenCardError as error:  # also a key service that is closed
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
    """Net what was proved again. Raises RecheckFailed."""
    if _all_done(run, Step.RECHECK, RecheckFailed):
        net_taps(run=run)
        run.net()


def _post(run: ClearingRun) -> None:
    post_statements(run=run)
    run.post()


def _clear(run: ClearingRun) -> None:
    """Seal the date when all checks are done and nothing was found broken. Raises AuditBroken."""
    if _all_done(run, Step.CHECK, AuditBroken):
        calendar.seal(run.business_date)
        run.finished_at = timezone.now()
        run.clear()


def _all_done(run: ClearingRun, step: str, error: type[SettlementError]) -> bool:
    """Whether a step was laid out and all its parts are done; not while another worker, who has found something, looks again.
    Raises the error with what was found.
    """
    parts = list(ClearingPart.objects.filter(run=run, step=step).order_by("name"))
    if breaches := [finding for part in parts for finding in part.findings]:
        raise error(date=run.business_date, count=len(breaches), first=breaches[0], breaches=breaches)
    return bool(parts) and all(part.done_at is not None for part in parts)


def _follow_up() -> None:
    """Roll up what is sealed, prove it, sign its files, and compare it with terminals and bank. What hinders that is an alarm and
    no reason to hold up the clearing: all is tried again with the next date, and every hour.
    """
    for what in roll_up_due_days, prove_due_days, sign_due_files, reconcile_due_days:
        try:
            what()
        except (CitizenCardError, IntegrityError) as error:
            logger.error("%s: %s", what.__name__, error)


def _shared(run: ClearingRun, step: str, parts: Iterable[str], do: Callable[[str], Looked]) -> None:
    """Look through the date, with whoever else clears it. What is found broken sounds the alarm."""

    def alarming(part: str) -> Looked:
        looked = do(part)
        for breach in looked.findings:
            logger.error("business day %s: %s", run.business_date, breach)
        if looked.unchecked:
            logger.warning(
                "business day %s: %s: %d taps not checkable", run.business_date, part, looked.unchecked
            )
        return looked

    with transaction.atomic():
        lock_run(run.business_date)
        plan(run, step, parts)
    share(run, step, alarming)


_STEPS: Final[Mapping[str, tuple[str, Callable[[ClearingRun], None]]]] = {
    ClearingRun.State.CUT_OFF: (Step.NET, _net),
    ClearingRun.State.NETTED: (Step.POST, _post),
    ClearingRun.State.POSTED: (Step.SEAL, _clear),
}
