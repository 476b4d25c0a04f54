"""Closing a month 月结: one person proposes it, another agrees, every report of it is kept, and nothing opens it again."""

from __future__ import annotations

import hashlib
from datetime import date

from django.db import transaction

from citizencard.core.audit import record_audit
from citizencard.core.states import lock_row
from citizencard.core.two_people import DECISION, decide, sign
from settlement.errors import MonthNotReady, MonthTaken
from settlement.locks import lock_roll_ups
from settlement.models import MonthClose, MonthReport
from settlement.selectors.months import contents, hindrances

State = MonthClose.State


@transaction.atomic
def propose_close(*, month: date, maker: str) -> MonthClose:
    """Ask for the month of a date to be closed. Raises MonthNotReady, MonthTaken. Audited."""
    lock_roll_ups()
    first = month.replace(day=1)
    if MonthClose.objects.filter(month=first).exclude(state=State.REFUSED).exists():
        raise MonthTaken(month=f"{first:%Y-%m}")
    _require_ready(first)
    close = MonthClose.objects.create(month=first, maker=maker)
    _audit(close, "month.propose", maker)
    return close


@transaction.atomic
def approve_close(*, close: MonthClose, checker: str) -> MonthClose:
    """Close the month for good and keep its reports; doing so again changes nothing. Audited.

    Raises MakerIsChecker, AlreadyDecided (refused before), MonthNotReady.
    """
    close = _lock(close)
    if close.state == State.CLOSED:
        return close
    sign(close, MonthClose.close, State.CLOSED, checker=checker)
    _require_ready(close.month)
    MonthReport.objects.bulk_create(
        MonthReport(close=close, code=code, content=content, digest=hashlib.sha256(content).digest())
        for code, content in contents(close.month).items()
    )
    close.save(update_fields=DECISION)
    _audit(close, "month.close", checker)
    return close


@transaction.atomic
def refuse_close(*, close: MonthClose, checker: str, reason: str) -> MonthClose:
    """Leave the month open; its closing may be proposed again. Raises MakerIsChecker, AlreadyDecided. Audited."""
    close = _lock(close)
    decide(close, MonthClose.refuse, State.REFUSED, checker=checker, answer=reason)
    _audit(close, "month.refuse", checker)
    return close


def _lock(close: MonthClose) -> MonthClose:
    lock_roll_ups()
    return lock_row(close)


def _require_ready(month: date) -> None:
    if found := hindrances(month):
        raise MonthNotReady(month=f"{month:%Y-%m}", first=found[0], count=len(found))


def _audit(close: MonthClose, action: str, actor: str) -> None:
    digests = {each.code: bytes(each.digest).hex() for each in close.reports.order_by("code")}
    detail = {"reason": close.answer} | ({"reports": digests} if digests else {})
    record_audit(actor=actor, action=action, subject=f"month:{close}", detail=detail)
