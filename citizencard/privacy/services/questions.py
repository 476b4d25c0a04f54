"""A person asks why their data were looked at, and somebody else than who looked answers."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import DataAccess, Notice
from accounts.services.notices import notify
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import InvalidField
from citizencard.core.states import lock_row
from citizencard.privacy.errors import AlreadyAnswered, AlreadyQuestioned, OwnAccess
from citizencard.privacy.models import AccessQuestion, PrivacyRule
from citizencard.privacy.selectors.rules import due_on

ANSWER_MAX = 500


def question_access(*, access: DataAccess, actor: str, now: datetime) -> AccessQuestion:
    """Ask about an access; `actor` is its person's login. Audited. Raises AlreadyQuestioned."""
    try:
        with transaction.atomic():
            question = AccessQuestion.objects.create(
                access=access,
                seen_by=access.actor,
                asked_at=now,
                due_on=due_on(PrivacyRule.Subject.QUESTION, shanghai(now).date()),
            )
            record_audit(actor=actor, action="access.question", subject=f"access:{access.pk}")
    except IntegrityError as error:
        raise AlreadyQuestioned from error
    return question


@transaction.atomic
def answer_question(*, question: AccessQuestion, answer: str, actor: str, now: datetime) -> AccessQuestion:
    """Tell the person why; they find it beside the access. Audited.

    Raises InvalidField (nothing said, too long), AlreadyAnswered, OwnAccess.
    """
    answer = answer.strip()
    if not answer:
        raise InvalidField("answer", _("say why"))
    if len(answer) > ANSWER_MAX:
        raise InvalidField("answer", _("at most %s characters") % ANSWER_MAX)
    current = lock_row(question)
    if current.answered_at is not None:
        raise AlreadyAnswered
    if actor == current.seen_by:
        raise OwnAccess
    current.answered_at, current.answered_by, current.answer = now, actor, answer
    current.save(update_fields=["answered_at", "answered_by", "answer"])
    record_audit(actor=actor, action="access.answer", subject=f"access:{current.pk}")
    notify(current.access.citizen_id, Notice.Code.ACCESS_ANSWERED)
    return current
