"""The finance reports there are, by code: how each is asked for and who it is for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from settlement.selectors.reports.books import trial_balance_report
from settlement.selectors.reports.cash import cash_report
from settlement.selectors.reports.daily import TITLE, day_report
from settlement.selectors.reports.fees import fees_report, subsidies_report
from settlement.selectors.reports.frame import LANGUAGE, Report
from settlement.selectors.reports.kpis import kpi_report
from settlement.selectors.reports.merchant import merchant_report, statement_report
from settlement.selectors.reports.refunds import refunds_report
from settlement.selectors.reports.scope import Scope
from settlement.selectors.reports.standing import reserve_report, suspense_report
from settlement.selectors.reports.trade import by_dimension


class Readers(StrEnum):
    """Whom a report is for."""

    FINANCE = "finance"
    OPERATIONS = "operations"


@dataclass(frozen=True, slots=True)
class ReportKind:
    """`build` makes the report of a scope. `frozen`: closing a month keeps it. `listed`: it is asked for by itself, not only from another one."""

    code: str
    title: StrOrPromise
    about: StrOrPromise
    build: Callable[[Scope], Report]
    frozen: bool = True
    listed: bool = True
    readers: Readers = Readers.FINANCE

    def document(self, scope: Scope) -> Report:
        """The report in the language of documents, for files and for keeping."""
        with translation.override(LANGUAGE):
            return self.build(scope)


def _trade(code: str, by: str, title: StrOrPromise, about: StrOrPromise) -> ReportKind:
    return ReportKind(code, title, about, partial(by_dimension, by=by, code=code, title=title))


_KINDS: Final = (
    ReportKind("day", TITLE, _("One date with its merchants, channels, suspense and refusals"),
               lambda scope: day_report(scope.last), frozen=False, listed=False),
    _trade("month", "day", _("Monthly settlement"), _("Each date of the month; a date leads to its merchants")),
    _trade("merchants", "merchant", _("Settlement by merchant"), _("Each merchant; one leads to its statement")),
    _trade("lines", "line", _("Trade by line"), _("Each line of bus and metro, and what is on none")),
    _trade("channels", "channel", _("Settlement by channel"), _("Bus, metro, shops and the others")),
    _trade("products", "product", _("Trade by card product"), _("What was paid with which card")),
    _trade("counties", "county", _("Trade by county"), _("Where it was paid")),
    ReportKind("trial-balance", _("Trial balance"), _("Every account before, in and after the month; it closes to zero"), trial_balance_report),
    ReportKind("reserve", _("Reserve fund"), _("Owed and held day by day, agreed with the bank"), reserve_report),
    ReportKind("suspense", _("Suspense by age"), _("Unexplained amounts up to 1, 3, 7, 30 days, and older"), suspense_report),
    ReportKind("fees", _("Fees"), _("By contract, and what else was earned"), fees_report),
    ReportKind("subsidies", _("Subsidies by payer"), _("Claimed, received and still owed"), subsidies_report),
    ReportKind("refunds", _("Refunds"), _("Cards, payments, and what merchants gave back"), refunds_report),
    ReportKind("cash", _("Clerks' cash"), _("The drawer, by clerk, and kiosks short or over"), cash_report, readers=Readers.OPERATIONS),
    ReportKind("kpi", _("Key figures"), _("Coverage, refund time, clearing on time and others"), kpi_report, frozen=False,
               readers=Readers.OPERATIONS),
    ReportKind("merchant", _("Merchant's statement"), _("One merchant's month"), merchant_report, frozen=False, listed=False),
    ReportKind("statement", _("Statement of a date"), _("One merchant's date"), statement_report, frozen=False, listed=False),
)  # fmt: skip
REPORTS: Final[Mapping[str, ReportKind]] = {kind.code: kind for kind in _KINDS}
"""In the order in which they are offered."""
