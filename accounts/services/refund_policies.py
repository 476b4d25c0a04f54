"""Publishing the dated refund rules of a product."""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import CardProduct, RefundPolicy
from citizencard.core.audit import record_audit
from citizencard.core.errors import Conflict, InvalidField


@transaction.atomic
def publish_refund_policy(
    *,
    product: CardProduct,
    valid_from: date,
    legal_basis: str,
    redeemable: bool,
    waiting_days: int,
    sla_days: int,
    actor: str,
    after_months: int = 0,
    no_reason_days: int = 7,
    fee_fen: int = 0,
    damage_fee_fen: int = 0,
    cash_limit_fen: int = 0,
) -> RefundPolicy:
    """The refund rules of a product from a day on; published again with the same terms, the same row. Audited.

    Raises Conflict when the date has other terms (a rule is never changed, a later one takes its place), InvalidField.
    """
    terms = {
        "redeemable": redeemable,
        "after_months": after_months,
        "no_reason_days": no_reason_days,
        "waiting_days": waiting_days,
        "sla_days": sla_days,
        "fee_fen": fee_fen,
        "damage_fee_fen": damage_fee_fen,
        "cash_limit_fen": cash_limit_fen,
        "legal_basis": legal_basis,
    }
    if not legal_basis:
        raise InvalidField("legal_basis", _("a rule names its basis"))
    for name, value in terms.items():
        if isinstance(value, int) and value < 0:
            raise InvalidField(name, _("not below zero"))
    policy, is_new = RefundPolicy.objects.get_or_create(
        product=product, valid_from=valid_from, defaults=terms
    )
    if any(getattr(policy, name) != value for name, value in terms.items()):
        raise Conflict(what=f"{product.pk} {valid_from}")
    if is_new:
        subject = f"product:{product.pk}"
        record_audit(actor=actor, action="refund_policy.publish", subject=subject, detail=terms)
    return policy
