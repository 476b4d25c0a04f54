"""Policies of the field by two people: one proposes, another approves or refuses. All are dated, and begin in future."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from typing import Any, Final

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import InvalidField
from citizencard.core.states import lock_row
from citizencard.core.two_people import approve, refuse
from terminals.models import PolicyProposal
from terminals.services.acceptance_policy import publish_acceptance_policy
from terminals.services.appeals import publish_appeal_policy
from terminals.services.online.return_rules import publish_return_policy
from terminals.services.policies import publish_hot_list_policy, publish_parameters
from terminals.services.risk import publish_risk_parameters

Kind, State = PolicyProposal.Kind, PolicyProposal.State
_PUBLISH: Final[Mapping[str, Callable[..., models.Model]]] = {
    Kind.PARAMETERS: publish_parameters,
    Kind.HOT_LIST: publish_hot_list_policy,
    Kind.ACCEPTANCE: publish_acceptance_policy,
    Kind.RETURN: publish_return_policy,
    Kind.RISK: publish_risk_parameters,
    Kind.APPEAL: publish_appeal_policy,
}


class _Tried(Exception):
    """Ends a trial; what was tried is undone."""


@transaction.atomic
def propose_policy(*, kind: str, content: Mapping[str, Any], maker: str) -> PolicyProposal:
    """Ask for a policy to be put in force, with the values its publishing service takes. Audited.

    It is tried out and undone, so that what cannot stand is told at once: raises InvalidField naming field and rule (a policy
    begins after today), Conflict (the date has another version).
    """
    with suppress(_Tried), transaction.atomic():
        _publish(kind, content, maker)
        raise _Tried
    kept = {name: value.isoformat() if isinstance(value, date) else value for name, value in content.items()}
    proposal = PolicyProposal.objects.create(kind=kind, content=kept, maker=maker)
    _audit(proposal, "policy.propose", maker)
    return proposal


@transaction.atomic
def approve_policy(*, proposal: PolicyProposal, checker: str) -> PolicyProposal:
    """Put a policy in force; again, nothing changes. Raises MakerIsChecker, AlreadyDecided, and as `propose_policy`."""
    proposal = lock_row(proposal)
    if proposal.state == State.APPROVED:
        return proposal
    approve(proposal, checker=checker)
    dated = {**proposal.content, "valid_from": date.fromisoformat(proposal.content["valid_from"])}
    _publish(proposal.kind, dated, checker)
    _audit(proposal, "policy.approve", checker)
    return proposal


@transaction.atomic
def refuse_policy(*, proposal: PolicyProposal, checker: str, reason: str) -> PolicyProposal:
    """Send a proposal back for good. Raises MakerIsChecker, AlreadyDecided. Audited."""
    proposal = refuse(lock_row(proposal), checker=checker, answer=reason)
    _audit(proposal, "policy.refuse", checker)
    return proposal


def _publish(kind: str, content: Mapping[str, Any], actor: str) -> None:
    if content["valid_from"] <= shanghai(timezone.now()).date():
        raise InvalidField("valid_from", _("a policy begins after today"))
    _PUBLISH[kind](**content, actor=actor)


def _audit(proposal: PolicyProposal, action: str, actor: str) -> None:
    detail = {"kind": proposal.kind, **proposal.content, "answer": proposal.answer}
    record_audit(actor=actor, action=action, subject=f"policy:{proposal.pk}", detail=detail)
