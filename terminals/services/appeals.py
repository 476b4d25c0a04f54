"""A wrongly blocked card: its holder objects, another person decides, the card works again at once.

Each step is on the audit trail and told to the holder.
"""

from __future__ import annotations

import secrets
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.models import Card, Citizen, Compensation, Notice
from accounts.services.compensations import compensate
from accounts.services.incidents import clear_flag
from accounts.services.notices import notify
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import Conflict, InvalidField
from citizencard.core.masks import mask_card
from citizencard.core.money import format_yuan
from citizencard.core.states import step_to
from terminals.errors import IllegalAppealStep, NotAppealable, SelfDecision
from terminals.models import AppealPolicy, HotListAppeal, HotListEntry
from terminals.selectors.appeals import appeal_policy
from terminals.services.hotlist import remove_from_hot_list

State = HotListAppeal.State
_DECISION = ["state", "decided_by", "decided_at", "decision_reason", "compensation"]


@transaction.atomic
def file_appeal(
    *, card: Card, citizen: Citizen, actor: str, occurred_at: datetime, statement: str = ""
) -> HotListAppeal:
    """The holder objects to the card's present block; the objection that stands if there is one. Audited.

    Raises NotAppealable for a card that is not blocked on suspicion, is another's, or where no policy says how objections
    are decided.
    """
    card = locks.lock_card(card.pk)
    entry = HotListEntry.objects.filter(
        pan=card.pan, removed_at=None, cause=HotListEntry.Cause.SUSPICION
    ).first()
    on = shanghai(occurred_at).date()
    policy = appeal_policy(on)
    if entry is None or policy is None or card.citizen_id != citizen.pk:
        raise NotAppealable(card=mask_card(card.pan))
    standing = HotListAppeal.objects.filter(entry=entry).first()
    if standing is not None:
        return standing
    appeal = HotListAppeal.objects.create(
        number=f"AP{on:%Y%m%d}{secrets.token_hex(5).upper()}",
        entry=entry,
        citizen=citizen,
        policy=policy,
        statement=statement,
        filed_at=occurred_at,
        due_on=on + timedelta(days=policy.decide_days),
    )
    _tell(appeal, card, Notice.Code.APPEAL_FILED, due=appeal.due_on.isoformat())
    record_audit(
        actor=actor, action="appeal.file", subject=f"appeal:{appeal.number}", detail={"card": card.pan}
    )
    return appeal


@transaction.atomic
def grant_appeal(*, appeal: HotListAppeal, actor: str, reason: str, occurred_at: datetime) -> HotListAppeal:
    """The card should not have been blocked: off the list at once, its flags cleared, compensation by the policy. Audited.

    Raises SelfDecision, IllegalAppealStep, InvalidField.
    """
    card, current = _locked(appeal, actor, reason)
    with step_to(State.GRANTED, IllegalAppealStep):
        current.grant(actor, reason, occurred_at)
    why = f"{current.number}: {reason}"
    remove_from_hot_list(entry=current.entry, actor=actor, reason=current.number, occurred_at=occurred_at)
    for flag in card.flags.filter(cleared_at=None).order_by("pk"):
        clear_flag(flag=flag, actor=actor, reason=why[:200])
    current.compensation = _compensation(current, card, actor, occurred_at)
    _decided(current, "appeal.grant")
    _tell(current, card, Notice.Code.APPEAL_GRANTED)
    if current.compensation is not None:
        _tell(current, card, Notice.Code.COMPENSATED, amount=format_yuan(current.compensation.amount_fen))
    return current


@transaction.atomic
def refuse_appeal(*, appeal: HotListAppeal, actor: str, reason: str, occurred_at: datetime) -> HotListAppeal:
    """The card stays blocked; the holder reads the reason. Audited. Raises as `grant_appeal`."""
    card, current = _locked(appeal, actor, reason)
    with step_to(State.REFUSED, IllegalAppealStep):
        current.refuse(actor, reason, occurred_at)
    _decided(current, "appeal.refuse")
    _tell(current, card, Notice.Code.APPEAL_REFUSED)
    return current


@transaction.atomic
def publish_appeal_policy(
    *, valid_from: date, decide_days: int, compensation_fen: int, legal_basis: str, actor: str
) -> AppealPolicy:
    """How objections are decided from a day on. Audited. Raises Conflict when the date has other terms, InvalidField."""
    terms = {"decide_days": decide_days, "compensation_fen": compensation_fen, "legal_basis": legal_basis}
    if not legal_basis.strip():
        raise InvalidField("legal_basis", _("a policy needs a reason"))
    for name, least in (("decide_days", 1), ("compensation_fen", 0)):
        value = terms[name]
        if type(value) is not int or value < least:
            raise InvalidField(name, _("a whole number, not below %s") % least)
    policy, is_new = AppealPolicy.objects.get_or_create(valid_from=valid_from, defaults=terms)
    if any(getattr(policy, name) != value for name, value in terms.items()):
        raise Conflict(what=f"{valid_from}")
    if is_new:
        detail = {"valid_from": valid_from, **terms}
        record_audit(actor=actor, action="appeal_policy.publish", subject="appeal_policy", detail=detail)
    return policy


def _locked(appeal: HotListAppeal, actor: str, reason: str) -> tuple[Card, HotListAppeal]:
    """Card, then appeal. Whoever decides has a reason, and has not listed the card."""
    if not reason.strip():
        raise InvalidField("reason", _("a decision has a reason"))
    card = locks.lock_card(Card.objects.only("pk").get(pan=appeal.entry.pan).pk)
    current = (
        HotListAppeal.objects.select_for_update(of=("self",), no_key=True)
        .select_related("entry", "policy")
        .get(pk=appeal.pk)
    )
    if current.entry.listed_by == actor:
        raise SelfDecision
    return card, current


def _compensation(appeal: HotListAppeal, card: Card, actor: str, at: datetime) -> Compensation | None:
    policy = appeal.policy
    if not policy.compensation_fen:
        return None
    return compensate(
        card=card,
        amount_fen=policy.compensation_fen,
        key=f"appeal:{appeal.number}",
        legal_basis=policy.legal_basis,
        actor=actor,
        occurred_at=at,
    )


def _decided(appeal: HotListAppeal, action: str) -> None:
    appeal.save(update_fields=_DECISION)
    record_audit(
        actor=appeal.decided_by,
        action=action,
        subject=f"appeal:{appeal.number}",
        detail={"card": appeal.entry.pan, "reason": appeal.decision_reason},
    )


def _tell(appeal: HotListAppeal, card: Card, code: Notice.Code, **data: str) -> None:
    notify(appeal.citizen_id, code, card=mask_card(card.pan), number=appeal.number, **data)
