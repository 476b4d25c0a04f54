"""Adjustments: asked for with a document on file, checked by as many people as their amount asks for, then posted.

None is ever taken back: another one, made and checked the same way, reverses it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Chart
from accounts.services.ledger import AMOUNT_MAX_FEN, post_journal
from accounts.services.postings import adjusted
from citizencard.core.audit import record_audit
from citizencard.core.calendar import assign_business_date, shanghai
from citizencard.core.errors import AlreadyDecided, Conflict, InvalidField, MakerIsChecker
from citizencard.core.states import lock_row, step_to
from settlement.errors import CheckNotAsked, PolicyMissing
from settlement.models import Adjustment, AdjustmentCheck, AdjustmentPolicy
from terminals.models import Merchant

Reason, State = Adjustment.Reason, Adjustment.State


def propose_adjustment(
    *, merchant: Merchant, amount_fen: int, against: str, reason: str, evidence: str, maker: str
) -> Adjustment:
    """Ask for `amount_fen` more for a merchant (less: below zero), borne by the account `against`. Audited.

    Who has to check it is fixed now, by the policy of today. Raises InvalidField, PolicyMissing.
    """
    if reason not in Reason.values or reason == Reason.REVERSAL:
        raise InvalidField("reason", _("unknown"))
    return _propose(merchant, amount_fen, against, evidence, maker, reason=reason)


def propose_reversal(*, adjustment: Adjustment, evidence: str, maker: str) -> Adjustment:
    """Ask for the opposite of a posted adjustment. Raises Conflict when it is not posted, or is being reversed already."""
    live = adjustment.reversals.exclude(state=State.REFUSED)
    if adjustment.state != State.POSTED or live.exists():
        raise Conflict(what=str(adjustment))
    return _propose(
        adjustment.merchant, -adjustment.amount_fen, adjustment.against, evidence, maker,
        reason=Reason.REVERSAL, reverses=adjustment,
    )  # fmt: skip


@transaction.atomic
def check_adjustment(*, adjustment: Adjustment, checker: str, roles: Collection[str]) -> Adjustment:
    """One person's yes, in one of their `roles`; the last one asked for posts it, on the open business date. Audited.

    Checking a posted one again changes nothing. Raises MakerIsChecker, CheckNotAsked, AlreadyDecided (refused before).
    """
    adjustment = lock_row(adjustment)
    checks = {check.role: check.checker for check in adjustment.checks.all()}
    if adjustment.state == State.POSTED and checker in checks.values():
        return adjustment
    if adjustment.state != State.PROPOSED:
        raise AlreadyDecided(source=adjustment.get_state_display(), target=State.POSTED.label)
    if checker == adjustment.maker or checker in checks.values():
        raise MakerIsChecker
    missing = [role for role in adjustment.roles if role not in checks]
    role = next((role for role in missing if role in roles), None)
    if role is None:
        raise CheckNotAsked(roles=", ".join(missing))
    AdjustmentCheck.objects.create(adjustment=adjustment, role=role, checker=checker)
    _audit(adjustment, "adjustment.check", checker, role=role)
    if missing == [role]:
        _post(adjustment, checker)
    return adjustment


@transaction.atomic
def refuse_adjustment(*, adjustment: Adjustment, checker: str, reason: str) -> Adjustment:
    """Send it back for good. Raises MakerIsChecker, AlreadyDecided. Audited."""
    adjustment = lock_row(adjustment)
    with step_to(State.REFUSED, AlreadyDecided):
        adjustment.refuse()
    if checker == adjustment.maker:
        raise MakerIsChecker
    adjustment.answer = reason
    adjustment.save(update_fields=["state", "answer"])
    _audit(adjustment, "adjustment.refuse", checker, reason=reason)
    return adjustment


@transaction.atomic
def _propose(
    merchant: Merchant, amount_fen: int, against: str, evidence: str, maker: str, **reason: Any
) -> Adjustment:
    if type(amount_fen) is not int or not 0 < abs(amount_fen) <= AMOUNT_MAX_FEN:
        raise InvalidField("amount_fen", _("not an amount of money"))
    if against not in Adjustment.AGAINST:
        raise InvalidField("against", _("not an account that bears adjustments"))
    if not evidence.strip():
        raise InvalidField("evidence", _("an adjustment names its document"))
    policy = _policy(shanghai(timezone.now()).date())
    adjustment = Adjustment.objects.create(
        merchant=merchant,
        amount_fen=amount_fen,
        against=against,
        evidence=evidence.strip(),
        maker=maker,
        policy=policy,
        roles=_roles(policy, abs(amount_fen)),
        **reason,
    )
    _audit(adjustment, "adjustment.propose", maker, amount_fen=amount_fen, evidence=adjustment.evidence)
    return adjustment


def _policy(on: date) -> AdjustmentPolicy:
    found = AdjustmentPolicy.objects.filter(valid_from__lte=on).order_by("-valid_from").first()
    if found is None:
        raise PolicyMissing(date=on)
    return found


def _roles(policy: AdjustmentPolicy, amount_fen: int) -> list[str]:
    """The roles of the first tier that reaches the amount; the last one has no end."""
    tiers: list[dict[str, Any]] = policy.tiers
    return next(
        tier["roles"] for tier in tiers if tier["up_to_fen"] is None or amount_fen <= tier["up_to_fen"]
    )


def _post(adjustment: Adjustment, checker: str) -> None:
    adjustment.business_date = assign_business_date()
    adjustment.post()
    adjustment.save(update_fields=["state", "business_date"])
    post_journal(
        key=f"adjustment:{adjustment.pk}",
        kind="adjustment",
        actor=checker,
        source=adjustment.evidence,
        reason=adjustment.get_reason_display(),
        business_date=adjustment.business_date,
        legs=adjusted(
            payable_id=adjustment.merchant.payable_id,
            against=Chart(adjustment.against),
            amount_fen=adjustment.amount_fen,
            adjustment_id=adjustment.pk,
            occurred_at=timezone.now(),
        ),
    )


def _audit(adjustment: Adjustment, action: str, actor: str, **detail: Any) -> None:
    record_audit(actor=actor, action=action, subject=f"adjustment:{adjustment.pk}", detail=detail)
