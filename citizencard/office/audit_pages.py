"""The auditor's view of the audit trail: looked through by actor, act, subject, date and words, and taken away as a file."""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from citizencard.core.audit import record_audit
from citizencard.core.audit_search import AuditFilter
from citizencard.core.masks import mask_card
from citizencard.core.models import AuditEntry
from citizencard.office.report_pages import FILES, as_file
from citizencard.office.tables import Table, at, link
from settlement.selectors.reports.frame import Report, Section, text

SHOWN: Final = 100
EXPORT_MAX: Final = 50_000
"""So many entries are read in a spreadsheet; for more, the date range is divided."""
FORMS: Final = ("xlsx", "csv")
_PAN: Final = re.compile(r"(?<!\d)\d{19}(?!\d)")
_COLUMNS: Final = (
    gettext_lazy("at"),
    gettext_lazy("actor"),
    gettext_lazy("action"),
    gettext_lazy("subject"),
    gettext_lazy("detail"),
    gettext_lazy("IP address"),
)


class FilterForm(forms.Form):
    """What is looked for."""

    actor = forms.CharField(label=gettext_lazy("actor"), required=False, max_length=150)
    action = forms.CharField(label=gettext_lazy("action"), required=False, max_length=60)
    subject = forms.CharField(label=gettext_lazy("subject"), required=False, max_length=100)
    words = forms.CharField(label=gettext_lazy("words in the detail"), required=False, max_length=100)
    first = forms.DateField(
        label=gettext_lazy("from the date"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    last = forms.DateField(
        label=gettext_lazy("to the date"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )


@permission_required("core.view_auditentry", raise_exception=True)
def audit_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """The newest entries that fit, a page at a time: `?before=` is the id of the last one on the page before."""
    form, wanted = _asked(request)
    before = request.GET.get("before", "")
    entries = wanted.entries()
    if before.isdecimal() and len(before) < 19:
        entries = entries.filter(pk__lt=int(before))
    page = list(entries[: SHOWN + 1])
    given = {name: value for name, value in request.GET.items() if name != "before" and value}
    older = urlencode({**given, "before": page[SHOWN - 1].pk}) if len(page) > SHOWN else ""
    context = {
        **site.each_context(request),
        "title": _("Audit trail"),
        "form": form,
        "files": [(kind.upper(), kind) for kind in FORMS],
        "given": urlencode(given),
        "older": older,
        "tables": [Table(_("Entries"), _COLUMNS, [_row(entry) for entry in page[:SHOWN]])],
    }
    return TemplateResponse(request, "office/audit.html", context)


@permission_required("core.view_auditentry", raise_exception=True)
def audit_file(request: HttpRequest, site: AdminSite, form: str) -> HttpResponse:
    """The same entries as a file, card numbers masked. Taking it away is an entry itself."""
    if form not in FORMS:
        raise Http404
    _form, wanted = _asked(request)
    rows = [_cells(entry) for entry in wanted.entries()[: EXPORT_MAX + 1]]
    if len(rows) > EXPORT_MAX:
        messages.error(
            request, _("More than %(count)s entries: please divide the dates.") % {"count": EXPORT_MAX}
        )
        return redirect(f"..?{request.GET.urlencode()}")
    given = {name: value for name, value in request.GET.items() if value}
    record_audit(
        actor=request.user.get_username(),
        action="audit.export",
        subject="audit",
        detail={"format": form, "entries": len(rows), "filter": given},
    )
    today = timezone.localdate()
    report = Report(
        code="audit",
        title=_("Audit trail"),
        first=wanted.first or today,
        last=wanted.last or today,
        as_of=today,
        sections=(Section(_("Entries"), tuple(text(title) for title in _COLUMNS), rows),),
        facts=((_("taken by"), request.user.get_username()),),
    )
    media_type, write = FILES[form]
    return as_file(write(report), media_type, f"audit-{report.period}.{form}")


def _asked(request: HttpRequest) -> tuple[FilterForm, AuditFilter]:
    """The form as filled in, and what of it can be understood."""
    form = FilterForm({name: str(value).replace("\x00", "") for name, value in request.GET.items()})
    form.is_valid()
    return form, AuditFilter(**{name: value for name, value in form.cleaned_data.items() if value})


def _row(entry: AuditEntry) -> list[Any]:
    moment, *others = _cells(entry)
    return [link(entry, moment), *others]


def _cells(entry: AuditEntry) -> tuple[str, ...]:
    detail = json.dumps(entry.detail, ensure_ascii=False, sort_keys=True) if entry.detail else ""
    return (
        at(entry.at),
        entry.actor,
        entry.action,
        _masked(entry.subject),
        _masked(detail),
        entry.ip or "",
    )


def _masked(words: str) -> str:
    return _PAN.sub(lambda found: mask_card(found[0]), words)
