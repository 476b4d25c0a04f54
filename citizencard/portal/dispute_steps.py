"""How far a dispute has come, as a line of steps, and what came of it, in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import gettext as _

from accounts.selectors.disputed import owed_back_fen
from citizencard.core.calendar import shanghai
from citizencard.core.money import format_yuan
from settlement.models import Dispute, DisputeDecision, DisputeEvidence

State, Outcome, Rule = Dispute.State, DisputeDecision.Outcome, DisputeDecision.Rule


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `on` is when it was reached, or, while it was not, the day by which it is."""

    label: str
    is_reached: bool
    on: date | None


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What came of it: the sentences, and whether it is in the holder's favour."""

    sentences: tuple[str, ...]
    granted: bool


def steps_of(dispute: Dispute) -> list[Step]:
    """From the dispute's arrival to its end."""
    pieces = dispute.evidence.exclude(party=DisputeEvidence.Party.HOLDER)
    first = pieces.order_by("filed_at").values_list("filed_at", flat=True).first()
    done = list(
        dispute.decisions.filter(state=DisputeDecision.State.DONE)
        .exclude(outcome=Outcome.WRITE_OFF)
        .order_by("pk")
    )
    steps = [Step(_("Received"), True, _date(dispute.opened_at))]
    if dispute.asked_at:
        steps.append(Step(_("The merchant was asked for evidence"), True, _date(dispute.asked_at)))
    if first or not done:
        waits = dispute.due_on if dispute.state in (State.OPENED, State.ASKED) else None
        steps.append(Step(_("Evidence for the charge"), first is not None, _date(first) or waits))
    steps += [
        Step(_decided(each), True, _date(each.checked_at or each.made_at))
        for each in done
        if not each.on_appeal
    ]
    if not done:
        steps.append(Step(_("Decided"), False, dispute.decide_by))
    if dispute.state == State.APPEALED:
        steps += [
            Step(_("You have appealed"), True, None),
            Step(_("Decided by another person"), False, dispute.due_on),
        ]
    steps += [
        Step(
            _("On appeal: %(decision)s") % {"decision": _decided(each)},
            True,
            _date(each.checked_at or each.made_at),
        )
        for each in done
        if each.on_appeal
    ]
    return steps


def outcome_of(dispute: Dispute) -> Outcomes | None:
    """What came of it; None while nothing has."""
    last = (
        dispute.decisions.filter(state=DisputeDecision.State.DONE)
        .exclude(outcome=Outcome.WRITE_OFF)
        .order_by("pk")
        .last()
    )
    if last is None or dispute.state == State.APPEALED:
        return None
    if dispute.state == State.GRANTED:
        amount = format_yuan(dispute.charge.amount_fen)
        return Outcomes((_why(last), _("¥%(amount)s are yours.") % {"amount": amount}, _where(dispute)), True)
    sentences = [_("The charge stands: %(reason)s") % {"reason": last.reason}]
    if dispute.state == State.REFUSED and dispute.charge.order_id:
        sentences.append(_("What was credited stays with you until the time to appeal is over."))
    if owed_fen := owed_back_fen(dispute.charge):
        words = _(
            "¥%(amount)s of the credit are still to be given back; they are taken from your online account once it has them."
        )
        sentences.append(words % {"amount": format_yuan(owed_fen)})
    return Outcomes(tuple(sentences), False)


def _why(decision: DisputeDecision) -> str:
    if decision.rule == Rule.NO_EVIDENCE:
        return _("Nobody has shown in time that the charge is right, so it is decided for you.")
    if decision.rule == Rule.NOT_DECIDED:
        return _("We did not decide in time, so it is decided for you. We are sorry.")
    return decision.reason


def _where(dispute: Dispute) -> str:
    order = dispute.charge.order
    if order is not None and order.purse.kind == "account":
        return _("They are in your online account.")
    return _(
        "They are put onto the card at the next reader that tops up; for a lost card any service hall pays them out."
    )


def _decided(decision: DisputeDecision) -> str:
    if decision.outcome == Outcome.GRANT:
        return _("Decided for you")
    return _("Decided against you")


def _date(moment: datetime | None) -> date | None:
    return None if moment is None else shanghai(moment).date()
