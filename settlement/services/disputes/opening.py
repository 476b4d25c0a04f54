"""A holder, or a clerk for one, does not accept a charge: the case begins, its clock too, and the money is advanced."""

from __future__ import annotations

import secrets
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.models import Card, DisputedCharge, Notice
from accounts.services.disputed_charges import dispute_charge
from citizencard.core.calendar import shanghai
from citizencard.core.errors import InvalidField
from settlement.errors import DisputePolicyMissing, DisputeTooLate
from settlement.models import Dispute, DisputeEvidence, DisputeKind, DisputePolicy
from settlement.selectors.calendar import clock_date
from settlement.selectors.dispute_charges import Charge, charge_of
from settlement.selectors.dispute_facts import gather
from settlement.selectors.disputes import dispute_policy
from settlement.services.disputes.evidence import add_evidence
from settlement.services.disputes.telling import audit, tell
from terminals.services.pricing.service import take_turn

What = DisputedCharge.What


@transaction.atomic
def open_dispute(
    *,
    card: Card,
    kind: str,
    what: str,
    source_id: int,
    words: str,
    actor: str,
    now: datetime,
    day: date | None = None,
    amount_fen: int | None = None,
    file: bytes | None = None,
) -> Dispute:
    """Dispute `amount_fen` (all that is left, unless told otherwise) of one charge of the card; `day` is a purchase's business date.

    The facts are gathered, and the amount is credited at once as far as the policy in force advances it. Audited; the holder is
    told. Raises NotFound, NotDisputable, ChargeDisputed, DisputePolicyMissing, DisputeTooLate, InvalidField, KeyServiceUnavailable,
    NoOpenBusinessDay.
    """
    if what == What.PURCHASE:
        take_turn()
    card = locks.lock_card(card.pk)
    locks.lock_purses(card.pk)
    charge = charge_of(card, what, source_id, day)
    on = shanghai(now).date()
    policy = _policy(kind, charge, on)
    disputed_fen = charge.left_fen if amount_fen is None else amount_fen
    if type(disputed_fen) is not int or not 0 < disputed_fen <= charge.left_fen:
        raise InvalidField("amount_fen", _("between nothing and what is left of the charge"))
    facts = gather(card, charge)
    disputed = dispute_charge(
        card=card,
        what=charge.what,
        source_id=charge.source_id,
        amount_fen=disputed_fen,
        advance_up_to_fen=policy.advance_up_to_fen,
        charged_at=charge.occurred_at,
        actor=actor,
        occurred_at=now,
    )
    dispute = Dispute.objects.create(
        number=f"DP{on:%Y%m%d}{secrets.token_hex(5).upper()}",
        kind=kind,
        charge=disputed,
        merchant=charge.merchant,
        place=charge.place,
        charged_fen=charge.amount_fen,
        policy=policy,
        facts=facts,
        opened_by=actor,
        opened_at=now,
        decide_by=clock_date(on, policy.decide_days),
        due_on=clock_date(on, policy.evidence_days),
    )
    add_evidence(
        dispute=dispute, party=DisputeEvidence.Party.HOLDER, words=words, file=file, actor=actor, now=now
    )
    audit(dispute, "dispute.open", actor, kind=kind, what=what, amount_fen=disputed_fen)
    tell(dispute, Notice.Code.DISPUTE_OPENED, due=dispute.decide_by.isoformat())
    if disputed.order is not None:
        tell(dispute, Notice.Code.DISPUTE_ADVANCED)
    return dispute


def _policy(kind: str, charge: Charge, on: date) -> DisputePolicy:
    """The policy in force for a kind that fits the charge."""
    if kind not in DisputeKind.values or (kind == DisputeKind.TOP_UP) != (charge.what == What.TOP_UP):
        raise InvalidField("kind", _("does not fit this charge"))
    policy = dispute_policy(kind, on)
    if policy is None:
        raise DisputePolicyMissing(kind=DisputeKind(kind).label, date=on)
    if shanghai(charge.occurred_at).date() < on - timedelta(days=policy.file_days):
        raise DisputeTooLate(days=policy.file_days, legal_basis=policy.legal_basis)
    return policy
