"""Decisions on differences: one person says how it ends and why; where money is at stake, another one agrees.

No money moves here. What has to be paid or taken back is an adjustment, a held purchase, or a suspense item with steps of its own.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from citizencard.core.audit import record_audit
from citizencard.core.errors import InvalidField, MakerIsChecker
from citizencard.core.states import lock_row, step_to
from settlement.errors import DecidedElsewhere, IllegalDifferenceStep
from settlement.models import DECIDED_ELSEWHERE, WITHOUT_MONEY, Difference

State = Difference.State


@transaction.atomic
def propose_decision(
    *, difference: Difference, actor: str, reason: str, now: datetime | None = None
) -> Difference:
    """Say how a difference ends, and why. Where no money is at stake, that resolves it. Audited.

    Raises InvalidField (no reason), DecidedElsewhere, IllegalDifferenceStep.
    """
    current = lock_row(difference)
    if current.kind in DECIDED_ELSEWHERE:
        raise DecidedElsewhere(kind=current.get_kind_display())
    with step_to(State.PROPOSED, IllegalDifferenceStep):
        current.propose()
    current.proposed_by, current.reason = actor, _reason(reason)
    if current.kind in WITHOUT_MONEY:
        _resolve(current, actor, now)
    return _save(current, "propose", actor, current.reason)


@transaction.atomic
def approve_decision(*, difference: Difference, actor: str, now: datetime | None = None) -> Difference:
    """Another person agrees, and it is resolved; again, nothing changes. Raises MakerIsChecker, IllegalDifferenceStep. Audited."""
    current = lock_row(difference)
    if current.state == State.RESOLVED and current.decided_by == actor:
        return current
    if current.state == State.PROPOSED and actor == current.proposed_by:
        raise MakerIsChecker
    _resolve(current, actor, now)
    return _save(current, "approve", actor, current.reason)


@transaction.atomic
def refuse_decision(*, difference: Difference, actor: str, reason: str) -> Difference:
    """Another person does not agree: it is open again. Raises InvalidField, IllegalDifferenceStep. Audited."""
    current = lock_row(difference)
    with step_to(State.OPEN, IllegalDifferenceStep):
        current.reopen()
    current.proposed_by, current.reason = "", _reason(reason)
    return _save(current, "refuse", actor, current.reason)


def _resolve(current: Difference, actor: str, now: datetime | None) -> None:
    with step_to(State.RESOLVED, IllegalDifferenceStep):
        current.resolve()
    current.decided_by, current.closed_at = actor, now or timezone.now()


def _reason(reason: str) -> str:
    if not reason.strip():
        raise InvalidField("reason", _("a difference is decided for a reason"))
    return reason.strip()


def _save(current: Difference, step: str, actor: str, reason: str) -> Difference:
    current.actor = actor
    current.save(update_fields=Difference.STEPS)
    record_audit(
        actor=actor,
        action=f"difference.{step}",
        subject=f"difference:{current.pk}",
        detail={"kind": current.kind, "subject": current.subject, "reason": reason},
    )
    return current
