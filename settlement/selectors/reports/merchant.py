"""One merchant: its statement of a month, and of a date down to the kinds of its transfers."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from accounts.models import Transfer
from citizencard.core.calendar import SHANGHAI
from citizencard.core.errors import NotFound
from settlement.models import Adjustment, PayoutOrder
from settlement.selectors.reports.frame import Lead, Report, Section, count, fen, text
from settlement.selectors.reports.scope import Scope, fetched, over
from settlement.selectors.reports.statements import FIELDS, FIGURES
from terminals.models import Merchant

_SHARED: Final = """
SELECT other.code, other.name, sum(taken)::bigint, sum(given)::bigint FROM (
    SELECT statement.merchant_id AS other_id, share.amount_fen AS taken, 0 AS given FROM settlement_statementshare AS share
    JOIN settlement_statement AS statement ON statement.id = share.statement_id
    WHERE share.merchant_id = %(merchant)s AND statement.merchant_id <> share.merchant_id AND run_id BETWEEN %(first)s AND %(last)s
    UNION ALL
    SELECT share.merchant_id, 0, share.amount_fen FROM settlement_statement AS statement
    JOIN settlement_statementshare AS share ON share.statement_id = statement.id AND share.merchant_id <> statement.merchant_id
    WHERE statement.merchant_id = %(merchant)s AND run_id BETWEEN %(first)s AND %(last)s
) AS part JOIN terminals_merchant AS other ON other.id = other_id
GROUP BY other.code, other.name ORDER BY other.code COLLATE "C"
"""
_PAID: Final = """
SELECT (batch.sent_at AT TIME ZONE %(zone)s)::date::text, batch.number, payout.end_to_end_id, payout.state, payout.amount_fen
FROM settlement_payoutorder AS payout JOIN settlement_payoutbatch AS batch ON batch.id = payout.batch_id
WHERE payout.merchant_id = %(merchant)s AND (batch.sent_at AT TIME ZONE %(zone)s)::date BETWEEN %(first)s AND %(last)s
ORDER BY batch.sent_at, payout.id
"""
_KINDS: Final = """
SELECT kind, count(*), sum(credit_fen)::bigint, sum(debit_fen)::bigint FROM (
    SELECT kind, amount_fen AS credit_fen, 0 AS debit_fen FROM accounts_transfer
    WHERE credit_id = %(account)s AND business_date BETWEEN %(first)s AND %(last)s
    UNION ALL
    SELECT kind, 0, amount_fen FROM accounts_transfer WHERE debit_id = %(account)s AND business_date BETWEEN %(first)s AND %(last)s
) AS leg GROUP BY kind ORDER BY kind
"""


def merchant_report(scope: Scope) -> Report:
    """The merchant's statement of the period: each date, adjustments, shares of others, and what was paid out. Raises NotFound."""
    merchant = _merchant(scope)
    sections = (
        _statements(scope, merchant),
        _adjustments(scope, merchant),
        _shares(scope, merchant),
        _payouts(scope, merchant),
    )
    return over(scope, "merchant", _("Merchant's statement"), *sections, facts=_facts(merchant))


def statement_report(scope: Scope) -> Report:
    """The merchant's statement of a date beside the kinds of transfers that it is made of. Raises NotFound."""
    merchant = _merchant(scope)
    found = fetched(_KINDS, scope, account=merchant.payable_id)
    kinds = Section(
        title=_("Transfers by kind"),
        columns=(text(_("kind")), count(_("transfers")), fen(_("credit")), fen(_("debit"))),
        rows=[(str(Transfer.Kind(kind).label), *figures) for kind, *figures in found],
        leads=[
            Lead("account", (("account", str(merchant.payable_id)), ("day", scope.last.isoformat()))) for _row in found
        ],
        note=_("Of the account on which the merchant's day is collected; cleared, both sides are equal."),
    )  # fmt: skip
    return over(
        scope,
        "statement",
        _("Statement of a date"),
        _statements(scope, merchant),
        kinds,
        facts=_facts(merchant),
    )


def _merchant(scope: Scope) -> Merchant:
    merchant = Merchant.objects.filter(code=scope.only.get("merchant", "")).first()
    if merchant is None:
        raise NotFound(what=f"merchant {scope.only.get('merchant', '')}")
    return merchant


def _facts(merchant: Merchant) -> tuple[tuple[str, str], ...]:
    return ((str(_("merchant")), f"{merchant.code} {merchant.name}"),)


def _statements(scope: Scope, merchant: Merchant) -> Section:
    statements = merchant.statements.filter(run__business_date__range=(scope.first, scope.last)).order_by(
        "run_id"
    )
    found = [
        (day.isoformat(), *rest)
        for day, *rest in statements.values_list("run_id", "contract__number", *FIELDS)
    ]
    return Section(
        title=_("Settlement statements"),
        columns=(text(_("business date")), text(_("contract number")), *FIGURES),
        rows=found,
        leads=[Lead("statement", (("day", day), ("merchant", merchant.code))) for day, *_rest in found],
    )


def _adjustments(scope: Scope, merchant: Merchant) -> Section:
    found = Adjustment.objects.filter(
        merchant=merchant,
        state=Adjustment.State.POSTED,
        business_date__range=(scope.first, scope.last),
    ).order_by("business_date", "pk")
    return Section(
        title=_("Adjustments"),
        columns=(text(_("business date")), text(_("reason")), text(_("evidence")), fen(_("amount"))),
        rows=[
            (str(each.business_date), each.get_reason_display(), each.evidence, each.amount_fen)
            for each in found
        ],
    )


def _shares(scope: Scope, merchant: Merchant) -> Section:
    return Section(
        title=_("Shared with other merchants"),
        columns=(text(_("code")), text(_("merchant")), fen(_("received")), fen(_("given away"))),
        rows=fetched(_SHARED, scope, merchant=merchant.pk),
    )


def _payouts(scope: Scope, merchant: Merchant) -> Section:
    found = fetched(_PAID, scope, merchant=merchant.pk, zone=str(SHANGHAI))
    return Section(
        title=_("Payouts"),
        columns=(
            text(_("sent on")), text(_("batch number")), text(_("end-to-end id")), text(_("state")), fen(_("amount")),
        ),
        rows=[
            (sent_on, batch, end_to_end, str(PayoutOrder.State(state).label), amount_fen)
            for sent_on, batch, end_to_end, state, amount_fen in found
        ],
    )  # fmt: skip
