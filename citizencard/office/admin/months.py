"""Closed months: proposed, decided on by another person, and what was kept of each."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from citizencard.office.admin.deciding import DECISION, DecidedAdmin, approving
from citizencard.office.reasons import ask_new
from citizencard.office.settlement_forms import MonthForm
from citizencard.office.site import office
from citizencard.office.tables import Table
from settlement.models import MonthClose
from settlement.selectors.reports.catalogue import REPORTS
from settlement.services.months import approve_close, propose_close, refuse_close


@admin.register(MonthClose, site=office)
class MonthCloseAdmin(DecidedAdmin):
    """Months that are closed, or that somebody has proposed to close."""

    list_display = ["__str__", "state_label", "maker", "made_at", "checker", "checked_at"]
    may_propose, may_decide = "settlement.propose_monthclose", "settlement.approve_monthclose"
    fields = ["month", *DECISION]
    ordering = ["-month", "-pk"]
    approve = approving(_("Close for good"))

    def tables(self, request: HttpRequest, obj: MonthClose) -> list[Table]:
        """The reports that were kept, with their digests."""
        rows = [
            [_report_link(obj, kept.code), f"{len(bytes(kept.content)):,}", bytes(kept.digest).hex()]
            for kept in obj.reports.order_by("pk")
        ]
        return [Table(_("Reports kept"), [_("report"), _("bytes"), _("SHA-256")], rows, frozenset({1}))]

    @action(description=_("Close a month"), permissions=["propose"], icon="event_available", variant=None)
    def propose(self, request: HttpRequest) -> HttpResponse:
        """Propose it to a second person."""

        def act(given: dict[str, Any]) -> MonthClose:
            return propose_close(month=given["month"], maker=request.user.get_username())

        return ask_new(request, self, title=gettext("Close a month"), form=MonthForm, act=act)

    def agree(self, row: MonthClose, checker: str) -> MonthClose:
        """The reports are kept."""
        return approve_close(close=row, checker=checker)

    def turn_down(self, row: MonthClose, checker: str, reason: str) -> MonthClose:
        """It stays open."""
        return refuse_close(close=row, checker=checker, reason=reason)


def _report_link(close: MonthClose, code: str) -> str:
    url = f"{reverse('admin:report', args=[code])}?month={close}"
    return format_html('<a href="{}">{}</a>', url, REPORTS[code].title)
