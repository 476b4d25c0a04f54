"""The reserve-fund check of a date and its report: a difference of one fen is an incident, and there is no report with one."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import date, datetime

from django.db import transaction

from citizencard.core.audit import record_audit
from citizencard.core.models import BusinessDay
from settlement.errors import NoBankStatement, NotCleared, ReserveDiffers
from settlement.locks import lock_bank
from settlement.models import ReserveReport, SuspenseItem
from settlement.selectors.reserve import ReservePosition, closing_statement, reserve_position

logger = logging.getLogger(__name__)
_KIND = SuspenseItem.Kind.RESERVE_DIFFERENCE


@transaction.atomic
def check_reserve(*, day: date, actor: str, now: datetime) -> ReservePosition:
    """Compare bank and books at the end of `day`; a difference opens an incident, its absence ends one.

    Raises NoBankStatement. Audited where it finds a difference.
    """
    lock_bank()
    statement = closing_statement(day)
    if statement is None:
        raise NoBankStatement(date=day)
    position = reserve_position(statement, day)
    standing = SuspenseItem.objects.filter(kind=_KIND, subject=day.isoformat(), state=SuspenseItem.State.OPEN)
    item = standing.select_for_update(no_key=True).first()
    if item is not None and item.signed_fen != position.difference_fen:
        item.vanish()
        item.resolved_by, item.resolved_at = actor, now
        item.save(update_fields=SuspenseItem.STEPS)
        item = None
    if item is None and position.difference_fen:
        _raise_incident(position, actor)
    return position


def file_reserve_report(*, day: date, actor: str, now: datetime) -> ReserveReport:
    """The report of a sealed business date, once. Audited.

    Raises NotCleared, NoBankStatement, ReserveDiffers; a difference leaves its incident behind.
    """
    if standing := ReserveReport.objects.filter(pk=day).first():
        return standing
    if not BusinessDay.objects.filter(date=day, state=BusinessDay.State.CLOSED).exists():
        raise NotCleared(date=day)
    position = check_reserve(day=day, actor=actor, now=now)
    if position.difference_fen:
        raise ReserveDiffers(date=day, difference_fen=position.difference_fen)
    return _file(position, actor)


@transaction.atomic
def _file(position: ReservePosition, actor: str) -> ReserveReport:
    figures = asdict(position)
    day = figures.pop("day")
    figures.pop("ledger_fen")
    report = ReserveReport.objects.create(business_date=day, made_by=actor, **figures)
    record_audit(actor=actor, action="reserve.report", subject=f"reserve:{day}", detail=figures)
    return report


def _raise_incident(position: ReservePosition, actor: str) -> None:
    SuspenseItem.objects.create(
        kind=_KIND,
        subject=position.day.isoformat(),
        signed_fen=position.difference_fen,
        opened_on=position.day,
        owner=SuspenseItem.Owner.SUPERVISOR,
    )
    logger.error("reserve of %s: bank and books differ by %s fen", position.day, position.difference_fen)
    record_audit(
        actor=actor,
        action="reserve.differs",
        subject=f"reserve:{position.day}",
        detail={"difference_fen": position.difference_fen},
    )
