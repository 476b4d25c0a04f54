"""The finance reports in the office: what there is, each on a page, and as files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _

from citizencard.core.audit import record_audit
from citizencard.core.calendar import shanghai
from citizencard.core.errors import NotFound
from citizencard.office.chart import bars
from citizencard.office.report_tables import pages, report_tables
from citizencard.office.tables import Table
from settlement.exports import report_csv, report_pdf, report_xlsx
from settlement.models import MonthClose, RollUp
from settlement.selectors.months import closed_report
from settlement.selectors.reports.catalogue import REPORTS, Readers, ReportKind
from settlement.selectors.reports.frame import Report
from settlement.selectors.reports.scope import Scope
from settlement.selectors.reports.trade import DIMENSIONS

FILES: Final[Mapping[str, tuple[str, Callable[[Report], bytes]]]] = {
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", report_xlsx),
    "csv": ("text/csv; charset=utf-8", report_csv),
    "pdf": ("application/pdf", report_pdf),
}
_DOWNLOAD: Final = "office.download_settlement"
_READERS: Final[Mapping[Readers, str]] = {
    Readers.FINANCE: "office.view_finance_report",
    Readers.OPERATIONS: "office.view_operations_report",
}


def reports_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Every report that the reader may see, of the month asked for."""
    month = _scope(request).first
    offered = [kind for kind in REPORTS.values() if kind.listed and _may(request, kind)]
    if not offered:
        raise PermissionDenied
    table = Table(
        _("Reports of %(month)s") % {"month": f"{month:%Y-%m}"},
        [_("report"), _("what it shows")],
        [[_link(kind, month), kind.about] for kind in offered],
    )
    context = {"title": _("Finance reports"), "month": month, "tables": [table]}
    return TemplateResponse(request, "office/reports.html", {**site.each_context(request), **context})


def report_page(request: HttpRequest, site: AdminSite, code: str) -> HttpResponse:
    """One report on the screen."""
    kind = _kind(request, code)
    scope = _scope(request)
    report = _asked(kind.build, scope)
    page, last = _page(request), pages(report)
    context = {
        "title": f"{report.title} {report.period}",
        "report": report,
        "scope": scope,
        "terms": dict(scope.terms),
        "tables": report_tables(report, page=page),
        "chart": _chart(report),
        "files": [(form.upper(), _file_url(request, code, form)) for form in FILES],
        "may_download": request.user.has_perm(_DOWNLOAD),
        "older": _turned(request, page + 1) if page < last else "",
        "newer": _turned(request, page - 1) if page > 1 else "",
        "place": _("Page %(page)s of %(last)s") % {"page": page, "last": last} if last > 1 else "",
        "close": MonthClose.objects.filter(
            month=scope.first.replace(day=1), state=MonthClose.State.CLOSED
        ).first(),
    }
    return TemplateResponse(request, "office/report.html", {**site.each_context(request), **context})


def report_file(request: HttpRequest, site: AdminSite, code: str, form: str) -> HttpResponse:
    """The same report as a file; of a closed month the one that was kept. Audited."""
    kind = _kind(request, code)
    if form not in FILES:
        raise Http404
    if not request.user.has_perm(_DOWNLOAD):
        raise PermissionDenied
    scope = _scope(request)
    report = closed_report(scope, code) or _asked(kind.document, scope)
    return report_answer(request, report, form, terms=scope.terms)


def report_answer(
    request: HttpRequest, report: Report, form: str, *, terms: tuple[tuple[str, str], ...] = ()
) -> HttpResponse:
    """A report as a file of one of FILES; who took it is audited."""
    media_type, write = FILES[form]
    name = "-".join((report.code, *(value for _term, value in terms), report.period.replace("–", "-")))
    record_audit(
        actor=request.user.get_username(),
        action="settlement.download",
        subject=f"report:{report.code}:{report.period}",
        detail={"format": form, **dict(terms)},
    )
    return as_file(write(report), media_type, f"{name}.{form}")


def as_file(content: bytes, media_type: str, name: str) -> HttpResponse:
    """An answer that browsers keep as a file."""
    answer = HttpResponse(content, content_type=media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{_plain(name)}"'
    return answer


def _plain(name: str) -> str:
    """No sign that ends the name, or that a header cannot hold."""
    return "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_.") else "_" for sign in name)


def _kind(request: HttpRequest, code: str) -> ReportKind:
    kind = REPORTS.get(code)
    if kind is None:
        raise Http404
    if not _may(request, kind):
        raise PermissionDenied
    return kind


def _may(request: HttpRequest, kind: ReportKind) -> bool:
    return request.user.has_perm(_READERS[kind.readers])


def _asked(build: Callable[[Scope], Report], scope: Scope) -> Report:
    try:
        return build(scope)
    except NotFound as error:
        raise Http404 from error


def _scope(request: HttpRequest) -> Scope:
    """What was asked for: `?day=`, or `?month=` with or without `?until=`, and one value each of the dimensions named."""
    asked = request.GET
    only = {each: asked[each].replace("\x00", "") for each in DIMENSIONS if asked.get(each)}
    try:
        if "day" in asked:
            return Scope.day(date.fromisoformat(asked["day"]), only=only)
        month = date.fromisoformat(f"{asked['month']}-01") if asked.get("month") else _last_day()
        until = date.fromisoformat(asked["until"]) if asked.get("until") else None
        return Scope.month(month, until=until, only=only)
    except (ValueError, OverflowError) as error:
        raise Http404 from error


def _last_day() -> date:
    """The last date with figures; today where there is none."""
    last = RollUp.objects.order_by("-run_id").values_list("run_id", flat=True).first()
    return last or shanghai(timezone.now()).date()


def _chart(report: Report) -> dict[str, Any]:
    """The first table's chart, if it has one."""
    section = report.sections[0]
    if section.drawn is None:
        return {}
    words, figure = section.drawn
    values = [(str(row[words]), int(row[figure] or 0)) for row in section.rows]
    return {"title": section.columns[figure].title, "bars": bars(values)}


def _link(kind: ReportKind, month: date) -> str:
    url = f"{reverse('admin:report', args=[kind.code])}?month={month:%Y-%m}"
    return format_html('<a href="{}">{}</a>', url, kind.title)


def _file_url(request: HttpRequest, code: str, form: str) -> str:
    return f"{reverse('admin:report_file', args=[code, form])}?{request.GET.urlencode()}"


def _page(request: HttpRequest) -> int:
    asked = request.GET.get("page", "1")
    return max(1, int(asked)) if asked.isdecimal() and len(asked) < 6 else 1


def _turned(request: HttpRequest, page: int) -> str:
    return "?" + urlencode({**request.GET.dict(), "page": page})
