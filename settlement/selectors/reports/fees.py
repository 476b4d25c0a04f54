"""What was earned in fees, and what the payers of subsidies owe and gave."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from django.utils.translation import gettext_lazy as _

from accounts.models import Chart
from accounts.selectors.balances import chart_totals
from settlement.selectors.reports.frame import Lead, Report, Section, count, fen, text
from settlement.selectors.reports.scope import Scope, fetched, over

_INCOME: Final = (Chart.FEE_INCOME, Chart.CARD_SALES, Chart.SERVICE_FEES)

_FEES: Final = """
SELECT merchant.code, merchant.name, coalesce(contract.number, ''), fees.days, fees.gross::bigint, fees.fee::bigint FROM (
    SELECT merchant_id, contract_id, count(*) AS days, sum(gross_fen) AS gross, sum(fee_fen) AS fee FROM settlement_statement
    WHERE run_id BETWEEN %(first)s AND %(last)s GROUP BY merchant_id, contract_id
) AS fees
JOIN terminals_merchant AS merchant ON merchant.id = fees.merchant_id
LEFT JOIN settlement_contract AS contract ON contract.id = fees.contract_id
ORDER BY merchant.code COLLATE "C", contract.number
"""
# Of each payer's account: fares by the positions of the dates, everything by closing balances and the tallies after them.
_PAYERS: Final = """
SELECT payer.id, payer.code, payer.name, coalesce(fares.fen, 0)::bigint, before.debit_fen - before.credit_fen,
    until.debit_fen - before.debit_fen, until.credit_fen - before.credit_fen, until.debit_fen - until.credit_fen
FROM accounts_ledgeraccount AS payer
LEFT JOIN (
    SELECT account_id, -sum(amount_fen) AS fen FROM settlement_position
    WHERE run_id BETWEEN %(first)s AND %(last)s AND party = 'payer' GROUP BY account_id
) AS fares ON fares.account_id = payer.id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(debit_fen), 0)::bigint AS debit_fen, coalesce(sum(credit_fen), 0)::bigint AS credit_fen FROM accounts_tally
    WHERE account_id = payer.id AND business_date < %(first)s
) AS before
CROSS JOIN LATERAL (
    SELECT coalesce(sum(debit_fen), 0)::bigint AS debit_fen, coalesce(sum(credit_fen), 0)::bigint AS credit_fen FROM accounts_tally
    WHERE account_id = payer.id AND business_date <= %(last)s
) AS until
WHERE payer.chart = %(chart)s ORDER BY payer.code COLLATE "C"
"""


def fees_report(scope: Scope) -> Report:
    """What merchants paid in fees, by contract; and what the city earned of everything."""
    earned = chart_totals(until=scope.last)
    before = chart_totals(until=scope.first - timedelta(days=1))
    found = fetched(_FEES, scope)
    by_contract = Section(
        title=_("By contract"),
        columns=(
            text(_("code")), text(_("merchant")), text(_("contract number")), count(_("days"), summed=False),
            fen(_("gross")), fen(_("fee")),
        ),
        rows=found,
        leads=[Lead("merchant", (scope.period, ("merchant", code))) for code, *_rest in found],
    )  # fmt: skip
    income = Section(
        title=_("Income"),
        columns=(text(_("account")), text(_("name")), fen(_("income"))),
        rows=[
            (chart.value, str(chart.label), _credit(earned, chart) - _credit(before, chart))
            for chart in _INCOME
        ],
        leads=[Lead("accounts", (("chart__exact", chart.value),)) for chart in _INCOME],
    )
    return over(scope, "fees", _("Fees"), by_contract, income)


def subsidies_report(scope: Scope) -> Report:
    """What each payer of subsidies owed, was asked for and gave."""
    found = fetched(_PAYERS, scope, chart=Chart.SUBSIDY_RECEIVABLE)
    section = Section(
        title=_("By payer"),
        columns=(
            text(_("account")), text(_("payer")), fen(_("fare subsidies")), fen(_("opening balance")), fen(_("claimed")),
            fen(_("received or taken back")), fen(_("closing balance")),
        ),
        rows=[row[1:] for row in found],
        leads=[Lead("account", (("account", str(row[0])), ("day", scope.last.isoformat()))) for row in found],
        note=_("Fare subsidies are part of what was claimed, less what was taken back of them."),
    )  # fmt: skip
    return over(scope, "subsidies", _("Subsidies by payer"), section)


def _credit(totals: Mapping[str, tuple[int, int]], chart: Chart) -> int:
    debit, credit = totals.get(chart, (0, 0))
    return credit - debit
