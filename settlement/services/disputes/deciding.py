"""A dispute is decided: by one person, or by two from the policy's amount on, and never by who opened it.

Granted, the holder's credit is final and who has to bears it, on the merchant's next statement. Refused, nothing moves until the
time to appeal is over; an appeal is decided by others than before.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Chart, LedgerAccount, Notice
from accounts.selectors.disputed import owed_back_fen
from accounts.services.disputed_charges import grant_charge, refuse_charge, write_off_credit
from accounts.services.ledger import open_account
from citizencard.core.calendar import shanghai
from citizencard.core.errors import AlreadyDecided, InvalidField, MakerIsChecker
from citizencard.core.states import step_to
from settlement.errors import (
    DecidedByParty,
    DecisionProposed,
    IllegalDisputeStep,
    NothingOwed,
)
from settlement.locks import lock_dispute
from settlement.models import Dispute, DisputeDecision
from settlement.selectors.calendar import clock_date
from settlement.services.disputes.telling import audit, tell

Outcome, Bearer, Rule = DisputeDecision.Outcome, DisputeDecision.Bearer, DisputeDecision.Rule
State = Dispute.State
_DECIDED: Final = ["state", "checker", "checked_at", "answer"]
_FROM: Final = {
    Outcome.GRANT: (State.OPENED, State.ASKED, State.ANSWERED, State.APPEALED),
    Outcome.REFUSE: (State.ANSWERED, State.APPEALED),
    Outcome.WRITE_OFF: (State.CLOSED,),
}
_TO: Final = {Outcome.GRANT: State.GRANTED, Outcome.REFUSE: State.REFUSED, Outcome.WRITE_OFF: State.CLOSED}
CLOCK: Final = "dispute clock"
"""Who takes the steps that nobody decides."""


@transaction.atomic
def decide_dispute(
    *, dispute: Dispute, outcome: str, actor: str, reason: str, now: datetime, bearer: str = ""
) -> DisputeDecision:
    """Decide, or propose where it takes two. `bearer` says who bears what is granted. What is left of a credit after a closed
    dispute is written off in the same way, always by two.

    Audited; the holder is told once it is done. Raises InvalidField, DecidedByParty, DecisionProposed, IllegalDisputeStep (nobody
    refuses without evidence on file), NothingOwed, and what `post_journal` raises.
    """
    if outcome not in Outcome.values:
        raise InvalidField("outcome", _("unknown"))
    if not reason.strip():
        raise InvalidField("reason", _("a decision has a reason"))
    current = lock_dispute(dispute.pk)
    wanted = Outcome(outcome)
    _demand_step(current, wanted)
    _demand_bearer(current, wanted, bearer)
    _demand_stranger(current, actor)
    standing = current.decisions.filter(state=DisputeDecision.State.PROPOSED).first()
    if standing is not None:
        raise DecisionProposed(maker=standing.maker)
    by_two = wanted == Outcome.WRITE_OFF or current.charge.amount_fen >= current.policy.two_people_from_fen
    decision = DisputeDecision.objects.create(
        dispute=current,
        outcome=wanted,
        bearer=bearer,
        rule=Rule.PEOPLE,
        reason=reason.strip(),
        by_two=by_two,
        on_appeal=current.state == State.APPEALED,
        state=DisputeDecision.State.PROPOSED if by_two else DisputeDecision.State.DONE,
        maker=actor,
        made_at=now,
    )
    audit(current, "dispute.propose" if by_two else "dispute.decide", actor, outcome=outcome, bearer=bearer)
    if not by_two:
        _carry_out(current, decision, actor, now)
    return decision


@transaction.atomic
def approve_decision(*, decision: DisputeDecision, actor: str, now: datetime) -> DisputeDecision:
    """Carry out what somebody else has proposed. Audited. Raises MakerIsChecker, DecidedByParty, AlreadyDecided, and what
    `decide_dispute` raises of the dispute's state.
    """
    current, proposed = _proposed(decision, actor)
    with step_to(DisputeDecision.State.DONE, AlreadyDecided):
        proposed.carry_out()
    _demand_step(current, Outcome(proposed.outcome))
    proposed.checker, proposed.checked_at = actor, now
    proposed.save(update_fields=_DECIDED)
    audit(current, "dispute.approve", actor, outcome=proposed.outcome, maker=proposed.maker)
    _carry_out(current, proposed, actor, now)
    return proposed


@transaction.atomic
def reject_decision(*, decision: DisputeDecision, actor: str, reason: str, now: datetime) -> DisputeDecision:
    """Not so: the dispute waits on, its clock too. Audited. Raises InvalidField, MakerIsChecker, AlreadyDecided."""
    if not reason.strip():
        raise InvalidField("reason", _("a decision has a reason"))
    current, proposed = _proposed(decision, actor)
    with step_to(DisputeDecision.State.REJECTED, AlreadyDecided):
        proposed.reject()
    proposed.checker, proposed.checked_at, proposed.answer = actor, now, reason.strip()
    proposed.save(update_fields=_DECIDED)
    audit(current, "dispute.reject", actor, outcome=proposed.outcome, reason=proposed.answer)
    return proposed


def grant_by_clock(
    dispute: Dispute, rule: DisputeDecision.Rule, bearer: DisputeDecision.Bearer, now: datetime
) -> None:
    """A locked dispute is the holder's because its clock has run out; what somebody had proposed is over."""
    for proposed in dispute.decisions.filter(state=DisputeDecision.State.PROPOSED):
        proposed.lapse()
        proposed.checked_at = now
        proposed.save(update_fields=_DECIDED)
    decision = DisputeDecision.objects.create(
        dispute=dispute,
        outcome=Outcome.GRANT,
        bearer=bearer,
        rule=rule,
        reason=rule.value,
        by_two=False,
        on_appeal=dispute.state == State.APPEALED,
        state=DisputeDecision.State.DONE,
        maker=CLOCK,
        made_at=now,
    )
    audit(dispute, "dispute.decide", CLOCK, outcome=decision.outcome, bearer=bearer, rule=rule)
    _carry_out(dispute, decision, CLOCK, now)


def close_unappealed(dispute: Dispute, now: datetime) -> None:
    """A locked dispute was refused, and nobody has appealed in time: the charge stands."""
    _close(dispute, CLOCK, now)
    audit(dispute, "dispute.close", CLOCK)


def _carry_out(dispute: Dispute, decision: DisputeDecision, actor: str, now: datetime) -> None:
    match Outcome(decision.outcome):
        case Outcome.GRANT:
            with step_to(State.GRANTED, IllegalDisputeStep):
                dispute.grant(now)
            dispute.save(update_fields=Dispute.STEPS)
            bearer = _account_of(dispute, decision)
            grant_charge(charge=dispute.charge, bearer=bearer, actor=actor, occurred_at=now)
            tell(dispute, Notice.Code.DISPUTE_GRANTED)
        case Outcome.REFUSE if decision.on_appeal:
            _close(dispute, actor, now)
        case Outcome.REFUSE:
            until = clock_date(shanghai(now).date(), dispute.policy.appeal_days)
            with step_to(State.REFUSED, IllegalDisputeStep):
                dispute.refuse(until)
            dispute.save(update_fields=Dispute.STEPS)
            tell(dispute, Notice.Code.DISPUTE_REFUSED, due=until.isoformat())
        case Outcome.WRITE_OFF:
            write_off_credit(charge=dispute.charge, actor=actor, occurred_at=now)


def _close(dispute: Dispute, actor: str, now: datetime) -> None:
    with step_to(State.CLOSED, IllegalDisputeStep):
        dispute.close(now)
    dispute.save(update_fields=Dispute.STEPS)
    refuse_charge(charge=dispute.charge, actor=actor, occurred_at=now)
    tell(dispute, Notice.Code.DISPUTE_CLOSED)


def _account_of(dispute: Dispute, decision: DisputeDecision) -> LedgerAccount:
    if decision.bearer == Bearer.MERCHANT and dispute.merchant is not None:
        return dispute.merchant.payable
    return open_account(chart=Chart.WRITE_OFF)


def _proposed(decision: DisputeDecision, actor: str) -> tuple[Dispute, DisputeDecision]:
    """The case under lock, and the decision as it is now, for somebody who may decide over it."""
    current = lock_dispute(decision.dispute_id)
    proposed = DisputeDecision.objects.get(pk=decision.pk)
    if actor == proposed.maker:
        raise MakerIsChecker
    _demand_stranger(current, actor)
    return current, proposed


def _demand_step(dispute: Dispute, outcome: DisputeDecision.Outcome) -> None:
    if dispute.state not in _FROM[outcome]:
        raise IllegalDisputeStep(source=State(dispute.state).label, target=_TO[outcome].label)
    if outcome == Outcome.WRITE_OFF and not owed_back_fen(dispute.charge):
        raise NothingOwed


def _demand_bearer(dispute: Dispute, outcome: DisputeDecision.Outcome, bearer: str) -> None:
    """Who bears it is said for what is granted, and only then; a top-up has no merchant."""
    asked = {Bearer.CENTRE} | ({Bearer.MERCHANT} if dispute.merchant_id is not None else set())
    if bearer not in (asked if outcome == Outcome.GRANT else {Bearer.NOBODY}):
        raise InvalidField("bearer", _("somebody who can bear it, where it is granted"))


def _demand_stranger(dispute: Dispute, actor: str) -> None:
    """Who opened the case does not decide it; nor, on appeal, who has decided it before."""
    before = dispute.decisions.filter(state=DisputeDecision.State.DONE)
    parties = {dispute.opened_by}
    if dispute.state == State.APPEALED:
        parties |= {name for pair in before.values_list("maker", "checker") for name in pair}
    if actor in parties:
        raise DecidedByParty
