"""A person says that something about them is wrong: put right at the counter on a proof, or told why not."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Citizen, Notice
from accounts.services.notices import notify
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import InvalidField
from citizencard.core.states import lock_row
from citizencard.privacy.errors import AlreadyAnswered
from citizencard.privacy.models import CorrectionRequest, PrivacyRule
from citizencard.privacy.selectors.rules import due_on
from citizencard.privacy.services.questions import ANSWER_MAX


def request_correction(*, citizen: Citizen, field: str, actor: str, now: datetime) -> CorrectionRequest:
    """Take it in; one that is under way is answered as it is. Audited. Raises InvalidField."""
    if field not in CorrectionRequest.Field.values:
        raise InvalidField("field", _("unknown"))
    by = due_on(PrivacyRule.Subject.CORRECTION, shanghai(now).date())
    try:
        with transaction.atomic():
            request = CorrectionRequest.objects.create(
                citizen=citizen, field=field, made_by=actor, made_at=now, due_on=by
            )
            _audit(request, "correction.request", actor)
    except IntegrityError:
        return CorrectionRequest.objects.get(citizen=citizen, field=field, answered_at=None)
    return request


@transaction.atomic
def answer_correction(
    *, request: CorrectionRequest, answer: str, actor: str, now: datetime
) -> CorrectionRequest:
    """Say what was put right, or why nothing was; the person reads it. Audited.

    Raises InvalidField (nothing said, too long), AlreadyAnswered.
    """
    answer = answer.strip()
    if not answer:
        raise InvalidField("answer", _("say why"))
    if len(answer) > ANSWER_MAX:
        raise InvalidField("answer", _("at most %s characters") % ANSWER_MAX)
    current = lock_row(request)
    if current.answered_at is not None:
        raise AlreadyAnswered
    current.answered_at, current.answered_by, current.answer = now, actor, answer
    current.save(update_fields=["answered_at", "answered_by", "answer"])
    _audit(current, "correction.answer", actor)
    notify(current.citizen_id, Notice.Code.CORRECTION_ANSWERED)
    return current


def _audit(request: CorrectionRequest, action: str, actor: str) -> None:
    detail = {"field": request.field}
    record_audit(actor=actor, action=action, subject=f"citizen:{request.citizen_id}", detail=detail)
