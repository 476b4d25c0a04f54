"""The dated rule for what purchases may be."""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from citizencard.core.audit import record_audit
from citizencard.core.errors import Conflict, InvalidField
from terminals.models import AcceptancePolicy, Channel


@transaction.atomic
def publish_acceptance_policy(
    *,
    channel: str,
    valid_from: date,
    purchase_limit_fen: int,
    legal_basis: str,
    actor: str,
    late_days: int = 30,
    decide_days: int = 30,
    hold_over_price: bool = True,
) -> AcceptancePolicy:
    """The rule for purchases of a channel from a date on: limit of one purchase, days until a record is late, and
    until what is held goes back undecided. Audited.

    Publishing the same again changes nothing. Raises InvalidField; Conflict when the date has another version.
    """
    if channel not in Channel.values:
        raise InvalidField("channel", channel)
    if not legal_basis.strip():
        raise InvalidField("legal_basis", _("a policy needs a reason"))
    for field, value in (
        ("purchase_limit_fen", purchase_limit_fen),
        ("late_days", late_days),
        ("decide_days", decide_days),
    ):
        if value < 1:
            raise InvalidField(field, _("at least 1"))
    values = {
        "purchase_limit_fen": purchase_limit_fen,
        "late_days": late_days,
        "decide_days": decide_days,
        "hold_over_price": hold_over_price,
        "legal_basis": legal_basis,
    }
    policy, new = AcceptancePolicy.objects.get_or_create(
        channel=channel, valid_from=valid_from, defaults=values
    )
    if any(getattr(policy, field) != value for field, value in values.items()):
        raise Conflict(what=f"{channel} {valid_from}")
    if new:
        record_audit(
            actor=actor,
            action="acceptance_policy.publish",
            subject=f"acceptance_policy:{channel}",
            detail={"valid_from": valid_from, **values},
        )
    return policy
