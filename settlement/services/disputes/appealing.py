"""The holder wants somebody else to look again, in time."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from citizencard.core.calendar import shanghai
from citizencard.core.states import step_to
from settlement.errors import IllegalDisputeStep
from settlement.locks import lock_dispute
from settlement.models import Dispute, DisputeEvidence
from settlement.selectors.calendar import clock_date
from settlement.services.disputes.evidence import add_evidence
from settlement.services.disputes.telling import audit

State = Dispute.State


@transaction.atomic
def appeal_dispute(
    *, dispute: Dispute, words: str, actor: str, now: datetime, file: bytes | None = None
) -> Dispute:
    """Appeal against a refusal until the day that it named; a new clock begins. What was advanced stays credited. Audited.

    Raises IllegalDisputeStep (not refused, or too late), InvalidField, KeyServiceUnavailable.
    """
    current, on = lock_dispute(dispute.pk), shanghai(now).date()
    if current.state == State.REFUSED and current.due_on is not None and on > current.due_on:
        raise IllegalDisputeStep(source=State.CLOSED.label, target=State.APPEALED.label)
    with step_to(State.APPEALED, IllegalDisputeStep):
        current.appeal(clock_date(on, current.policy.decide_days))
    current.save(update_fields=Dispute.STEPS)
    add_evidence(
        dispute=current, party=DisputeEvidence.Party.HOLDER, words=words, file=file, actor=actor, now=now
    )
    audit(current, "dispute.appeal", actor)
    return current
