"""Reports on the ledger: the trial balance of a period, and whether what is held covers what is owed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.utils.translation import gettext_lazy as _

from accounts.models import Chart
from accounts.selectors.balances import chart_totals, trial_balance
from settlement.selectors.reports.frame import Lead, Report, Section, fen, text
from settlement.selectors.reports.scope import Scope, over

# First digits of the chart of accounts.
_ASSETS: Final = "1"
_LIABILITIES: Final = "2"


@dataclass(frozen=True, slots=True)
class ReserveCheck:
    """What the city holds against what it owes, in fen.

    `held_fen` bank, cash and gateway receivable; `claims_fen` suspense receivable; `owed_fen` purses, deposits,
    top-ups in transit, merchants and suspense; `income_fen` fees and card sales.
    """

    held_fen: int
    claims_fen: int
    owed_fen: int
    income_fen: int

    @property
    def difference_fen(self) -> int:
        """Zero when the books balance."""
        return self.held_fen + self.claims_fen - self.owed_fen - self.income_fen

    @property
    def shortfall_fen(self) -> int:
        """How much money is missing to pay out everything owed at once; zero when it is all there."""
        return max(0, self.owed_fen - self.held_fen)


def reserve_check() -> ReserveCheck:
    """Money held against money owed, over the whole ledger."""
    held = claims = owed = income = 0
    for row in trial_balance():
        debit_fen = row.debit_fen - row.credit_fen
        if row.code.startswith(Chart.SUSPENSE_RECEIVABLE):
            claims += debit_fen
        elif row.code.startswith(_ASSETS):
            held += debit_fen
        elif row.code.startswith(_LIABILITIES):
            owed -= debit_fen
        else:
            income -= debit_fen
    return ReserveCheck(held_fen=held, claims_fen=claims, owed_fen=owed, income_fen=income)


def trial_balance_report(scope: Scope) -> Report:
    """Each account of the chart: before the period, moved in it, and at its end; debit above zero."""
    before, until = chart_totals(until=scope.first - timedelta(days=1)), chart_totals(until=scope.last)
    rows, leads = [], []
    for chart, (debit, credit) in until.items():
        had_debit, had_credit = before.get(chart, (0, 0))
        label = str(Chart(chart).label)
        rows.append(
            (chart, label, had_debit - had_credit, debit - had_debit, credit - had_credit, debit - credit)
        )
        leads.append(Lead("accounts", (("chart__exact", chart),)))
    section = Section(
        title=_("Trial balance"),
        columns=(
            text(_("account")), text(_("name")), fen(_("opening balance")), fen(_("debit")), fen(_("credit")),
            fen(_("closing balance")),
        ),
        rows=rows,
        leads=leads,
        note=_("A credit balance is negative."),
    )  # fmt: skip
    return over(scope, "trial-balance", _("Trial balance"), section)
