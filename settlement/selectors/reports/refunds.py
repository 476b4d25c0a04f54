"""What was given back: refunds of cards, how they were paid, and purchases taken back."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from accounts.models import RefundPart
from citizencard.core.calendar import SHANGHAI
from settlement.selectors.reports.frame import Lead, Report, Section, count, fen, text
from settlement.selectors.reports.scope import Scope, fetched, over
from settlement.selectors.reports.trade import parts

_APPROVED: Final = """
SELECT product.code, product.name, count(*), sum(refund.balance_fen)::bigint, sum(refund.deposit_fen - refund.damage_fen)::bigint,
    sum(refund.price_fen)::bigint, sum(refund.interest_fen)::bigint, sum(refund.fee_fen)::bigint, sum(refund.payable_fen)::bigint
FROM accounts_refund AS refund JOIN accounts_card AS card ON card.id = refund.card_id
JOIN accounts_cardproduct AS product ON product.code = card.product_id
WHERE refund.payable_fen IS NOT NULL AND (refund.decided_at AT TIME ZONE %(zone)s)::date BETWEEN %(first)s AND %(last)s
GROUP BY product.code, product.name ORDER BY product.code COLLATE "C"
"""
_PAID: Final = """
SELECT method, count(*), sum(amount_fen)::bigint FROM accounts_refundpart
WHERE state = 'paid' AND (settled_at AT TIME ZONE %(zone)s)::date BETWEEN %(first)s AND %(last)s
GROUP BY method ORDER BY method
"""


def refunds_report(scope: Scope) -> Report:
    """Approved by product, paid by method, and what merchants gave back of purchases and fares by channel."""
    zone = str(SHANGHAI)
    approved = Section(
        title=_("Cards refunded"),
        columns=(
            text(_("code")), text(_("card product")), count(_("refunds")), fen(_("balance")), fen(_("deposit")), fen(_("price")),
            fen(_("interest")), fen(_("fee")), fen(_("payable")),
        ),
        rows=fetched(_APPROVED, scope, zone=zone),
        note=_("Payable is balance, deposit, price and interest, less the fee."),
    )  # fmt: skip
    paid = Section(
        title=_("Paid out"),
        columns=(text(_("method")), count(_("payments")), fen(_("amount"))),
        rows=[
            (str(RefundPart.Method(method).label), number, amount_fen)
            for method, number, amount_fen in fetched(_PAID, scope, zone=zone)
        ],
    )
    channels = [part for part in parts(scope, "channel") if part.refund_fen]
    given = Section(
        title=_("Given back by merchants"),
        columns=(text(_("channel")), fen(_("given back"))),
        rows=[(part.name, part.refund_fen) for part in channels],
        leads=[Lead("month", (scope.period, ("channel", part.key))) for part in channels],
    )
    return over(scope, "refunds", _("Refunds"), approved, paid, given)
