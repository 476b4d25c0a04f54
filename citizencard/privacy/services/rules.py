"""Rules about personal data: one person proposes, another approves or refuses."""

from __future__ import annotations

from datetime import date

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from citizencard.core import two_people
from citizencard.core.audit import record_audit
from citizencard.core.errors import Conflict, InvalidField
from citizencard.core.states import lock_row
from citizencard.privacy.models import PrivacyRule
from citizencard.privacy.selectors.retention import KINDS


@transaction.atomic
def propose_privacy_rule(
    *, subject: str, days: int, valid_from: date, legal_basis: str, maker: str
) -> PrivacyRule:
    """Ask for a rule to hold from a date on, not before today. Raises InvalidField. Audited."""
    if subject not in PrivacyRule.Subject.values:
        raise InvalidField("subject", _("unknown"))
    fewest = KINDS[subject].days_min if subject in KINDS else 1
    if days < fewest:
        raise InvalidField("days", _("by law at least %(days)s days") % {"days": fewest})
    if not legal_basis.strip():
        raise InvalidField("legal_basis", _("say why"))
    _check_begins(valid_from)
    rule = PrivacyRule.objects.create(
        subject=subject, days=days, valid_from=valid_from, legal_basis=legal_basis.strip(), maker=maker
    )
    _audit(rule, "privacy_rule.propose", maker)
    return rule


def approve_privacy_rule(*, rule: PrivacyRule, checker: str) -> PrivacyRule:
    """A second person agrees. Raises MakerIsChecker, AlreadyDecided, Conflict when the date has a rule already. Audited."""
    try:
        with transaction.atomic():
            rule = two_people.approve(lock_row(rule), checker=checker)
            _check_begins(rule.valid_from)
            _audit(rule, "privacy_rule.approve", checker)
    except IntegrityError as error:
        raise Conflict(what=str(rule)) from error
    return rule


@transaction.atomic
def refuse_privacy_rule(*, rule: PrivacyRule, checker: str, reason: str) -> PrivacyRule:
    """A second person does not agree. Raises MakerIsChecker, AlreadyDecided. Audited."""
    rule = two_people.refuse(lock_row(rule), checker=checker, answer=reason)
    _audit(rule, "privacy_rule.refuse", checker)
    return rule


def _check_begins(day: date) -> None:
    """What was kept or promised by a rule of before stays so."""
    if day < timezone.localdate():
        raise InvalidField("valid_from", _("not in the past"))


def _audit(rule: PrivacyRule, action: str, actor: str) -> None:
    detail = {
        "subject": rule.subject,
        "days": rule.days,
        "valid_from": rule.valid_from,
        "reason": rule.answer,
    }
    record_audit(actor=actor, action=action, subject=f"privacy_rule:{rule.pk}", detail=detail)
