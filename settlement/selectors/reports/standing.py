"""Reports on what stands at the end of a date: the reserve fund day by day, and how old is what nobody has explained."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from accounts.models import Chart
from accounts.selectors.balances import chart_totals
from citizencard.core.calendar import SHANGHAI
from settlement.models import SuspenseItem
from settlement.selectors.reports.frame import Lead, Report, Section, count, fen, text
from settlement.selectors.reports.scope import Scope, fetched, over
from settlement.selectors.suspense import BUCKETS_DAYS

_RESERVE: Final = """
SELECT day.date, report.holders_fen, report.merchants_fen, report.suspense_fen, report.own_fen, report.elsewhere_fen, report.late_fen,
    report.waiting_fen, report.bank_fen
FROM core_businessday AS day LEFT JOIN settlement_reservereport AS report ON report.business_date = day.date
WHERE day.date BETWEEN %(first)s AND %(last)s ORDER BY day.date
"""
# As they stood at the end of the last date, whatever became of them since.
_AGEING: Final = """
SELECT kind, width_bucket(%(last)s - opened_on - 1, %(limits)s::int[]), count(*), sum(abs(signed_fen))::bigint FROM settlement_suspenseitem
WHERE opened_on <= %(last)s AND (resolved_at IS NULL OR (resolved_at AT TIME ZONE %(zone)s)::date > %(last)s)
GROUP BY 1, 2
"""


def reserve_report(scope: Scope) -> Report:
    """What was owed and held each day, by the reports that are filed; a day without one is not reconciled yet."""
    found = fetched(_RESERVE, scope)
    section = Section(
        title=_("By day"),
        columns=(
            text(_("business date")),
            *(
                fen(title, summed=False)
                for title in (
                    _("owed to card holders"), _("owed to merchants"), _("in suspense"), _("our own"), _("held elsewhere"),
                    _("booked after the date"), _("not at the bank yet"), _("closing balance at the bank"),
                )
            ),
            text(_("state")),
        ),
        rows=[
            (day.isoformat(), *figures, str(_("not reconciled") if figures[-1] is None else _("reconciled, no difference")))
            for day, *figures in found
        ],
        leads=[Lead("reserve-day", (("day", day.isoformat()),)) for day, *_figures in found],
    )  # fmt: skip
    return over(scope, "reserve", _("Reserve fund"), section)


def suspense_report(scope: Scope) -> Report:
    """Items by kind and age at the end of the period, and what the accounts of suspense held then."""
    found = fetched(_AGEING, scope, limits=list(BUCKETS_DAYS), zone=str(SHANGHAI))
    cells = {(kind, bucket): (number, amount_fen) for kind, bucket, number, amount_fen in found}
    buckets = range(len(BUCKETS_DAYS) + 1)
    kinds = [kind for kind in SuspenseItem.Kind if any((kind, bucket) in cells for bucket in buckets)]
    titles = [
        *(_("up to %(days)s days") % {"days": days} for days in BUCKETS_DAYS),
        _("more than %(days)s days") % {"days": BUCKETS_DAYS[-1]},
    ]
    items = Section(
        title=_("Unexplained at the bank, by age"),
        columns=(text(_("kind")), *(each for title in titles for each in (count(title), fen(title)))),
        rows=[
            (str(kind.label), *(cell for bucket in buckets for cell in cells.get((kind, bucket), (0, 0))))
            for kind in kinds
        ],
        leads=[Lead("suspense", (("kind__exact", kind.value),)) for kind in kinds],
    )
    totals = chart_totals(until=scope.last)
    accounts = (Chart.SUSPENSE_RECEIVABLE, Chart.SUSPENSE_PAYABLE, Chart.DISPUTED)
    held = Section(
        title=_("Accounts of suspense"),
        columns=(text(_("account")), text(_("name")), fen(_("closing balance"))),
        rows=[
            (chart.value, str(chart.label), totals.get(chart, (0, 0))[0] - totals.get(chart, (0, 0))[1])
            for chart in accounts
        ],
        leads=[Lead("accounts", (("chart__exact", chart.value),)) for chart in accounts],
        note=_("A credit balance is negative."),
    )
    return over(scope, "suspense", _("Suspense by age"), items, held)
