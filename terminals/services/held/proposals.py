"""What no rule decides is decided by two people: one proposes, another approves or rejects."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from citizencard.core.audit import record_audit
from citizencard.core.errors import InvalidField
from citizencard.core.two_people import decide
from terminals.errors import HeldDecided, HeldPlaceMissing, HeldProposed
from terminals.models import HeldKind, HeldProposal, HeldResolution, Tap, WaitingPurchase
from terminals.services.held.claims import write_off
from terminals.services.held.resolving import Decision, resolve, take_turn

State = HeldProposal.State
Party = HeldResolution.Party


def propose_purchase(*, tap_id: int, paid_fen: int, actor: str, reason: str) -> HeldProposal:
    """Say what the merchant should get of a held purchase; the rest goes back. Audited.

    Raises InvalidField (0 ≤ paid_fen ≤ amount, a reason), HeldDecided, HeldProposed.
    """
    return _propose(HeldKind.PURCHASE, tap_id, paid_fen, actor, reason)


def propose_write_off(*, claim_id: int, actor: str, reason: str) -> HeldProposal:
    """Say that a claim will never be paid; `claim_id` is its transfer's. Audited. Raises as `propose_purchase`."""
    return _propose(HeldKind.CLAIM, claim_id, None, actor, reason)


@transaction.atomic
def approve_proposal(*, proposal: HeldProposal, actor: str) -> HeldProposal:
    """Carry out what somebody else has proposed; approving it again changes nothing. Audited.

    Raises MakerIsChecker, AlreadyDecided (rejected or lapsed before), HeldDecided, HeldPlaceMissing, NoOpenBusinessDay.
    """
    take_turn()
    current = HeldProposal.objects.get(pk=proposal.pk)
    if current.state == State.APPROVED:
        return current
    decide(current, HeldProposal.approve, State.APPROVED, checker=actor)
    waiting = _waiting(HeldKind(current.what), current.subject_id)
    if current.what == HeldKind.CLAIM:
        write_off(claim=waiting, proposal=current, actor=actor)
    elif not resolve([_decision(waiting, current)], kind="held_decided", actor=actor, reason=current.reason):
        raise HeldPlaceMissing(subject=str(waiting))
    _audit(current, "held.approve", actor, maker=current.maker)
    return current


@transaction.atomic
def reject_proposal(*, proposal: HeldProposal, actor: str, reason: str) -> HeldProposal:
    """Not so: what was proposed is over and the purchase waits on. Audited.

    Raises InvalidField without a reason, MakerIsChecker, AlreadyDecided.
    """
    _need_reason(reason)
    take_turn()
    current = HeldProposal.objects.get(pk=proposal.pk)
    decide(current, HeldProposal.reject, State.REJECTED, checker=actor, answer=reason)
    _audit(current, "held.reject", actor, reason=reason)
    return current


@transaction.atomic
def _propose(what: HeldKind, subject_id: int, paid_fen: int | None, actor: str, reason: str) -> HeldProposal:
    _need_reason(reason)
    take_turn()
    waiting = _waiting(what, subject_id)
    if paid_fen is not None and not 0 <= paid_fen <= waiting.amount_fen:
        raise InvalidField("paid_fen", _("between nothing and the amount of the purchase"))
    if waiting.proposal is not None:
        raise HeldProposed(maker=waiting.proposal.maker)
    proposal = HeldProposal.objects.create(
        what=what,
        subject_id=subject_id,
        amount_fen=waiting.amount_fen,
        paid_fen=paid_fen,
        reason=reason.strip(),
        maker=actor,
    )
    _audit(proposal, "held.propose", actor, paid_fen=paid_fen, reason=proposal.reason)
    return proposal


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidField("reason", _("a decision has a reason"))


def _waiting(what: HeldKind, subject_id: int) -> WaitingPurchase:
    waiting = (
        WaitingPurchase.objects.filter(what=what, subject_id=subject_id)
        .select_related("proposal", "merchant")
        .first()
    )
    if waiting is None:
        raise HeldDecided(subject=f"{what.label} {subject_id}")
    return waiting


def _decision(waiting: WaitingPurchase, proposal: HeldProposal) -> Decision:
    """All of it to the merchant means that the holder bears it; of anything less the operator bears the rest."""
    paid_fen = proposal.paid_fen or 0
    return Decision(
        tap_id=waiting.subject_id,
        business_date=waiting.business_date,
        outcome=Tap.Outcome[waiting.cause.upper()],
        occurred_at=waiting.occurred_at,
        amount_fen=waiting.amount_fen,
        payable_id=waiting.merchant.payable_id,
        party=Party.HOLDER if paid_fen == waiting.amount_fen else Party.OPERATOR,
        rule=HeldResolution.Rule.DECIDED,
        paid_fen=paid_fen,
        grounds={"proposal": proposal},
    )


def _audit(proposal: HeldProposal, action: str, actor: str, **detail: object) -> None:
    subject = f"{proposal.what}:{proposal.subject_id}"
    record_audit(
        actor=actor, action=action, subject=subject, detail={"amount_fen": proposal.amount_fen, **detail}
    )
