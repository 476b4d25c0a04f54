"""Loss reports 挂失: what the holder is told, a number and the exact time, by whichever way the report came.

The card and the hot list follow in the same transaction, and automatic top-up ends in it.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from accounts import locks
from accounts.models import Card, Notice
from accounts.services.notices import notify
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import CitizenCardError, NotFound
from citizencard.core.masks import mask_card
from citizencard.core.states import step_to
from terminals.errors import AnonymousLoss, IllegalLossStep
from terminals.models import LossReport
from terminals.selectors.parameters import hot_list_policy
from terminals.services.hotlist import recover_card, report_loss, take_back

logger = logging.getLogger(__name__)
Kind, State = LossReport.Kind, LossReport.State
SWEEPER: Final = "loss reports"


@transaction.atomic
def report_card_lost(
    *, card: Card, kind: str, channel: str, actor: str, reason: str, occurred_at: datetime
) -> LossReport:
    """Take a report in; terminals refuse the card as soon as they have the new list. Audited; the holder is told.

    One for good after one for now takes its place; the same again, or one for now after one for good, answers what stands.
    Raises AnonymousLoss, IllegalCardTransition, NotFound when no policy says how long a report for now stands.
    """
    wanted = Kind(kind)
    current = locks.lock_card(card.pk)
    if current.citizen_id is None:
        raise AnonymousLoss(card=mask_card(current.pan))
    standing = standing_report(current)
    if standing is not None and wanted in (standing.kind, Kind.TEMPORARY):
        return standing
    entry = report_loss(
        card=current,
        actor=actor,
        reason=reason,
        occurred_at=occurred_at,
        for_now=wanted == Kind.TEMPORARY,
    )
    if standing is not None:
        _end(standing, State.FOLLOWED, occurred_at)
    report = LossReport.objects.create(
        number=f"GS{shanghai(occurred_at):%Y%m%d}{entry.pk:08d}{wanted[0].upper()}",
        card=current,
        entry=entry,
        kind=wanted,
        channel=LossReport.Channel(channel),
        reason=reason,
        reported_by=actor,
        effective_at=occurred_at,
        lapses_at=_lapses_at(occurred_at) if wanted == Kind.TEMPORARY else None,
    )
    _tell(report, current, Notice.Code.LOSS_FOR_NOW)
    record_audit(
        actor=actor,
        action="loss.report",
        subject=f"card:{current.pan}",
        detail={"number": report.number, "kind": wanted, "channel": channel},
    )
    return report


@transaction.atomic
def lift_loss(*, card: Card, actor: str, reason: str, occurred_at: datetime) -> Card:
    """The holder has found a card that was reported for now: it is what it was before. Audited; the holder is told.

    A formal report is final for the holder; with the card in hand the counter takes it back (`recover_card`). Raises
    IllegalLossStep.
    """
    standing = standing_report(locks.lock_card(card.pk))
    if standing is None or standing.kind != Kind.TEMPORARY:
        raise IllegalLossStep(number=standing.number if standing else "–")
    return recover_card(card=card, actor=actor, reason=reason, occurred_at=occurred_at)


def lapse_losses(*, now: datetime) -> int:
    """End the reports for now whose days are over, each in a transaction of its own; how many. The holders are told."""
    due = LossReport.objects.filter(kind=Kind.TEMPORARY, state=State.STANDING, lapses_at__lte=now).order_by(
        "pk"
    )
    return sum(_lapsed(each, now) for each in due.select_related("card"))


def _lapsed(report: LossReport, now: datetime) -> bool:
    """One that cannot lapse does not hold up the others."""
    try:
        with transaction.atomic():
            card = locks.lock_card(report.card_id)
            standing = standing_report(card)
            if standing != report:
                return False
            _end(report, State.LAPSED, now)
            take_back(card=card, actor=SWEEPER, reason=report.number, occurred_at=now)
            _tell(report, card, Notice.Code.LOSS_LAPSED)
        return True
    except CitizenCardError as refusal:
        logger.error("loss report %s: %s", report.number, refusal.code)
        return False


def standing_report(card: Card) -> LossReport | None:
    """The report that holds for the card now."""
    return LossReport.objects.filter(card=card, state=State.STANDING).first()


def _end(report: LossReport, target: LossReport.State, when: datetime) -> None:
    step = {State.LAPSED: LossReport.lapse, State.FOLLOWED: LossReport.follow}[target]
    with step_to(target, IllegalLossStep):
        step(report)
    report.ended_at = when
    report.save(update_fields=["state", "ended_at"])


def _tell(report: LossReport, card: Card, code: Notice.Code) -> None:
    if card.citizen_id is not None and report.lapses_at is not None:
        until = f"{shanghai(report.lapses_at):%Y-%m-%d %H:%M}"
        notify(card.citizen_id, code, card=mask_card(card.pan), number=report.number, until=until)


def _lapses_at(reported_at: datetime) -> datetime:
    policy = hot_list_policy(shanghai(reported_at).date())
    if policy is None:
        raise NotFound(what="hot_list_policy")
    return reported_at + timedelta(days=policy.temporary_days)
