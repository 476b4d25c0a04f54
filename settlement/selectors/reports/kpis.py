"""Key figures 关键指标 of a period: each is one statement that yields a part and a whole, and what their quotient means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from citizencard.core.calendar import SHANGHAI
from settlement.selectors.reports.frame import Report, Section, count, text
from settlement.selectors.reports.scope import Scope, fetched, over
from settlement.selectors.runs import DUE_BY


@dataclass(frozen=True, slots=True)
class Kpi:
    """`query` yields part and whole over `%(first)s` to `%(last)s` (Shanghai dates); `each`: the quotient is so much for each, no share."""

    code: str
    title: StrOrPromise
    query: str
    parts: StrOrPromise
    wholes: StrOrPromise
    each: StrOrPromise = ""


KPIS: Final = (
    Kpi(
        "coverage",
        _("Citizens with a card in use"),
        """SELECT count(DISTINCT card.citizen_id), (SELECT count(*) FROM accounts_citizen) FROM accounts_card AS card
        WHERE card.citizen_id IS NOT NULL AND card.state = 'active'""",
        _("with an active card, now"),
        _("citizens on record, now"),
    ),
    Kpi(
        "online",
        _("Taps sent at once"),
        """SELECT coalesce(sum(online_taps), 0)::bigint, coalesce(sum(taps), 0)::bigint FROM settlement_rolluprow
        WHERE run_id BETWEEN %(first)s AND %(last)s""",
        _("sent at once"),
        _("taps accepted"),
    ),
    Kpi(
        "held",
        _("Taps held in suspense"),
        """SELECT coalesce(sum(suspended_taps), 0)::bigint, coalesce(sum(taps + suspended_taps), 0)::bigint FROM settlement_rolluprow
        WHERE run_id BETWEEN %(first)s AND %(last)s""",
        _("suspended taps"),
        _("taps received"),
    ),
    Kpi(
        "refund_promise",
        _("Refunds paid as promised"),
        """SELECT count(*) FILTER (WHERE (paid_at AT TIME ZONE %(zone)s)::date <= promised_by), count(*) FROM accounts_refund
        WHERE (paid_at AT TIME ZONE %(zone)s)::date BETWEEN %(first)s AND %(last)s""",
        _("paid by the promised date"),
        _("refunds paid"),
    ),
    Kpi(
        "refund_time",
        _("Time of a refund"),
        """SELECT coalesce(sum(extract(epoch FROM paid_at - requested_at)) / 3600, 0)::bigint, count(*) FROM accounts_refund
        WHERE (paid_at AT TIME ZONE %(zone)s)::date BETWEEN %(first)s AND %(last)s""",
        _("hours from the request to the payment"),
        _("refunds paid"),
        each=_("hours"),
    ),
    Kpi(
        "hot_list",
        _("Hot list published within five minutes"),
        """SELECT count(*) FILTER (WHERE listed.published_at - change.recorded_at <= interval '5 minutes'), count(*)
        FROM terminals_hotlistchange AS change JOIN terminals_hotlistversion AS listed ON listed.version = change.version
        WHERE (change.recorded_at AT TIME ZONE %(zone)s)::date BETWEEN %(first)s AND %(last)s""",
        _("published within five minutes"),
        _("changes published"),
    ),
    Kpi(
        "zero_trade",
        _("Terminals without trade"),
        """SELECT count(*) FILTER (WHERE tapped_at IS NULL OR (tapped_at AT TIME ZONE %(zone)s)::date < %(first)s), count(*)
        FROM terminals_terminal WHERE state = 'active' AND (state_at AT TIME ZONE %(zone)s)::date <= %(last)s""",
        _("without a tap since the period began"),
        _("terminals in service, now"),
    ),
    Kpi(
        "cleared",
        _("Dates cleared in time"),
        """SELECT count(*) FILTER (WHERE finished_at <= (business_date + 1 + %(due_by)s::time) AT TIME ZONE %(zone)s), count(*)
        FROM settlement_clearingrun WHERE state = 'cleared' AND business_date BETWEEN %(first)s AND %(last)s""",
        _("sealed by six in the morning"),
        _("dates sealed"),
    ),
    Kpi(
        "reconciled",
        _("Dates reconciled with the bank"),
        """SELECT count(report.business_date), count(*) FROM core_businessday AS day
        LEFT JOIN settlement_reservereport AS report ON report.business_date = day.date
        WHERE day.state = 'closed' AND day.date BETWEEN %(first)s AND %(last)s""",
        _("with a reserve-fund report"),
        _("dates sealed"),
    ),
    Kpi(
        "differences",
        _("Differences of top-ups still open"),
        """SELECT count(*) FILTER (WHERE closed_at IS NULL OR (closed_at AT TIME ZONE %(zone)s)::date > %(last)s), count(*)
        FROM accounts_topupdifference WHERE first_seen BETWEEN %(first)s AND %(last)s""",
        _("open at the period's end"),
        _("differences found"),
    ),
    Kpi(
        "objections",
        _("Objections decided in time"),
        """SELECT count(*) FILTER (WHERE (decided_at AT TIME ZONE %(zone)s)::date <= due_on), count(*) FROM terminals_hotlistappeal
        WHERE (decided_at AT TIME ZONE %(zone)s)::date BETWEEN %(first)s AND %(last)s""",
        _("decided by the due date"),
        _("objections decided"),
    ),
)


def kpi_report(scope: Scope) -> Report:
    """Every key figure of the period. What is said to be so now is not what it was at the period's end."""
    found = measured(scope)
    section = Section(
        title=_("Key figures"),
        columns=(
            text(_("figure")), text(_("value")), count(_("numerator"), summed=False), text(_("what is counted")),
            count(_("denominator"), summed=False), text(_("of what")),
        ),
        rows=[_row(kpi, *found[kpi.code]) for kpi in KPIS],
    )  # fmt: skip
    return over(scope, "kpi", _("Key figures"), section)


def measured(scope: Scope) -> dict[str, tuple[int, int]]:
    """Part and whole of every key figure by its code. One statement."""
    query = " UNION ALL ".join(f"SELECT '{kpi.code}', figure.* FROM ({kpi.query}) AS figure" for kpi in KPIS)  # noqa: S608
    found = fetched(query, scope, zone=str(SHANGHAI), due_by=DUE_BY)
    return {code: (int(part), int(whole)) for code, part, whole in found}


def _row(kpi: Kpi, part: int, whole: int) -> tuple[str, str, int, str, int, str]:
    return (str(kpi.title), _value(kpi, part, whole), part, str(kpi.parts), whole, str(kpi.wholes))


def _value(kpi: Kpi, part: int, whole: int) -> str:
    """The quotient to one decimal, rounded half up; a dash where there is nothing to divide by."""
    if not whole:
        return "–"
    tenths = (part * (10 if kpi.each else 1000) * 2 + whole) // (2 * whole)
    return f"{tenths // 10:,}.{tenths % 10} {kpi.each or '%'}"
