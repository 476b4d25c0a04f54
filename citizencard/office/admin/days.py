"""Business days and their clearing: the settlement report on the screen and as a file."""

from __future__ import annotations

from datetime import date

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from citizencard.core.models import BusinessDay
from citizencard.office.admin.base import ReadOnlyAdmin, yuan_column
from citizencard.office.admin.day_tables import positions_table, refusals_table
from citizencard.office.admin.runs import run_tables
from citizencard.office.report_pages import report_answer
from citizencard.office.report_tables import report_tables
from citizencard.office.site import office
from citizencard.office.tables import Table
from settlement.models import ClearingRun, ProofHead
from settlement.selectors.reports.catalogue import REPORTS
from settlement.selectors.reports.daily import day_report
from settlement.selectors.reports.scope import Scope


@admin.register(BusinessDay, site=office)
class BusinessDayAdmin(ReadOnlyAdmin):
    """A settlement window: its report so far, and every record refused in it."""

    list_display = ["date", "state_label", "opened_at", "closed_at"]
    list_filter = ["state"]
    fields = ["date", "state", "opened_at", "closed_at"]
    ordering = ["-date"]

    @display(description=_("state"), ordering="state", label={"open": "success", "closing": "warning"})
    def state_label(self, obj: BusinessDay) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    def tables(self, request: HttpRequest, obj: BusinessDay) -> list[Table]:
        """The day's report and its refusals one by one."""
        return [*report_tables(day_report(obj.date)), refusals_table(obj.date)]


@admin.register(ClearingRun, site=office)
class ClearingRunAdmin(ReadOnlyAdmin):
    """The settlement report of a business date, ready to download."""

    list_display = ["business_date", "state_label", "taps", "gross", "fee", "net", "finished_at", "proved"]
    list_filter = ["state"]
    fields = [
        "business_date", "state", "taps", "gross", "fee", "net", "started_at", "finished_at", "digest_hex", "proved",
    ]  # fmt: skip
    readonly_fields = ["gross", "fee", "net", "digest_hex", "proved"]
    ordering = ["-business_date"]
    actions_detail = ["download_xlsx", "download_csv", "download_pdf"]
    gross = yuan_column("gross_fen", _("gross (yuan)"))
    fee = yuan_column("fee_fen", _("fees (yuan)"))
    net = yuan_column("net_fen", _("net (yuan)"))

    @display(description=_("state"), ordering="state", label={"cleared": "success", "cut_off": "warning",
                                                              "netted": "warning", "posted": "warning"})  # fmt: skip
    def state_label(self, obj: ClearingRun) -> tuple[str, str]:
        """The state in its colour."""
        return obj.state, obj.get_state_display()

    @display(description=_("digest of the statements"))
    def digest_hex(self, obj: ClearingRun) -> str:
        """What the run's statements can be checked against."""
        return bytes(obj.digest).hex() if obj.digest else "–"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ClearingRun]:
        """With whether there is a signed head."""
        found: QuerySet[ClearingRun] = super().get_queryset(request)
        heads = ProofHead.objects.filter(business_date=OuterRef("business_date"))
        return found.annotate(has_head=Exists(heads))

    @display(description=_("proved"), boolean=True)
    def proved(self, obj: ClearingRun) -> bool:
        """Whether the date has a signed head; a cleared one without is an alarm."""
        return bool(getattr(obj, "has_head", False))

    def tables(self, request: HttpRequest, obj: ClearingRun) -> list[Table]:
        """How far it has come, what its checks found broken, the settlement report, and what each party gets or gives."""
        day = obj.business_date
        return [*run_tables(day), *report_tables(day_report(day)), positions_table(obj)]

    @action(description=_("Download XLSX"), permissions=["download"], icon="download")
    def download_xlsx(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The report as a workbook."""
        return _download(request, object_id, "xlsx")

    @action(description=_("Download CSV"), permissions=["download"], icon="download")
    def download_csv(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The same figures as CSV."""
        return _download(request, object_id, "csv")

    @action(description=_("Download PDF"), permissions=["download"], icon="download")
    def download_pdf(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The same figures on paper."""
        return _download(request, object_id, "pdf")


def _download(request: HttpRequest, object_id: str, form: str) -> HttpResponse:
    try:
        day = date.fromisoformat(unquote(object_id))
    except ValueError as error:
        raise Http404 from error
    if not ClearingRun.objects.filter(pk=day).exists():
        raise Http404
    return report_answer(request, REPORTS["day"].document(Scope.day(day)), form)
