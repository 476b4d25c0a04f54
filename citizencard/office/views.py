"""Pages of the office that belong to no single object."""

from __future__ import annotations

from datetime import date

from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from accounts.selectors.balances import trial_balance
from citizencard.office.admin.base import day_asked
from citizencard.office.tables import Table, columns, money, yuan
from settlement.selectors.reports.books import reserve_check


@permission_required("office.view_finance_report", raise_exception=True)
def trial_balance_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """The trial balance of the whole ledger and the reserve beside what is owed; or of the business date `?day=`."""
    day = day_asked(request)
    tables = [_trial(day)] if day else [_trial(None), _reserve()]
    context = {**site.each_context(request), "title": _("Trial balance"), "day": day, "tables": tables}
    return TemplateResponse(request, "office/trial_balance.html", context)


def _trial(day: date | None) -> Table:
    rows = trial_balance(business_date=day)
    debit, credit = sum(row.debit_fen for row in rows), sum(row.credit_fen for row in rows)
    return Table(
        _("Trial balance of %(date)s") % {"date": day} if day else _("Trial balance"),
        [_("account"), _("name"), _("debit"), _("credit"), _("balance")],
        [
            [row.code, row.name, *money((row.debit_fen, row.credit_fen, row.debit_fen - row.credit_fen))]
            for row in rows
        ],
        columns(2, 3, 4),
        total=[_("Total"), "", *money((debit, credit, debit - credit))],
        note=_("Amounts in yuan; a credit balance is negative."),
    )


def _reserve() -> Table:
    check = reserve_check()
    return Table(
        _("Reserve"),
        [_("figure"), _("yuan")],
        [
            [_("held: bank, cash, gateway"), yuan(check.held_fen)],
            [_("claims in suspense"), yuan(check.claims_fen)],
            [_("owed: purses, deposits, top-ups in transit, merchants, suspense"), yuan(check.owed_fen)],
            [_("income: fees and card sales"), yuan(check.income_fen)],
            [_("missing to pay out everything owed"), yuan(check.shortfall_fen)],
        ],
        columns(1),
        total=[_("Difference"), yuan(check.difference_fen)],
    )
