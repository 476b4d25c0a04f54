"""Suspense items of the bank: one person says whose the money is and why, another agrees, and it goes there."""

from __future__ import annotations

from datetime import datetime, time
from typing import Final

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Chart, LedgerAccount
from accounts.services import postings
from accounts.services.ledger import post_journal
from citizencard.core.audit import record_audit
from citizencard.core.calendar import SHANGHAI
from citizencard.core.errors import InvalidField, MakerIsChecker
from citizencard.core.states import lock_row, step_to
from settlement.errors import IllegalSuspenseStep
from settlement.models import SuspenseItem

State = SuspenseItem.State
NO_TARGETS: Final = (
    Chart.RESERVE_BANK,
    Chart.SUSPENSE_RECEIVABLE,
    Chart.SUSPENSE_PAYABLE,
    Chart.PAYOUTS_IN_TRANSIT,
    Chart.PURSE_REAL_NAME,
    Chart.PURSE_ANONYMOUS,
    Chart.PURSE_ACCOUNT,
    Chart.TOP_UPS_IN_TRANSIT,
    Chart.REFUNDS_PAYABLE,
    Chart.PASSES_SOLD,
)
"""Where an item never goes: back into suspense, or to an account whose every fen has a document of its own."""


@transaction.atomic
def assign_item(*, item: SuspenseItem, owner: str, assignee: str, actor: str) -> SuspenseItem:
    """Give an open item to a department and a person. Raises IllegalSuspenseStep, InvalidField. Audited."""
    current = lock_row(item)
    if owner not in SuspenseItem.Owner.values:
        raise InvalidField("owner", owner)
    if current.state not in (State.OPEN, State.PROPOSED):
        target = State.OPEN.label
        raise IllegalSuspenseStep(source=State(current.state).label, target=target)
    current.owner, current.assignee = owner, assignee
    current.save(update_fields=SuspenseItem.STEPS)
    _audit(current, "assign", actor, owner=owner, assignee=assignee)
    return current


@transaction.atomic
def propose_resolution(*, item: SuspenseItem, target: str, reason: str, actor: str) -> SuspenseItem:
    """Say which account (its code) an item belongs to, and why. Raises InvalidField, IllegalSuspenseStep. Audited."""
    if not reason.strip():
        raise InvalidField("reason", _("an item is resolved for a reason"))
    account = LedgerAccount.objects.filter(code=target, state=LedgerAccount.State.OPEN).first()
    if account is None or account.chart in NO_TARGETS:
        raise InvalidField("target", _("an open account that may take what was in suspense"))
    current = lock_row(item)
    if current.entry_id is None:
        raise InvalidField("kind", _("a difference of the reserve goes when its cause is gone"))
    with step_to(State.PROPOSED, IllegalSuspenseStep):
        current.propose()
    current.target, current.reason, current.proposed_by = account, reason.strip(), actor
    current.save(update_fields=SuspenseItem.STEPS)
    _audit(current, "propose", actor, target=account.code, reason=current.reason)
    return current


@transaction.atomic
def approve_resolution(*, item: SuspenseItem, actor: str, now: datetime) -> SuspenseItem:
    """Another person agrees, and the amount moves; again, nothing changes. Raises MakerIsChecker, IllegalSuspenseStep. Audited."""
    current = lock_row(item)
    if current.state == State.RESOLVED and current.resolved_by == actor:
        return current
    with step_to(State.RESOLVED, IllegalSuspenseStep):
        current.resolve()
    entry, target_id = current.entry, current.target_id
    if actor == current.proposed_by:
        raise MakerIsChecker
    if entry is None or target_id is None:  # the database does not let it come to this
        raise InvalidField("target", _("an item is resolved to an account"))
    current.resolved_by, current.resolved_at = actor, now
    current.save(update_fields=SuspenseItem.STEPS)
    post_journal(
        key=f"suspense:{current.pk}",
        kind="suspense_resolved",
        actor=actor,
        reason=current.reason,
        source=current.subject,
        legs=postings.suspense_resolved(
            item_id=current.pk,
            target_id=target_id,
            signed_fen=current.signed_fen,
            occurred_at=datetime.combine(entry.booked_on, time(), SHANGHAI),
        ),
    )
    _audit(current, "approve", actor, target_id=target_id)
    return current


@transaction.atomic
def refuse_resolution(*, item: SuspenseItem, actor: str, reason: str) -> SuspenseItem:
    """Another person does not agree: the item is open again. Raises InvalidField, IllegalSuspenseStep. Audited."""
    if not reason.strip():
        raise InvalidField("reason", _("a resolution is refused for a reason"))
    current = lock_row(item)
    with step_to(State.OPEN, IllegalSuspenseStep):
        current.reopen()
    current.target, current.reason, current.proposed_by = None, "", ""
    current.save(update_fields=SuspenseItem.STEPS)
    _audit(current, "refuse", actor, reason=reason.strip())
    return current


def _audit(item: SuspenseItem, step: str, actor: str, **detail: object) -> None:
    record_audit(
        actor=actor,
        action=f"suspense.{step}",
        subject=f"suspense:{item.pk}",
        detail={"kind": item.kind, "signed_fen": item.signed_fen, **detail},
    )
