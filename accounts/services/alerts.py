"""A person looks at an alert: there is something to it, or not."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.errors import IllegalAlertReview
from accounts.models import Card, CardFlag, RiskAlert
from citizencard.core.audit import record_audit
from citizencard.core.errors import InvalidField
from citizencard.core.states import step_to

State = RiskAlert.State


@transaction.atomic
def confirm_alert(*, alert: RiskAlert, actor: str, reason: str, occurred_at: datetime) -> RiskAlert:
    """There is something to it. A card is flagged: nothing is paid out of it, and it is a candidate for the hot list.

    Nothing else happens to a card: listing it is another person's decision, see `terminals.services.refunds`. Audited.
    Raises IllegalAlertReview, InvalidField.
    """
    current = _locked(alert, reason)
    with step_to(State.CONFIRMED, IllegalAlertReview):
        current.confirm(actor, reason, occurred_at)
    _keep(current, "risk_alert.confirm")
    if current.card is not None:
        _flag(current.card, current, actor, occurred_at)
    return current


@transaction.atomic
def dismiss_alert(*, alert: RiskAlert, actor: str, reason: str, occurred_at: datetime) -> RiskAlert:
    """There is nothing to it: what waited for the review goes on. Audited. Raises IllegalAlertReview, InvalidField."""
    current = _locked(alert, reason)
    with step_to(State.DISMISSED, IllegalAlertReview):
        current.dismiss(actor, reason, occurred_at)
    _keep(current, "risk_alert.dismiss")
    return current


def _locked(alert: RiskAlert, reason: str) -> RiskAlert:
    if not reason.strip():
        raise InvalidField("reason", _("a review has a reason"))
    if alert.card_id is not None:
        locks.lock_card(alert.card_id)
    return locks.lock_alert(alert.pk)


def _keep(alert: RiskAlert, action: str) -> None:
    alert.save(update_fields=["state", "reviewed_by", "reviewed_at", "review_reason"])
    detail = {
        "rule": alert.rule,
        "about": f"{alert.subject_kind}:{alert.subject}",
        "reason": alert.review_reason,
    }
    record_audit(actor=alert.reviewed_by, action=action, subject=f"risk_alert:{alert.pk}", detail=detail)


def _flag(card: Card, alert: RiskAlert, actor: str, at: datetime) -> None:
    """One open flag of the kind is enough, whatever number of alerts is behind it."""
    standing = CardFlag.objects.filter(card=card, kind=CardFlag.Kind.RISK, cleared_at=None)
    if standing.exists():
        return
    evidence = {"alert": alert.pk, "rule": alert.rule}
    CardFlag.objects.create(
        card=card, kind=CardFlag.Kind.RISK, evidence=evidence, raised_by=actor, raised_at=at
    )
    record_audit(actor=actor, action="card.flag", subject=f"card:{card.pan}", detail=evidence)
