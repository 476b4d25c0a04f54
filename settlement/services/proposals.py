"""Rules of settlement by two people: one proposes, another approves or refuses. What is in force says both names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from citizencard.core.audit import record_audit
from citizencard.core.errors import InvalidField
from citizencard.core.two_people import approve, refuse
from settlement.locks import lock_rules
from settlement.models import Contract, Proposal
from settlement.services.rules import adjustments, contracts, cut_offs, disputes, years
from terminals.models import Merchant

Kind, State = Proposal.Kind, Proposal.State
_CHECK: Final[Mapping[str, Callable[[object], dict[str, Any]]]] = {
    Kind.CONTRACT: contracts.check,
    Kind.CALENDAR: years.check,
    Kind.CUT_OFF: cut_offs.check,
    Kind.ADJUSTMENTS: adjustments.check,
    Kind.DISPUTES: disputes.check,
}
_PUBLISH: Final[Mapping[str, Callable[[dict[str, Any], Proposal], models.Model]]] = {
    Kind.CONTRACT: contracts.publish,
    Kind.CALENDAR: years.publish,
    Kind.CUT_OFF: cut_offs.publish,
    Kind.ADJUSTMENTS: adjustments.publish,
    Kind.DISPUTES: disputes.publish,
}
FOUNDER: Final = "city"
COUNCIL: Final = "city council"
"""Who proposes and who approves what a city begins with."""


@transaction.atomic
def propose_rule(*, kind: str, content: object, maker: str, reason: str = "") -> Proposal:
    """Ask for a rule to be put in force. Raises InvalidField naming field and rule; nothing is kept then. Audited."""
    if kind not in Kind.values:
        raise InvalidField("kind", _("unknown"))
    kept = _CHECK[kind](content)
    proposal = Proposal.objects.create(kind=kind, content=kept, reason=reason.strip(), maker=maker)
    _audit(proposal, "settlement_rule.propose", maker)
    return proposal


@transaction.atomic
def approve_rule(*, proposal: Proposal, checker: str) -> Proposal:
    """Put a rule in force, checked again as things are now; doing so again changes nothing. Audited.

    Raises MakerIsChecker, AlreadyDecided (refused before), InvalidField.
    """
    proposal = _lock(proposal)
    if proposal.state == State.APPROVED:
        return proposal
    approve(proposal, checker=checker)
    _PUBLISH[proposal.kind](_CHECK[proposal.kind](proposal.content), proposal)
    _audit(proposal, "settlement_rule.approve", checker)
    return proposal


@transaction.atomic
def refuse_rule(*, proposal: Proposal, checker: str, reason: str) -> Proposal:
    """Send a proposal back for good. Raises MakerIsChecker, AlreadyDecided. Audited."""
    proposal = _lock(proposal)
    refuse(proposal, checker=checker, answer=reason)
    _audit(proposal, "settlement_rule.refuse", checker)
    return proposal


@transaction.atomic
def found_rule(*, kind: str, content: object) -> Proposal:
    """A rule of a city being founded, before it has people to check each other. Founding it again changes nothing."""
    founded = Proposal.objects.filter(kind=kind, content=_CHECK[kind](content), maker=FOUNDER).first()
    if founded is not None:
        return founded
    return approve_rule(proposal=propose_rule(kind=kind, content=content, maker=FOUNDER), checker=COUNCIL)


def found_contract(*, merchant: Merchant, rate_basis_points: int, valid_from: date) -> Contract:
    """The simplest contract of a city being founded: a plain rate in 1/10,000, settled on the next working day."""
    content = {
        "number": f"0-{merchant.code}",
        "merchant": merchant.code,
        "valid_from": valid_from.isoformat(),
        "legal_basis": "foundation",
        "measure": Contract.Measure.GROSS.value,
        "period": Contract.Period.DAY.value,
        "bands": [{"floor": 0, "price": rate_basis_points}],
        "settle_days": 1,
    }
    return found_rule(kind=Kind.CONTRACT, content=content).contracts.get()


def _lock(proposal: Proposal) -> Proposal:
    lock_rules()
    return Proposal.objects.get(pk=proposal.pk)


def _audit(proposal: Proposal, action: str, actor: str) -> None:
    detail = {"kind": proposal.kind, "reason": proposal.answer or proposal.reason}
    record_audit(actor=actor, action=action, subject=f"settlement_rule:{proposal.pk}", detail=detail)
