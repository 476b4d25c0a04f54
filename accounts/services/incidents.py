"""Damage and suspicion: put on record with evidence, decided by people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import locks
from accounts.errors import RefundBlocked
from accounts.models import Card, CardDamage, CardFlag
from accounts.selectors.refund_blockers import Blocking
from accounts.selectors.refund_quote import policy_in_force
from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import InvalidField


@transaction.atomic
def flag_tampered(*, card: Card, evidence: Mapping[str, int], actor: str, occurred_at: datetime) -> CardFlag:
    """Put a tampered chip on record: nothing is paid out until somebody clears it. The open flag if there is one.

    The card is a candidate for the hot list, see `accounts.selectors.refunds.flagged_cards`. Audited.
    """
    locks.lock_card(card.pk)
    standing = CardFlag.objects.filter(card=card, kind=CardFlag.Kind.TAMPERED, cleared_at=None).first()
    if standing is not None:
        return standing
    record_audit(actor=actor, action="card.flag", subject=f"card:{card.pan}", detail=evidence)
    return CardFlag.objects.create(
        card=card,
        kind=CardFlag.Kind.TAMPERED,
        evidence=dict(evidence),
        raised_by=actor,
        raised_at=occurred_at,
    )


@transaction.atomic
def flag_false_cards(*, evidence: Mapping[int, Mapping[str, int]], actor: str, occurred_at: datetime) -> None:
    """Cards (by primary key) whose number a chip has shown that did not prove its debit. One that is flagged stays so. Audited."""
    flags = [
        CardFlag(
            card_id=card_id,
            kind=CardFlag.Kind.TAMPERED,
            evidence=dict(found),
            raised_by=actor,
            raised_at=occurred_at,
        )
        for card_id, found in evidence.items()
    ]
    CardFlag.objects.bulk_create(flags, ignore_conflicts=True)
    record_audit(actor=actor, action="card.flag", subject="cards", detail={"cards": sorted(evidence)})


@transaction.atomic
def clear_flag(*, flag: CardFlag, actor: str, reason: str) -> CardFlag:
    """A person has looked into it and found nothing; clearing again changes nothing. Audited. Raises InvalidField."""
    if not reason:
        raise InvalidField("reason", _("a flag is cleared for a reason"))
    locks.lock_card(flag.card_id)
    current = CardFlag.objects.get(pk=flag.pk)
    if current.cleared_at is not None:
        return current
    current.cleared_by, current.cleared_at, current.cleared_reason = actor, timezone.now(), reason
    current.save(update_fields=["cleared_by", "cleared_at", "cleared_reason"])
    record_audit(
        actor=actor, action="card.clear_flag", subject=f"card:{flag.card.pan}", detail={"reason": reason}
    )
    return current


@transaction.atomic
def record_damage(*, card: Card, finding: str, actor: str, occurred_at: datetime) -> CardDamage | None:
    """The holder has damaged the card: the policy's fee will be taken from the deposit; the record if there is one.

    None where the policy charges nothing. Audited. Raises RefundBlocked when the product has no policy.
    """
    card = locks.lock_card(card.pk)
    standing = CardDamage.objects.filter(card=card).first()
    if standing is not None:
        return standing
    policy = policy_in_force(card.product_id, shanghai(occurred_at).date())
    if policy is None:
        raise RefundBlocked(blocker=Blocking.NO_POLICY, reason=card.product.name, legal_basis="")
    if not policy.damage_fee_fen:
        return None
    record_audit(
        actor=actor,
        action="card.damage",
        subject=f"card:{card.pan}",
        detail={"finding": finding, "amount_fen": policy.damage_fee_fen},
    )
    return CardDamage.objects.create(
        card=card,
        amount_fen=policy.damage_fee_fen,
        finding=finding,
        rule=policy.legal_basis,
        actor=actor,
        occurred_at=occurred_at,
    )
